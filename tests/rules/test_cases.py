"""The rules, case by case: every file under `cases/<rule>/` is a sentence and its proof."""

from datetime import date
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
import yaml

from tests.harness import places
from tests.harness.livepods import NOW, live, node, running
from tests.harness.livepods import task as running_task
from tests.harness.reviews import REPLICASET, owned, review
from webhook.admission.review import decode
from webhook.documents.policy import DEFAULT, read_policy
from webhook.documents.release import read_release
from webhook.documents.required_env import EMPTY, read_manifest
from webhook.grammar.yamltext import dump
from webhook.judge.decision import Decision
from webhook.judge.gate import Gate
from webhook.judge.verdict import Violation
from webhook.pods.fleet import Live, fleet
from webhook.pods.nodes import known
from webhook.pods.observed import Observed, Origin
from webhook.pods.pin import Pin
from webhook.pods.references import NO_HOLDINGS, Held, Holdings
from webhook.pods.sighting import Airflow, Sighting, sights
from webhook.rules.catalogue import RULES
from webhook.variables.known import Absence

CASES = places.CASES
FILES = sorted(path for rule in RULES for path in (CASES / rule).glob("*.yaml"))
KEYS = {
    "policy", "manifest", "release", "origins", "pins", "sightings", "holdings", "marks", "config_maps",
    "object", "old", "operation", "subresource", "user", "namespace", "owner",
    "tasks_left_out",
    "today", "allowed", "component", "violations", "exempted", "mutation", "patched", "others", "nodes", "ended",
}  # fmt: skip


def load(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = yaml.safe_load(path.read_text())
    assert set(case) <= KEYS, f"{path.name} has keys that nobody reads: {set(case) - KEYS}"
    return case


def gate(case: dict[str, Any]) -> Gate:
    policy = {"apiVersion": "airlock/v1", "kind": "Policy"} | case.get("policy", {})
    manifest = {"apiVersion": "airlock/v1", "kind": "RequiredEnv", "env": case.get("manifest", [])}
    config_maps: dict[tuple[str, str], Any] | None = None  # None: airlock runs without a cluster
    if "config_maps" in case:
        states = {name: Absence[data] if isinstance(data, str) else data for name, data in case["config_maps"].items()}
        config_maps = {(name.split("/")[0], name.split("/")[1]): data for name, data in states.items()}
    return Gate(
        read_policy(yaml.safe_dump(policy)) if "policy" in case else DEFAULT,
        read_manifest(yaml.safe_dump(manifest)) if "manifest" in case else EMPTY,
        config_maps,
        read_release(dump({"apiVersion": "airlock/v1", "kind": "Release", "images": case.get("release", [])})),
        Observed(
            {image: Origin(**facts) for image, facts in case.get("origins", {}).items()},
            {Airflow(*name.split("/")): Pin(**pin) for name, pin in case.get("pins", {}).items()},
            fleet((), [Sighting(**sighting) for sighting in case.get("sightings", ())]),
            holdings(case),
        ),
        tasks_left_out=case.get("tasks_left_out", False),
    )


def holdings(case: dict[str, Any]) -> Holdings:
    """Return the objects that the case knows, "Kind/namespace/name: [keys]", and the "Kind/namespace" known whole.

    `partial` says that they are files, which need not have everything.
    """
    if "holdings" not in case:
        return NO_HOLDINGS
    objects: dict[tuple[str, str], dict[str, frozenset[str]]] = {}
    facts = case["holdings"]
    for place, keys in facts.get("objects", {}).items():
        kind, namespace, name = place.split("/")
        objects.setdefault((kind, namespace), {})[name] = frozenset(keys)
    whole = [place.split("/") for place in facts.get("whole", ())]
    known = frozenset((kind, namespace) for kind, namespace in whole)
    return Held(objects, known, partial=facts.get("partial", False))


def body(case: dict[str, Any], obj: Any) -> bytes:
    old = case.get("old")
    if case.get("owner", "ReplicaSet") and isinstance(obj, dict) and obj.get("kind") == "Pod":
        obj = owned(obj, case.get("owner", "ReplicaSet"))
        old = old and owned(old, case.get("owner", "ReplicaSet"))
    return review(
        obj,
        old=old,
        operation=case.get("operation", "CREATE"),
        user=case.get("user", REPLICASET),
        namespace=case.get("namespace", "airflow"),
        subresource=case.get("subresource", ""),
    )


def audited(case: dict[str, Any]) -> Decision:
    """Return the decision on the case's pod, which runs, among the pods `others` on the nodes `nodes`."""
    nodes = known(node(name, **facts) for name, facts in case.get("nodes", {}).items())
    judge, subject = gate(case), live(pod_of(case["object"]))
    pods = [subject, *(live(pod_of(other)) for other in case.get("others", ()))]
    seen = [one for pod in pods if (role := judge.recognise(pod)) for one in sights(pod, role, nodes, NOW)]
    earlier = [Sighting(**sighting) for sighting in case.get("ended", ())]
    return judge.audit(Live(subject, fleet(seen, earlier), nodes, NOW))


def pod_of(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the pod that *facts* vary: a task with a `dag`, else a component; or what stands there whole."""
    if "spec" in facts:
        return facts
    return running_task(**facts) if "dag" in facts else running(**facts)


def told(violation: Violation) -> str:
    """Return *violation* with each of its places, as fields."""
    cause = violation.cause
    places = (
        f"{place.path}{f' (container {place.container})' if place.container else ''}"
        f"{f' [{place.detail}]' if place.detail else ''}"
        for place in cause.places
    )
    note = f"; {violation.note}" if violation.note else ""
    return f"{violation.mode} {violation.rule}: {', '.join(places)}: {cause.text}; fix: {cause.fix}{note}"


def as_told(line: str, nth: int, expected: list[str]) -> str:
    """Return *line*, cut where the sentence that the case expects in its place ends in dots."""
    told = expected[nth] if nth < len(expected) else ""
    return line[: len(told) - 3] + "..." if told.endswith("...") else line


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}: {path.stem}")
def test_a_case_is_judged_as_its_file_says(path: Path) -> None:
    case = load(path)
    if "others" in case:
        decision = audited(case)
    else:
        decision = gate(case).validate(decode(body(case, case["object"])), case.get("today", date(2026, 11, 23)))

    lines = [told(violation) for violation in decision.verdict.violations]
    expected = case.get("violations", [])
    assert [as_told(line, nth, expected) for nth, line in enumerate(lines)] == expected
    assert decision.verdict.allowed is case.get("allowed", not any(line.startswith("enforce") for line in lines))
    assert [one.exemption for one in decision.verdict.exempted] == case.get("exempted", [])
    if "component" in case:
        assert decision.component == case["component"]


@pytest.mark.parametrize(
    "path", [path for path in FILES if "mutation" in load(path)], ids=lambda path: f"{path.parent.name}: {path.stem}"
)
def test_a_case_is_completed_as_its_file_says(path: Path) -> None:
    case = load(path)
    today = case.get("today", date(2026, 11, 23))
    decision, operations = gate(case).mutate(decode(body(case, case["object"])), today)

    assert decision.mutation == case["mutation"]
    patched = jsonpatch.apply_patch(case["object"], operations)
    assert marks_of(patched) == case.get("marks", marks_of(patched))
    assert unmarked(patched) == unmarked(case.get("patched", case["object"]))
    _, again = gate(case).mutate(decode(body(case, patched)), today)
    assert again == []


def marks_of(pod: Any) -> dict[str, str]:
    """Return the annotations of *pod* that are airlock's."""
    annotations = pod["metadata"].get("annotations") or {}
    return {key: text for key, text in annotations.items() if key.startswith("airlock/")}


def unmarked(pod: Any) -> Any:
    """Return *pod* without what airlock notes down in annotations."""
    annotations = pod["metadata"].get("annotations") or {}
    kept = {key: text for key, text in annotations.items() if not key.startswith("airlock/")}
    bare = {key: value for key, value in pod["metadata"].items() if key != "annotations"}
    return {**pod, "metadata": {**bare, **({"annotations": kept} if kept else {})}}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_cases_that_deny_that_allow_and_for_each_list_it_looks_at(rule: str) -> None:
    cases = [load(path) for path in FILES if path.parent.name == rule]
    lines = [line for case in cases for line in case.get("violations", [])]
    # What only runs to be seen is never denied, nor a pod that is not pinned, nor one that the kubelet tries again.
    mildest = rule in {"pin-digest", "env-reference"}
    strictest = "warn" if RULES[rule].live or mildest else "enforce"
    assert any(line.startswith(strictest) for line in lines)
    assert any(not case.get("violations") for case in cases)
    for place in RULES[rule].places:
        assert any(f"spec.{place}[" in line for line in lines), f"no case of {rule} has a violation in {place}"
