"""Image references: what each text is, by case files, by laws and by the grammar written down a second time."""

import itertools
import re
from dataclasses import dataclass
from typing import Any

import pytest
import re2
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness import places
from webhook.pods import image
from webhook.pods.image import Image, ImageError, default_pull_policy, parse

CASES = places.CASES / "image"
_REPEATED = re.compile(r"<(\d+) (\w)>")  # in a case <64 a> stands for 64 times a

law = settings(max_examples=100)


@dataclass(frozen=True, slots=True)
class Case:
    """One entry of a file: a text, the image that it is or the reason why it is none, and its default pull policy."""

    input: str
    image: Image | None
    error: str
    pull_policy: str


def load(entry: dict[str, str]) -> Case:
    """Return the case that *entry* of a file describes."""
    full = {key: _REPEATED.sub(lambda run: run[2] * int(run[1]), value) for key, value in entry.items()}
    error = full.pop("error", "")
    text, pull_policy = full.pop("input"), full.pop("pullPolicy")
    return Case(text, None if error else Image(**full), error, pull_policy)


def cases() -> list[Any]:
    """Return every entry of every file, named by the file's sentence and the text as it is written there."""
    return [
        pytest.param(load(entry), id=f"{path.stem}: {entry['input']!a}")
        for path in sorted(CASES.glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text())
    ]


@pytest.mark.parametrize("case", cases())
def test_a_text_is_what_its_case_says(case: Case) -> None:
    if case.image:
        assert parse(case.input) == case.image
    else:
        with pytest.raises(ImageError) as caught:
            parse(case.input)
        assert str(caught.value).endswith(f" is not an image reference: {case.error}")


@pytest.mark.parametrize("case", cases())
def test_an_omitted_pull_policy_is_the_one_that_the_api_server_fills_in(case: Case) -> None:
    assert default_pull_policy(case.input) == case.pull_policy


def test_an_image_prints_its_full_reference_and_invents_no_tag() -> None:
    assert str(parse("nginx")) == "docker.io/library/nginx"
    assert str(parse(f"foo_bar.com/a:1@sha256:{'a' * 64}")) == f"foo_bar.com/a:1@sha256:{'a' * 64}"


def test_a_repository_has_neither_tag_nor_digest() -> None:
    assert parse(f"r.io:5000/a:1@sha256:{'a' * 64}").repository == "r.io:5000/a"


@pytest.mark.parametrize(
    ("text", "tag"),
    [("a", "latest"), ("a:1", "1"), (f"a@sha256:{'a' * 64}", ""), (f"a:1@sha256:{'a' * 64}", "1")],
)
def test_latest_is_implied_only_where_no_digest_is(text: str, tag: str) -> None:
    assert parse(text).effective_tag == tag


def test_a_text_that_comes_again_is_not_parsed_again() -> None:
    assert parse("apache/airflow:3.2.2") is parse("apache/airflow:3.2.2")


def test_each_failure_is_an_error_of_its_own() -> None:
    # One instance raised again would keep every traceback that it has seen.
    with pytest.raises(ImageError) as first:
        parse("Broken")
    with pytest.raises(ImageError) as second:
        parse("Broken")
    assert first.value is not second.value


def test_no_pattern_gives_back_what_it_took() -> None:
    patterns = [value.pattern for value in vars(image).values() if isinstance(value, re.Pattern)]
    atoms = [re.sub(r"\\.|\[[^]]*\]|\(\?:", "x", re.sub(r"\\[\[\]]", "x", pattern)) for pattern in patterns]
    repetitions = [end for pattern in atoms for end in re.findall(r"[*+?}].?", pattern)]
    assert len(repetitions) > len(patterns)
    assert {end[1:] for end in repetitions} == {"+"}


# References by the grammar, in parts. The pieces are those at which other parsers have gone wrong.
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LOWER = st.text(_LETTERS + "0123456789", min_size=1, max_size=8)
_PARTS = st.builds(
    lambda first, rest: first + "".join(rest),
    _LOWER,
    st.lists(st.builds(str.__add__, st.sampled_from([".", "_", "__", "-", "---"]), _LOWER), max_size=2),
)
_PATHS = st.lists(_PARTS, min_size=1, max_size=4).map("/".join)
_PORTS = st.one_of(st.just(""), st.integers(0, 99999).map(":{}".format))
_DOMAINS = st.builds(
    str.__add__,
    st.one_of(
        st.just("localhost"),
        st.lists(_LOWER, min_size=2, max_size=4).map(".".join),
        st.ip_addresses(v=6).map("[{}]".format),
    ),
    _PORTS,
).filter(lambda domain: domain not in {"docker.io", "index.docker.io"})
_TAGS = st.builds(
    str.__add__,
    st.sampled_from(_LETTERS + _LETTERS.upper() + "0123456789_"),
    st.text(_LETTERS + _LETTERS.upper() + "0123456789_.-", max_size=127),
)
_HEX = "0123456789abcdef"
_DIGESTS = st.one_of(
    st.text(_HEX, min_size=64, max_size=64).map("sha256:{}".format),
    st.text(_HEX, min_size=128, max_size=128).map("sha512:{}".format),
)
_IMAGES = st.builds(Image, _DOMAINS, _PATHS, st.none() | _TAGS, st.none() | _DIGESTS)
_PIECES = (
    *("a", "A", "0", ".", "_", "__", "-", "/", ":", "@", "[", "%", " ", "\n", "\u212a", "\u0430"),
    *("b/c", "localhost", "docker.io/", "Docker.io", "index.docker.io/", "foo_bar.com/", "[::1]", "[ABC]/", ":5000"),
    *(":latest", "@sha256:", "a" * 64, "a" * 240, f"@sha256:{'a' * 64}"),
)
_NEARLY = st.lists(st.sampled_from(_PIECES), max_size=8).map("".join)
_ANYTHING = st.one_of(st.text(st.characters()), _NEARLY, _IMAGES.map(str))


def read(text: str) -> Image | None:
    """Return what *text* is, None when it is nothing."""
    try:
        return parse(text)
    except ImageError:
        return None


@law
@given(_IMAGES)
def test_the_parts_that_a_reference_was_made_of_are_found_again(made: Image) -> None:
    assert parse(str(made)) == made


@law
@given(_ANYTHING)
def test_what_an_image_prints_is_the_same_image(text: str) -> None:
    if found := read(text):
        assert parse(str(found)) == found


@law
@given(_ANYTHING)
def test_a_text_is_an_image_or_an_error_that_can_be_shown(text: str) -> None:
    if read(text) is None:
        with pytest.raises(ImageError, match=r"^.{40,400}\Z") as caught:
            parse(text)
        assert str(caught.value).isprintable()


@law
@given(_IMAGES, _DIGESTS)
def test_a_digest_is_found_whatever_stands_before_it(made: Image, digest: str) -> None:
    assert parse(f"{made.repository}@{digest}").digest == digest
    assert parse(f"{made.repository}:latest@{digest}").digest == digest


@law
@given(_IMAGES)
def test_capitals_in_a_host_make_no_difference(made: Image) -> None:
    assert parse(str(made).replace(made.domain, made.domain.upper(), 1)) == made


@law
@given(_ANYTHING)
def test_a_pull_policy_defaults_to_always_exactly_for_the_tag_latest(text: str) -> None:
    found = read(text)
    latest = found is not None and (found.tag == "latest" or found.tag is found.digest is None)
    assert (default_pull_policy(text) == "Always") == latest


# The grammar again, from the comment at the top of distribution/reference's reference.go, production by production, on
# RE2: with separators that may be empty, as they are there, `re` would not come to an end.
_COMPONENT = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REMOTE = "[a-z0-9]+(?:(?:[_.]|__|[-]*)[a-z0-9]+)*"
_REFERENCE = re2.compile(
    rf"(?:(?P<domain>(?:{_COMPONENT}(?:\.{_COMPONENT})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?)/)?"
    rf"(?P<path>{_REMOTE}(?:/{_REMOTE})*)"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?"
)


def by_the_grammar(text: str) -> Image | None:
    """Return what *text* is, read by one expression, after which the rules of normalize.go apply."""
    match = _REFERENCE.fullmatch(text) if text.isascii() else None
    if match is None or re.fullmatch("[0-9a-f]{64}", text):
        return None
    domain, path = match["domain"] or "", match["path"]
    if domain and domain.lower() == domain and not re.search("[.:]", domain) and domain != "localhost":
        domain, path = "docker.io", f"{domain}/{path}"
    if not domain and not ("/" in path and "." in path.partition("/")[0]):
        domain, path = "docker.io", path if "/" in path else f"library/{path}"
    if domain.lower() in {"docker.io", "index.docker.io"}:
        domain, path = "docker.io", path if "/" in path else f"library/{path}"
    domain = domain.lower() if re.search("[.:]", domain) or domain.lower() == "localhost" else domain.upper()
    return Image(domain, path, match["tag"], match["digest"]) if len(path) <= 255 else None


@pytest.mark.parametrize("first", _PIECES, ids=lambda piece: ascii(piece[:12]))
def test_what_begins_so_is_what_the_grammar_says(first: str) -> None:
    texts = ["".join((first, *rest)) for length in range(3) for rest in itertools.product(_PIECES, repeat=length)]
    assert [text for text in texts if read(text) != by_the_grammar(text)] == []


@law
@given(_NEARLY | _IMAGES.map(str))
def test_a_text_is_what_the_grammar_says(text: str) -> None:
    assert len(text) > 1024 or read(text) == by_the_grammar(text)
