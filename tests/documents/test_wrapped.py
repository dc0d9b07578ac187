"""Documents in ConfigMaps and in values: found, read as they will be, and their lines are those of the file."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from webhook.documents.policy import read_policy
from webhook.documents.wrapped import Wrapped, unwrapped
from webhook.grammar.model import DocumentError

POLICY = "apiVersion: airlock/v1\nkind: Policy\nmode: enforced\n"
LITERAL = """apiVersion: v1
kind: ConfigMap
metadata: {name: airlock-policy}
data:
  policy.yaml: |
    # the policy
    apiVersion: airlock/v1
    kind: Policy

    mode: enforced
"""
VALUES = """image: {repository: r}
policy:
  # ours
  document:
    # denies nothing
    mode: enforced
  create: true
"""


def problems(wrapped: Wrapped) -> list[str]:
    with pytest.raises(DocumentError) as raised:
        read_policy(wrapped.text)
    return [f"{wrapped.line or problem.line}: {problem.path}" for problem in raised.value.problems]


def test_a_document_by_itself_is_the_file() -> None:
    assert unwrapped(POLICY.encode()) == (Wrapped(POLICY.encode()),)


@pytest.mark.parametrize("data", [b"", b"- a\n", b"a: [\n", b"\xff", b"kind: Policy\n---\nkind: Policy\n"])
def test_what_is_no_wrapping_is_left_to_the_reader_of_documents(data: bytes) -> None:
    assert unwrapped(data) == (Wrapped(data),)


def test_a_literal_block_of_a_config_map_keeps_its_lines() -> None:
    (found,) = unwrapped(LITERAL.encode())
    assert (found.kind, found.path) == ("Policy", 'data."policy.yaml"')
    assert problems(found) == ["10: mode"]


def test_a_quoted_document_is_told_by_the_line_of_its_key() -> None:
    (found,) = unwrapped(yaml.dump({"kind": "ConfigMap", "data": {"policy.yaml": POLICY}}, default_style='"').encode())
    assert problems(found) == ["2: mode"]


def test_each_document_of_a_list_is_found() -> None:
    items = [
        {"kind": "ConfigMap", "data": {"policy.yaml": POLICY, "other": "x"}},
        {"kind": "ConfigMap", "data": {"release.yaml": "a: b"}},
    ]
    found = unwrapped(yaml.dump({"kind": "List", "items": items}).encode())
    assert [(one.kind, one.path) for one in found] == [
        ("Policy", 'items[0].data."policy.yaml"'),
        ("Release", 'items[1].data."release.yaml"'),
    ]


@pytest.mark.parametrize("text", ["kind: ConfigMap\n", "kind: ConfigMap\ndata: {a: b}\n", "kind: List\nitems: []\n"])
def test_config_maps_without_a_document_hold_none(text: str) -> None:
    assert unwrapped(text.encode()) == ()


def test_a_document_in_values_keeps_its_lines_and_gets_what_the_chart_gives_it() -> None:
    (found,) = unwrapped(VALUES.encode())
    assert (found.kind, found.path) == ("Policy", "policy.document")
    assert problems(found) == ["6: mode"]


def test_values_of_a_chart_that_airlock_is_part_of_are_found_below_its_name() -> None:
    text = "airlock:\n" + "".join(f"  {line}\n" for line in VALUES.splitlines())
    (found,) = unwrapped(text.encode())
    assert found.path == "airlock.policy.document"
    assert problems(found) == ["7: mode"]


def test_a_document_on_one_line_is_told_by_that_line() -> None:
    (found,) = unwrapped(b"a: 1\npolicy: {document: {mode: enforced}}\n")
    assert problems(found) == ["2: mode"]


def test_a_word_that_helm_takes_for_a_boolean_is_told() -> None:
    (found,) = unwrapped(b"policy:\n  document:\n    rules:\n      mutable-tag: {mode: off}\n")
    (told,) = found.misread
    assert str(told) == "line 4: rules.mutable-tag.mode: Helm reads off as false; put it in quotes"


def test_a_quoted_word_is_read_by_helm_as_it_is_written() -> None:
    (found,) = unwrapped(b'policy:\n  document:\n    rules: {mutable-tag: {mode: "off"}}\n')
    assert found.misread == ()


@given(
    st.recursive(
        st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=8) | st.booleans() | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1, max_size=3), inner, max_size=3)
        ),
        max_leaves=8,
    ),
    st.booleans(),
)
def test_a_document_in_values_says_what_it_says_alone(value: object, flow: bool) -> None:  # noqa: FBT001 - hypothesis
    document = {"x": value}
    (found,) = unwrapped(yaml.dump({"policy": {"document": document}, "z": 1}, default_flow_style=flow).encode())
    assert yaml.safe_load(found.text) == {"apiVersion": "airlock/v1", "kind": "Policy", **document}
