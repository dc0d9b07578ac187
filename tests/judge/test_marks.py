"""The annotations that say what airlock did to a pod."""

from datetime import date
from typing import Any

import jsonpatch
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.reviews import owned, review, scheduler
from webhook.admission.review import decode
from webhook.documents.policy import DEFAULT
from webhook.documents.required_env import read_manifest
from webhook.judge.gate import Gate
from webhook.judge.marks import marks
from webhook.pods.marks import INJECTED, PINNED, marked
from webhook.pods.workload import Metadata

TODAY = date(2026, 11, 23)
GATE = Gate(
    DEFAULT,
    read_manifest('{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: B, value: "1"}, {name: A, value: "2"}]}'),
)
NAMES = st.lists(st.text(st.sampled_from("AB_.-1"), min_size=1, max_size=5), max_size=6)


def mutated(pod: dict[str, Any]) -> dict[str, Any]:
    _, operations = GATE.mutate(decode(review(pod)), TODAY)
    patched: dict[str, Any] = jsonpatch.apply_patch(pod, operations)
    return patched


@pytest.mark.parametrize(
    "annotations", [{}, {"annotations": None}, {"annotations": {}}, {"annotations": {"a/b~c": "d"}}]
)
def test_an_injected_pod_names_its_variables_and_no_value(annotations: dict[str, Any]) -> None:
    pod = scheduler("apache/airflow:2.10.5")
    pod["metadata"] |= annotations
    found = mutated(pod)["metadata"]["annotations"]
    assert found == {**(annotations.get("annotations") or {}), INJECTED: "A,B"}


def test_a_second_pass_that_adds_a_variable_writes_the_union() -> None:
    pod = scheduler("apache/airflow:2.10.5")
    pod["metadata"]["annotations"] = {INJECTED: "OTHER"}
    assert mutated(pod)["metadata"]["annotations"][INJECTED] == "A,B,OTHER"


def test_a_pod_that_lacks_nothing_is_not_marked_and_a_forged_mark_stays_what_it_is() -> None:
    pod = mutated(scheduler("apache/airflow:2.10.5"))
    assert mutated(pod) == pod
    pod["metadata"]["annotations"] = {INJECTED: "FORGED"}
    assert mutated(pod) == pod


def test_a_mark_for_which_there_is_no_room_is_left_out_and_the_variable_is_injected_all_the_same() -> None:
    pod = scheduler("apache/airflow:2.10.5")
    pod["metadata"]["annotations"] = {"k": "é" * ((262_144 - len("k") - len(INJECTED) - len("A,B")) // 2)}
    with_room = mutated(pod)
    assert with_room["metadata"]["annotations"][INJECTED] == "A,B"
    pod["metadata"]["annotations"]["k"] += "éé"
    without = mutated(pod)
    assert INJECTED not in without["metadata"]["annotations"]
    assert [one["name"] for one in without["spec"]["containers"][0]["env"]] == ["B", "A"]


def test_a_decision_names_what_was_injected_as_far_as_the_spec_bears_the_mark_out() -> None:
    pod = owned(mutated(scheduler("apache/airflow:2.10.5")), "ReplicaSet")
    assert GATE.validate(decode(review(pod)), TODAY).injected == ("A", "B")
    pod["metadata"]["annotations"][INJECTED] = "A,FORGED,<b>"
    assert GATE.validate(decode(review(pod)), TODAY).injected == ("A",)
    pod["spec"]["containers"][0]["env"] = []
    assert GATE.validate(decode(review(pod)), TODAY).injected == ()
    unmarked = owned(scheduler("apache/airflow:2.10.5"), "ReplicaSet")
    assert GATE.validate(decode(review(unmarked)), TODAY).injected == ()


@given(NAMES, NAMES, st.text(max_size=40))
def test_marks_only_ever_grow_by_names_and_a_second_pass_changes_nothing(
    old: list[str], new: list[str], junk: str
) -> None:
    metadata = Metadata(annotations={INJECTED: ",".join([*old, junk])})
    after = {"metadata": msgspec.to_builtins(metadata)}
    patched = jsonpatch.apply_patch(after, marks(metadata, {INJECTED: new, PINNED: []}))
    again = Metadata(annotations=patched["metadata"]["annotations"])
    if new:
        assert set(marked(again, INJECTED)) == {*marked(metadata, INJECTED), *new}
        assert marks(again, {INJECTED: new}) == []
    assert PINNED not in patched["metadata"]["annotations"]
