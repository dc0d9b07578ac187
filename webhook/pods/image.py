"""Image references as github.com/distribution/reference reads them: parse, normalise, print.

The facts about that library come from its reference.go, regexp.go and normalize.go at 0965666.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

import msgspec

from webhook.pods.text import quote

# No reference that can be pulled is longer: 253 characters of host name (RFC 1035), a port, 255 of path, 128 of tag and
# 135 of digest make 780. The library itself sets no limit on hosts and ports; airlock refuses what is beyond unread.
LONGEST = 1024
_LONGEST_PATH = 255

# Every repetition is possessive: it gives nothing back, so a match is one pass over the text, whatever the text is.
_STRAY = re.compile(r"[^\w.\-/:@\[\]]", re.ASCII)
_LABEL = r"[a-zA-Z0-9]++(?:-++[a-zA-Z0-9]++)*+"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*+|\[[a-fA-F0-9:]++\])(?::[0-9]++)?+")
_PART = r"[a-z0-9]++(?:(?:\.|__?+|-++)[a-z0-9]++)*+"
_PATH = re.compile(rf"{_PART}(?:/{_PART})*+")
_TAG = re.compile(r"\w[\w.\-]{0,127}+", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}+|sha512:[0-9a-f]{128}+")
_IDENTIFIER = re.compile(r"[0-9a-f]{64}+")


class ImageError(ValueError):
    """A text that is not an image reference; says which part of it is wrong."""


class Image(msgspec.Struct, frozen=True):
    """An image reference, normalised: what names one repository has one *domain* and *path*, however it was written.

    Capitals make no difference in a host, so *domain* is lower-case. Only a host that nothing but its capitals tells
    from a path (`Team/app`, which the library takes for a host) is upper-case, so that it is one again when printed.
    *domain* is empty for a first part such as `foo_bar.com`: no host by the grammar, yet no name on Docker Hub either.
    """

    domain: str
    path: str
    tag: str | None = None
    digest: str | None = None

    @property
    def repository(self) -> str:
        """The reference without tag and digest.

        >>> parse("nginx:1.27").repository
        'docker.io/library/nginx'
        """
        return f"{self.domain}/{self.path}" if self.domain else self.path

    @property
    def effective_tag(self) -> str:
        """The tag that a registry is asked for: `latest` without tag and digest, empty with nothing but a digest.

        >>> parse("localhost:5000/app").effective_tag
        'latest'
        """
        if self.tag is None:
            return "" if self.digest else "latest"
        return self.tag

    def __str__(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        digest = "" if self.digest is None else f"@{self.digest}"
        return f"{self.repository}{tag}{digest}"


def parse(text: str) -> Image:
    """Return what *text* refers to, or raise `ImageError`.

    >>> parse("localhost:5000/app")
    Image(domain='localhost:5000', path='app', tag=None, digest=None)
    >>> parse("localhost:5000")
    Image(domain='docker.io', path='library/localhost', tag='5000', digest=None)

    A digest is sha256 or sha512: these the OCI image specification registers (descriptor.md, "Registered algorithms").
    sha384 is refused. It was never registered there, go-digest no longer takes it unasked (137fd2b, algorithm.go), and
    the kubelets that do (kubernetes v1.36.2, pkg/util/parsers/parsers.go) take it only since crypto/sha512 brings it.
    """
    read = _read(text)
    if isinstance(read, str):
        raise ImageError(f"{quote(text)} is not an image reference: {read}")
    return read


def familiar(image: Image) -> str:
    """Return *image* as people write it: without the host of Docker Hub, and without `library/` there.

    >>> familiar(parse("docker.io/library/redis:7")), familiar(parse("r.example/a/b"))
    ('redis:7', 'r.example/a/b')
    """
    return str(image).removeprefix("docker.io/").removeprefix("library/") if image.domain == "docker.io" else str(image)


def default_pull_policy(text: str) -> str:
    """Return the pull policy that the API server gives to an image *text* for which none is written.

    `Always` for the tag `latest`, written or implied, even with a digest behind it; else `IfNotPresent`, also for what
    cannot be parsed (kubernetes v1.36.2, pkg/apis/core/v1/defaults.go, SetDefaults_Container).

    >>> default_pull_policy("nginx"), default_pull_policy("nginx:Latest"), default_pull_policy("")
    ('Always', 'IfNotPresent', 'IfNotPresent')
    """
    read = _read(text)
    return "Always" if isinstance(read, Image) and read.effective_tag == "latest" else "IfNotPresent"


def _read(text: str) -> Image | str:
    """Return what *text* refers to, or why it refers to nothing."""
    if len(text) > LONGEST:  # nor remembered: the memory it takes is the sender's choice
        return f"it has {len(text)} characters, more than {LONGEST}"
    return _remembered(text)


@lru_cache(maxsize=4096)
def _remembered(text: str) -> Image | str:
    rest, at, digest = text.partition("@")
    colon = rest.find(":", rest.rfind("/") + 1)  # a colon before the last slash is a port's
    name, tag = (rest, None) if colon < 0 else (rest[:colon], rest[colon + 1 :])
    image = Image(*_normalised(name), tag, digest if at else None)
    return next(_faults(text, name, image), image)


def _normalised(name: str) -> tuple[str, str]:
    """Return domain and path of *name*, a reference without its tag and digest."""
    first, slash, rest = name.partition("/")
    if not slash:
        return "docker.io", f"library/{name}"
    domain = first.lower()
    is_host = domain == "localhost" or "." in first or ":" in first
    if not is_host and domain == first:
        return "docker.io", name
    if domain in {"docker.io", "index.docker.io"}:
        return "docker.io", rest if "/" in rest else f"library/{rest}"
    if "_" in first and _PATH.fullmatch(name):
        return "", name
    return domain if is_host else first.upper(), rest


def _faults(text: str, name: str, image: Image) -> Iterator[str]:
    """Yield what keeps *text*, which would be *image*, from being a reference; the first is the one to tell."""
    if stray := _STRAY.search(text):  # before all others: lower() and upper() make ASCII of some letters that are not
        yield f"no part of one holds {stray[0]!a}"
    if not name:
        yield "it has no name"
    if _IDENTIFIER.fullmatch(text):
        yield "64 hexadecimal digits alone are an image's id, not its name"
    if image.domain and not _DOMAIN.fullmatch(image.domain):
        yield f"{quote(image.domain, 60)} is not a host with an optional port"
    if len(image.path) > _LONGEST_PATH:
        yield f"its path has {len(image.path)} characters, more than {_LONGEST_PATH}"
    if not _PATH.fullmatch(image.path):
        yield "each part of its path must be lower-case letters and digits, joined by '.', '_', '__' or dashes"
    if image.tag is not None and not _TAG.fullmatch(image.tag):
        yield "its tag must be 1 to 128 letters, digits, '_', '.' and '-', the first neither '.' nor '-'"
    if image.digest is not None and not _DIGEST.fullmatch(image.digest):
        yield "its digest must be sha256: and 64, or sha512: and 128 lower-case hexadecimal digits"
