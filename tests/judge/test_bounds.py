"""What cannot be read or is too much to judge is a violation of its own, unless it cannot matter."""

import json
from datetime import date
from typing import Any

import pytest

from tests.harness.reviews import deployment, owned, review, scheduler, task
from webhook.admission.review import decode
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge.bounds import MOST_FINDINGS, MOST_PLACES, UNREADABLE
from webhook.judge.decision import Decision, Mutation
from webhook.judge.gate import Gate
from webhook.rules.finding import Mode

TODAY = date(2026, 11, 23)
HEAD = "apiVersion: airlock/v1\nkind: Policy\n"
ENFORCE = HEAD + "mode: enforce\n"
MANIFEST = "{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: A, value: b, components: [scheduler, task]}]}"
OTHER = owned({"kind": "Pod", "metadata": {"name": "x", "labels": {"app": "web"}, "annotations": {}}, "spec": {}})


def judged(body: bytes, policy: str = ENFORCE, unread: str = "") -> Decision:
    return Gate(read_policy(policy), read_manifest(MANIFEST)).validate(decode(body, unread), TODAY)


def unread(pod: dict[str, Any], policy: str = ENFORCE, **facts: Any) -> list[tuple[str, str]]:
    """Return what is said of a *pod* when its beginning was read, with all its labels."""
    return modes(judged(review(pod, **facts), policy, "is larger than is read"))


def modes(decision: Decision) -> list[tuple[str, str]]:
    return [(violation.rule, violation.mode) for violation in decision.verdict.violations]


@pytest.mark.parametrize(
    ("policy", "mode"),
    [
        (HEAD + "mode: enforce\n", Mode.ENFORCE),
        (HEAD + "mode: warn\n", Mode.WARN),
        (HEAD + "mode: audit\nrules: {required-env: {mode: enforce}}\n", Mode.ENFORCE),
        (HEAD + "mode: enforce\nnamespaces: [{names: [airflow], mode: audit}]\n", Mode.AUDIT),
        (HEAD + "mode: off\nnamespaces: [{names: [airflow], rules: {mutable-tag: warn}}]\n", Mode.WARN),
    ],
)
def test_what_cannot_be_read_has_the_strictest_mode_of_any_rule_in_its_namespace(policy: str, mode: Mode) -> None:
    assert unread(scheduler(), policy=policy) == [(UNREADABLE, mode)]


def test_where_every_rule_is_off_it_passes() -> None:
    assert unread(scheduler(), policy=HEAD + "mode: off\n") == []


def test_no_exemption_covers_it() -> None:
    exemption = "exemptions: [{name: all, reason: r, owner: o, expires: 2027-01-01, namespaces: ['*']}]\n"
    assert unread(scheduler(), policy=ENFORCE + exemption) == [(UNREADABLE, Mode.ENFORCE)]


def test_what_is_known_not_to_be_airflows_passes() -> None:
    assert unread(OTHER) == []
    assert unread(OTHER, operation="UPDATE", old=OTHER) == []


def test_a_pod_that_was_airflows_or_becomes_it_does_not() -> None:
    assert unread(OTHER, operation="UPDATE", old=scheduler()) == [(UNREADABLE, Mode.ENFORCE)]
    assert unread(scheduler(), operation="UPDATE", old=OTHER) == [(UNREADABLE, Mode.ENFORCE)]


def test_whatever_a_task_creator_makes_is_airflows() -> None:
    policy = ENFORCE + "taskCreators: ['jane']\n"
    assert unread(OTHER, user="jane", policy=policy) == [(UNREADABLE, Mode.ENFORCE)]


@pytest.mark.parametrize("cut", range(10))
def test_of_a_body_that_was_not_read_to_its_end_only_labels_that_are_whole_excuse_a_pod(cut: int) -> None:
    body = json.dumps(json.loads(review(OTHER)), separators=(",", ":")).encode()
    begin, end = body.index(b'"object":'), body.index(b'"annotations":') + len(b'"annotations":{}')
    at = begin + (end - begin) * cut // 9
    assert modes(judged(body[:at], unread="is larger")) == ([] if cut == 9 else [(UNREADABLE, Mode.ENFORCE)])


def heavy(pod: dict[str, Any]) -> dict[str, Any]:
    return {**pod, "status": {"conditions": [{}] * 250_000}}


def test_an_update_of_a_heavy_pod_that_leaves_the_spec_as_it_was_passes() -> None:
    pod = heavy(scheduler("apache/airflow:latest"))
    freed = {**pod, "metadata": {**pod["metadata"], "finalizers": []}}
    assert modes(judged(review(pod))) == [(UNREADABLE, Mode.ENFORCE)]
    assert modes(judged(review(freed, operation="UPDATE", old=pod))) == []
    changed = {**freed, "spec": scheduler("apache/airflow:main")["spec"]}
    assert modes(judged(review(changed, operation="UPDATE", old=pod))) == [(UNREADABLE, Mode.ENFORCE)]


def test_a_pod_with_much_in_its_managed_fields_is_judged_as_ever() -> None:
    pod = scheduler("apache/airflow:latest")
    pod["metadata"]["managedFields"] = [{"fieldsV1": {f"f:{n}": {} for n in range(250_000)}}]
    assert modes(judged(review(pod))) == [("mutable-tag", Mode.ENFORCE), ("required-env", Mode.ENFORCE)]


def test_findings_on_a_template_are_no_stricter_than_the_policy_says_for_templates() -> None:
    assert unread(deployment(scheduler())) == [(UNREADABLE, Mode.WARN)]
    assert unread(deployment(scheduler()), policy=ENFORCE + "workloads: enforce\n") == [(UNREADABLE, Mode.ENFORCE)]


@pytest.mark.parametrize(
    "facts",
    [
        {"kind": "ConfigMap"},
        {"subresource": "status", "operation": "UPDATE"},
        {"operation": "DELETE"},
        {"kind": "Node"},
    ],
)
def test_what_is_never_judged_passes_unread(facts: dict[str, Any]) -> None:
    assert unread(scheduler(), **facts) == []


def test_mutate_allows_what_cannot_be_read_and_says_so() -> None:
    gate = Gate(read_policy(ENFORCE), read_manifest(MANIFEST))
    decision, operations = gate.mutate(decode(review(scheduler()), "is larger"), TODAY)
    assert (decision.mutation, operations) == (Mutation.UNREADABLE, [])


def crowded(count: int, image: str = "apache/airflow:2.10.5", field: str = "containers") -> dict[str, Any]:
    pod = task(image)
    part: dict[str, Any] = {"emptyDir": {}} if field == "volumes" else {"image": image}
    pod["spec"][field] = [{"name": f"c{n}", **part} for n in range(count)]
    return pod


@pytest.mark.parametrize("field", ["containers", "initContainers", "volumes"])
def test_a_pod_of_too_many_parts_is_a_violation_whatever_its_images(field: str) -> None:
    policy = HEAD + "mode: enforce\nrules: {required-env: {mode: audit}}\n"
    assert (UNREADABLE, Mode.ENFORCE) not in modes(judged(review(crowded(MOST_PLACES - 1, field=field)), policy))
    assert (UNREADABLE, Mode.ENFORCE) in modes(judged(review(crowded(MOST_PLACES + 1, field=field)), policy))


def test_such_a_pod_is_not_mutated() -> None:
    gate = Gate(read_policy(ENFORCE), read_manifest(MANIFEST))
    decision, operations = gate.mutate(decode(review(crowded(MOST_PLACES + 1))), TODAY)
    assert (decision.mutation, operations) == (Mutation.UNREADABLE, [])


def test_an_update_of_such_a_pod_that_changes_no_image_passes() -> None:
    pod = crowded(MOST_PLACES + 1)
    freed = {**pod, "metadata": {**pod["metadata"], "finalizers": []}}
    assert modes(judged(review(freed, operation="UPDATE", old=pod))) == []


def test_findings_are_named_up_to_a_bound_and_then_one_says_that_there_are_more() -> None:
    exemption = "exemptions: [{name: all, reason: r, owner: o, expires: 2027-01-01, namespaces: ['*']}]\n"
    policy = HEAD + "mode: enforce\nrules: {required-env: {mode: off}, mutable-tag: {unrecognised: warn}}\n" + exemption
    decision = judged(review(crowded(MOST_FINDINGS + 50, "example.com/a:of-no-known-class")), policy)
    assert sum(len(one.cause.places) for one in decision.verdict.exempted) == MOST_FINDINGS
    assert modes(decision) == [("mutable-tag", Mode.ENFORCE)]
    assert "not all images could be judged" in decision.verdict.violations[0].cause.text
    assert modes(judged(review(crowded(MOST_FINDINGS, "example.com/a:of-no-known-class")), policy)) == []


def test_a_relabelled_pod_of_many_containers_is_judged_as_a_whole_and_so_in_linear_time() -> None:
    calls: list[int] = []

    class Counting(Gate):
        def _verdict(self, *arguments: Any) -> Any:
            calls.append(1)
            return super()._verdict(*arguments)

    pod = crowded(MOST_PLACES - 10, "apache/airflow:main")
    other = {**pod, "metadata": {**pod["metadata"], "labels": {"tier": "airflow", "component": "scheduler"}}}
    decision = Counting(read_policy(ENFORCE)).validate(decode(review(other, operation="UPDATE", old=pod)), TODAY)
    assert len(calls) < 10
    assert not decision.verdict.allowed
