"""The entries for a required-env manifest that answers print: a manifest with them is read as they mean it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.documents.required_env import read_manifest
from webhook.pods.airflow import Component
from webhook.variables.entry import Bringing, entry, names

# What YAML would take for a number, nothing, a truth, a document's end.
ODD = ("123", "1e3", "0x1f", "null", "true", "no", "1.5", "0o7", "a", "a-b.c")
KEYS = st.from_regex(r"(?!\.(\.|$))[-._a-zA-Z0-9]{1,12}", fullmatch=True) | st.sampled_from([*ODD, "-", "---", "_"])
VARIABLES = st.from_regex(r"(?!\.(\.|$))[-._a-zA-Z][-._a-zA-Z0-9]{0,12}", fullmatch=True) | st.sampled_from(
    ["null", "API_TOKEN", "PYTHONPATH"]
)


@given(
    VARIABLES,
    KEYS,
    st.sampled_from(["123", "1e3", "0x1f", "null", "true", "no", "a-b"]),
    st.sampled_from(ODD),
    st.sampled_from(["", "wait", "123"]),
    st.sampled_from(list(Component)),
)
def test_a_manifest_with_a_printed_entry_is_read_as_it_was_meant(  # noqa: PLR0917 - the parts of an entry
    variable: str, key: str, namespace: str, name: str, container: str, component: Component
) -> None:
    text = entry(variable, key, Bringing(component, container, namespace, "123", name))
    (read,) = read_manifest(f"{{apiVersion: airlock/v1, kind: RequiredEnv, env: [{text}]}}").env
    assert read.source is not None
    assert (read.source.namespace, read.source.name, read.source.key) == ("123", name, key)
    assert (read.name, read.components, [str(one) for one in read.namespaces]) == (variable, (component,), [namespace])
    assert read.containers == ((container,) if container else "main")


@pytest.mark.parametrize(
    ("variable", "key"),
    [("1ST", "first"), ("A B", "a"), ("A", "a b"), ("A", 'a"b'), ("", "a"), ("..", "a"), (".", "a"), ("A", "...")],
)
def test_what_no_manifest_can_declare_has_no_entry(variable: str, key: str) -> None:
    assert entry(variable, key, Bringing(Component.SCHEDULER, "", "airflow", "pipelines", "callbacks")) == ""


def test_envfrom_makes_a_variable_of_each_key_that_can_be_one() -> None:
    assert names("X_", ["url", "9", "a.b"]) == [("X_9", "9"), ("X_a.b", "a.b"), ("X_url", "url")]
    assert names("", ["9", "url"]) == [("url", "url")]
