"""Laws of injection, over pods and manifests that hypothesis makes up."""

import subprocess
from datetime import date
from typing import Any

import jsonpatch
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.reviews import owned, review
from webhook.admission.review import decode
from webhook.documents.policy import read_policy
from webhook.documents.required_env import RequiredEnv, read_manifest
from webhook.grammar.model import DocumentError
from webhook.judge.gate import Gate
from webhook.variables.variable import references

NAMES = ("A", "B", "C", "D", "E")
TODAY = date(2026, 11, 23)

values = st.lists(st.sampled_from([*(f"$({name})" for name in NAMES), "$$(A)", "$", "x", ""]), max_size=3).map("".join)
entries = st.fixed_dictionaries({"name": st.sampled_from(NAMES)}, optional={"value": values})
containers: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": st.sampled_from(["scheduler", "git-sync"])},
    optional={
        "env": st.one_of(st.none(), st.lists(entries, max_size=6)),
        "envFrom": st.just([{"configMapRef": {"name": "x"}}]),
        "image": st.just("apache/airflow:2.10.5"),
    },
)
variables = st.fixed_dictionaries(
    {"name": st.sampled_from(NAMES), "value": values},
    optional={
        "onConflict": st.sampled_from(["keep", "override", "deny"]),
        "containers": st.sampled_from(["main", "all", ["git-sync"]]),
    },
)


def manifest(env: list[dict[str, Any]]) -> RequiredEnv | None:
    """Return the manifest of *env*, or None when its references go in a circle."""
    document = {"apiVersion": "airlock/v1", "kind": "RequiredEnv", "env": env}
    try:
        return read_manifest(yaml.safe_dump(document))
    except DocumentError:
        return None


def pod(spec: dict[str, Any]) -> dict[str, Any]:
    labels = {"tier": "airflow", "component": "scheduler"}
    return owned({"kind": "Pod", "metadata": {"name": "p", "labels": labels}, "spec": spec})


specs: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"containers": st.lists(containers, max_size=3, unique_by=lambda container: container["name"])},
    optional={"initContainers": st.just([{"name": "wait"}])},
)
manifests = st.lists(variables, max_size=5, unique_by=lambda variable: variable["name"]).map(manifest).filter(bool)
ENFORCE = read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}")


def mutated(gate: Gate, obj: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    _, operations = gate.mutate(decode(review(obj)), TODAY)
    return jsonpatch.apply_patch(obj, operations), operations


@given(specs, manifests)
def test_a_second_pass_over_its_own_output_changes_nothing(spec: dict[str, Any], required: RequiredEnv) -> None:
    gate = Gate(ENFORCE, required)
    once, _ = mutated(gate, pod(spec))
    _, again = mutated(gate, once)
    assert again == []


def test_a_variable_behind_an_earlier_entry_of_its_name_is_moved_no_further_however_often_it_is_asked() -> None:
    required = manifest([{"name": "A", "value": "$$(B)", "onConflict": "override"}])
    assert required is not None
    own = [{"name": "B", "value": "$(A)"}, {"name": "A", "value": "x"}, {"name": "A", "value": "$$(B)"}]
    before = pod({"containers": [{"name": "scheduler", "image": "apache/airflow:2.10.5", "env": own}]})
    _, operations = mutated(Gate(ENFORCE, required), before)
    assert operations == []


@given(specs, manifests)
def test_only_env_is_touched_and_own_entries_keep_their_order(spec: dict[str, Any], required: RequiredEnv) -> None:
    before = pod(spec)
    after, _ = mutated(Gate(ENFORCE, required), before)
    overridden = {variable.name for variable in required.env if variable.on_conflict == "override"}
    names = {variable.name for variable in required.env}
    for old, new in zip(before["spec"]["containers"], after["spec"]["containers"], strict=True):
        assert {key: value for key, value in old.items() if key != "env"} == {
            key: value for key, value in new.items() if key != "env"
        }
        own = [entry["name"] for entry in old.get("env") or []]
        kept = [entry["name"] for entry in new.get("env") or [] if entry["name"] in own]
        assert kept == own
        assert {entry["name"] for entry in new.get("env") or []} - set(own) <= names
        unchanged = [entry for entry in old.get("env") or [] if entry["name"] not in overridden]
        assert [entry for entry in new.get("env") or [] if entry in unchanged] == unchanged


@given(specs, manifests)
def test_what_was_injected_passes_the_check_unless_something_has_no_home(
    spec: dict[str, Any], required: RequiredEnv
) -> None:
    gate = Gate(ENFORCE, required)
    after, _ = mutated(gate, pod(spec))
    verdict = gate.validate(decode(review(after)), TODAY).verdict
    texts = [violation.cause.text for violation in verdict.violations if violation.rule == "required-env"]
    assert [text for text in texts if "has no place" not in text and "set to something else" not in text] == []


@given(specs, manifests)
def test_a_reference_of_an_injected_variable_stands_before_it(spec: dict[str, Any], required: RequiredEnv) -> None:
    before = pod(spec)
    after, _ = mutated(Gate(ENFORCE, required), before)
    for old, new in zip(before["spec"]["containers"], after["spec"]["containers"], strict=True):
        own = {entry["name"] for entry in old.get("env") or []}
        names = [entry["name"] for entry in new.get("env") or []]
        for index, entry in enumerate(new.get("env") or []):
            if entry["name"] not in own:
                assert not set(references(entry["value"])) & set(names) - set(names[:index]) - {entry["name"]}


# Values with which no process would start

FROM = {"configMap": {"namespace": "pipelines", "name": "callbacks", "key": "K"}}
LIMIT = 128 * 1024 - len("TOPIC=") - 1  # Linux counts NAME=, the value and a NUL byte


def sourced(value: str, **fields: Any) -> Gate:
    """Return a gate whose manifest wants TOPIC from a ConfigMap that has *value*."""
    variable = {"name": "TOPIC", "from": FROM, "reason": "r", "namespaces": ["airflow"], **fields}
    found = manifest([variable])
    assert found is not None
    return Gate(ENFORCE, found, {("pipelines", "callbacks"): {"K": value}})


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("x" * (LIMIT + 1), f"is too long for a variable, which has at most {LIMIT} bytes with this name"),
        ("é" * (LIMIT // 2 + 1), "is too long for a variable"),
        ("a\0b", "holds a NUL character"),
        ("\0", "holds a NUL character"),
    ],
)
@pytest.mark.parametrize("missing", ["warn", "deny"])
def test_a_value_that_would_stop_every_scheduler_cannot_be_had(value: str, why: str, missing: str) -> None:
    gate = sourced(value, onMissing=missing)
    final, operations = mutated(gate, pod({"containers": [{"name": "scheduler"}]}))
    assert operations == []
    verdict = gate.validate(decode(review(final)), TODAY).verdict
    assert verdict.allowed is (missing == "warn")
    (violation,) = verdict.violations
    assert f"'TOPIC' (r) has no source: key 'K' of ConfigMap 'pipelines/callbacks' {why}" in violation.cause.text
    assert "no container would start" in violation.cause.text
    assert value[:20] not in violation.cause.text


@pytest.mark.parametrize("value", ["x" * LIMIT, "é" * (LIMIT // 2), "a\tb\r\n", "$(A)" * 1000])
def test_a_value_that_a_process_can_be_given_is_injected(value: str) -> None:
    final, _ = mutated(sourced(value), pod({"containers": [{"name": "scheduler"}]}))
    (entry,) = final["spec"]["containers"][0]["env"]
    assert entry == {"name": "TOPIC", "value": value.replace("$", "$$")}


def test_linux_has_the_limit_that_airlock_keeps() -> None:
    assert subprocess.run(["/bin/true"], env={"TOPIC": "x" * LIMIT}, check=False).returncode == 0
    with pytest.raises(OSError, match="Argument list too long"):
        subprocess.run(["/bin/true"], env={"TOPIC": "x" * (LIMIT + 1)}, check=False)


def test_a_value_of_the_manifest_that_is_too_long_cannot_be_had_either() -> None:
    found = manifest([{"name": "TOPIC", "value": "x" * (LIMIT + 1)}])
    assert found is not None
    final, operations = mutated(Gate(ENFORCE, found), pod({"containers": [{"name": "scheduler"}]}))
    assert operations == []
    (violation,) = Gate(ENFORCE, found).validate(decode(review(final)), TODAY).verdict.violations
    assert "'TOPIC' has no source: its value is too long" in violation.cause.text
