"""Image references and the classes of their tags, as expressions of CEL over one normalised reference.

The API server's CEL has no parser of references. A reference is completed to host, path and the rest first; then one
expression after the other asks for a class, in the order of the policy's entries and of the built-in table.
"""

from collections.abc import Iterator
from itertools import groupby

import re2

from webhook.backstop import cel
from webhook.grammar.glob import program
from webhook.grammar.pattern import ImageGlob
from webhook.pods.tags import FROZEN, FULL_VERSION, KINDS, Kind, TagClass
from webhook.rules.tag_trust import MutableTagOptions, TagEntry

GOOD, UNKNOWN, BAD = 0, 1, 2  # a class of images as a number
_NUMBERS = {TagClass.IMMUTABLE: GOOD, TagClass.UNRECOGNISED: UNKNOWN, TagClass.MUTABLE: BAD}

_DIGEST = "@(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})"
_LABEL = "[a-zA-Z0-9]+(?:-+[a-zA-Z0-9]+)*"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_REFERENCE = f"(?:{_HOST}/)?{_PART}(?:/{_PART})*(?::{_TAG})?(?:{_DIGEST})?"
_ID = "[0-9a-f]{64}"  # of an image, which is not a name
_LONGEST = 1024

# What an ImageGlob's expression has between its parts, and stands for when nothing is asked of one.
_SLASH, _COLON, _ANY = re2.escape("/"), re2.escape(":"), "[^ ]*"
_HUB, _LIBRARY = re2.escape("docker.io"), re2.escape("library/")

# Without a host that shows as one (a dot, a port, capitals), the first part belongs to a path on Docker Hub.
_HOSTED = "(?:localhost|[^/]*[.:A-Z][^/]*)/.*"


def normalised(image: str) -> str:
    """Return the expression for the whole reference that the text *image* stands for: its host is written out.

    An image's id becomes something that is not a reference.
    """
    ways = [(cel.matches(image, _HOSTED), image), (cel.matches(image, _ID), f'{image} + "!"')]
    return cel.first(ways, f'"docker.io/" + {image}')


def classed(reference: str, trusting: str, options: MutableTagOptions) -> str:
    """Return the class of an image as a number, for its normalised *reference*.

    *trusting* is whether its pull policy trusts the node's cache.
    """
    malformed = f"(size({reference}) > {_LONGEST} || !{cel.matches(reference, _REFERENCE)})"
    digest = cel.matches(reference, f".*{_DIGEST}")
    if options.require_digest:
        return cel.first([(malformed, str(BAD)), (digest, str(GOOD))], str(BAD))
    ways = [(malformed, str(BAD)), (digest, str(GOOD)), (f"!{trusting}", str(GOOD)), *_entries(reference, options.tags)]
    return cel.first([*ways, *_kinds(reference)], str(UNKNOWN))


def _entries(reference: str, tags: tuple[TagEntry, ...]) -> Iterator[tuple[str, str]]:
    for entry in tags:
        asked = [cel.matches(reference, _tagged(f"(?:{entry.match.expression(entry.match.source)})"))]
        if entry.images:
            asked.append(cel.any_of(cel.matches(reference, image_pattern(glob)) for glob in entry.images))
        yield cel.all_of(asked), str(BAD if entry.is_ == "mutable" else GOOD)


def _kinds(reference: str) -> Iterator[tuple[str, str]]:
    """Yield the rows of the built-in table, those next to each other with one class and publisher as one."""
    yield cel.matches(reference, "[^@]*/[^:@]+"), str(BAD)  # no tag is latest
    for (is_, images), kinds in groupby(KINDS, key=lambda kind: (kind.is_, kind.images)):
        yield cel.matches(reference, _pattern(images, list(kinds))), str(_NUMBERS[is_])


def _pattern(images: str, kinds: list[Kind]) -> str:
    tags = "|".join(f"(?:{kind.pattern})" for kind in kinds)
    return f"(?i:(?:{images}):(?:{tags}))" if images else f"(?i:.*/[^/:@]+:(?:{tags}))"


def frozen(images: str) -> str:
    """Return what to name in place of the tags of *images*, a list of maps with a `reference`: a list of words.

    What a full version is to others is something else to some publishers.
    """
    ways = [(cel.matches("c.reference", f"(?i:(?:{of})(?:[:@].*)?)"), cel.text(words)) for of, words in FROZEN]
    said = [f"({images}.exists(c, {published}) ? [{words}] : [])" for published, words in ways]
    others = f"{images}.exists(c, !{cel.any_of(published for published, _ in ways)})"
    return " + ".join([f"({others} ? [{cel.text(FULL_VERSION)}] : [])", *said])


def _tagged(tag: str) -> str:
    """Return the pattern for references with a tag that matches *tag*; no tag at all is `latest`."""
    return f"(?:.*/[^/:@]+:{tag}|.*/[^/:@]+)" if _is_latest(tag) else f".*/[^/:@]+:{tag}"


def image_pattern(glob: ImageGlob) -> str:
    """Return the pattern for normalised references that *glob* matches."""
    repository, tag, digest = glob.parts(glob.source)
    host, path = repository.split(_SLASH, 1)
    if host == _HUB:
        host, path = f"(?:index[.])?{host}", path.replace(_LIBRARY, f"(?:{_LIBRARY})?", 1)
    tagged = "(?::[^@]*)?" if tag == _ANY else f"(?:{tag})?" if _is_latest(tag.removeprefix(_COLON)) else tag
    return f"(?i:{host})/{path}{tagged}{'(?:@.*)?' if digest == _ANY else digest}"


def _is_latest(tag: str) -> bool:
    return program(tag).fullmatch(b"latest") is not None
