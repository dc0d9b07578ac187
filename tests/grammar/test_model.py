"""Documents: case files with what each means or what is wrong with it, and laws about whatever else is written."""

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.harness import places
from webhook.documents.policy import Policy
from webhook.documents.required_env import RequiredEnv
from webhook.grammar.model import Document, DocumentError, Problem, place, read, revision
from webhook.grammar.yamlnode import compose
from webhook.grammar.yamltext import core, dump

CASES = places.CASES / "documents"
FILES = sorted(CASES.glob("*/*.yaml"))
MODELS: dict[str, type[Document]] = {"policy": Policy, "required-env": RequiredEnv}

law = settings(max_examples=300)


def load(path: Path) -> tuple[str | bytes, dict[str, Any]]:
    case: dict[str, Any] = yaml.safe_load(path.read_text())
    unknown = set(case) - {"document", "base64", "repeat", "times", "problems", "means"}
    assert not unknown, f"{path.name} has keys that nobody reads: {unknown}"
    if "base64" in case:
        return base64.b64decode(case["base64"]), case
    return case["document"] + case.get("repeat", "") * case.get("times", 0), case


def problems(text: str | bytes, model: type[Document]) -> tuple[Problem, ...]:
    try:
        read(text, model)
    except DocumentError as error:
        return error.problems
    return ()


def meaning(document: Document) -> dict[str, Any]:
    if isinstance(document, RequiredEnv):
        order = [variable.name for variable in document.env]
        sources = sorted("/".join(source) for source in document.sources)
        return {"order": order} | ({"sources": sources} if sources else {})
    return document.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"api_version", "kind"})


VALID = [path for path in FILES if "means" in load(path)[1]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}: {path.stem}")
def test_a_document_is_taken_or_refused_as_its_file_says(path: Path) -> None:
    text, case = load(path)
    assert [str(problem) for problem in problems(text, MODELS[path.parent.name])] == case.get("problems", [])


@pytest.mark.parametrize("path", VALID, ids=lambda path: f"{path.parent.name}: {path.stem}")
def test_a_document_means_what_its_file_says(path: Path) -> None:
    text, case = load(path)
    assert meaning(read(text, MODELS[path.parent.name])) == case["means"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}: {path.stem}")
def test_without_libyaml_the_same_documents_are_taken_and_mean_the_same(path: Path) -> None:
    text, _ = load(path)
    (one, faults), (other, others) = compose(text), compose(text, yaml.SafeLoader)
    assert [(fault.line, fault.path) for fault in faults] == [(fault.line, fault.path) for fault in others]
    assert one == other


def check_every_problem(text: str | bytes, model: type[Document]) -> None:
    """Check the laws of problems; whatever else is raised fails the test by itself."""
    found = problems(text, model)
    last = len((text if isinstance(text, bytes) else text.encode(errors="replace")).splitlines())
    assert [problem.line for problem in found] == sorted(problem.line for problem in found)
    for problem in found:
        assert 0 <= problem.line <= last
        assert problem.text
        assert str(problem).isprintable()
        assert not problem.text.endswith((".", "\n"))


@law
@given(st.text() | st.binary(), st.sampled_from(sorted(MODELS)))
@example("? ? ? ? a", "policy")
@example("- - - - -", "policy")
@example("&a *a : *a", "policy")
@example("\r\r\r: x", "policy")
@example("\ud800", "policy")
@example("a: \ufeff", "policy")
def test_arbitrary_text_raises_nothing_but_a_document_error(text: str | bytes, kind: str) -> None:
    check_every_problem(text, MODELS[kind])


FRAGMENTS = (
    *("apiVersion: airlock/v1\n", "kind: Policy\n", "mode: ", "rules:\n", "  mutable-tag: ", "namespaces:\n", "env:\n"),
    *("- ", "  ", "\n", "\t", "{", "}", "[", "]", ", ", ": ", "? ", "#", "&a ", "*a", "<<: ", "!!str ", "!x ", "| \n"),
    *("'", '"', "~", "null", "off", "1e5", "0x1F", "...\n", "---\n", "name: A", "value: x$(A)", "from: ", "\\0", "é"),
)


@law
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=40).map("".join), st.sampled_from(sorted(MODELS)))
def test_what_looks_like_yaml_raises_nothing_but_a_document_error(text: str, kind: str) -> None:
    check_every_problem(text, MODELS[kind])


@law
@given(st.data())
def test_a_damaged_document_raises_nothing_but_a_document_error(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(VALID))
    text, _ = load(path)
    assert isinstance(text, str)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.integers(0, 12)))
        text = text[:start] + data.draw(st.sampled_from(FRAGMENTS) | st.text(max_size=4)) + text[end:]
    check_every_problem(text, MODELS[path.parent.name])


WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
KEYS = WORDS.filter(lambda key: key != "<<")
JSON = st.recursive(
    WORDS | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@law
@given(st.dictionaries(KEYS, JSON, min_size=1, max_size=4))
@example({"a": ["off", "1e5", "0o17", "~", "", "true", "2027-03-31", "=", "<<", ".inf", "1_000", "0b1", "+.5"]})
@example({"off": "\x85\u2028\ufeff\x1b"})
def test_what_is_dumped_reads_back_as_it_was(value: dict[str, Any]) -> None:
    root, faults = compose(dump(value))
    assert root is not None
    assert (root.value, faults) == (value, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"),
        ("Yes", "Yes"),
        ("True", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("012", 12),
        ("0o12", 10),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("1:30", "1:30"),
        ("+12", 12),
        ("-0x1F", "-0x1F"),
        ("1.", 1.0),
        (".5e3", 500.0),
        (".", "."),
        ("-.INF", float("-inf")),
        ("=", "="),
        ("2027-03-31", "2027-03-31"),
    ],
)
def test_plain_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    read_ = core(text)
    assert (read_, type(read_)) == (value, type(value))


def test_only_unknown_names_make_a_document_that_a_newer_version_may_take() -> None:
    header = "apiVersion: airlock/v1\nkind: Policy\n"
    newer = "colour: blue\nrules: {image-skew: {mode: warn}}\nnamespaces: [{names: [a], rules: {image-skew: off}}]\n"
    with pytest.raises(DocumentError) as unknown:
        read(header + newer, Policy)
    with pytest.raises(DocumentError) as broken:
        read(header + newer + "mode: loud\n", Policy)

    assert all(problem.unknown_field for problem in unknown.value.problems)
    assert not all(problem.unknown_field for problem in broken.value.problems)


def test_an_error_says_one_problem_a_line() -> None:
    error = DocumentError([Problem(7, "mode", "is required"), Problem(0, "", "the document is empty")])
    assert str(error) == "the document is empty\nline 7: mode: is required"


def test_a_path_quotes_keys_that_hold_dots() -> None:
    assert place(("labels", "a.b/c", 0, 'x"\n')) == 'labels."a.b/c"[0]."x"\\n"'


def test_a_revision_is_that_of_the_bytes() -> None:
    assert revision("mode: warn") == revision(b"mode: warn") != revision("mode:  warn")
    assert len(revision("")) == 12
