"""What an Event says, and in which bounds."""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.harness.decisions import DENIED, IMAGE, POD, REPLICASET, WARNED, decision, violation
from webhook.judge.decision import Decision, ObjectRef, TaskRef
from webhook.judge.verdict import Verdict
from webhook.observe.events.occurrence import (
    announcement,
    event,
    event_name,
    key,
    micro_time,
    occurrence,
    regarding,
    series,
)
from webhook.rules.finding import Mode

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEPLOYMENT = ObjectRef("apps/v1", "Deployment", "airflow", "airflow-scheduler", "d1")
TASK = TaskRef("sales daily", "load_orders")


def said(
    about: Decision = DENIED, note: str = "1 problem", count: int = 1, instance: str = "airlock-0"
) -> dict[str, object]:
    return event(replace(occurrence(about, NOON), note=note), count, NOON, instance)


def test_an_event_has_what_the_api_demands() -> None:
    assert said() == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "airflow", "name": said()["metadata"]["name"]},  # type: ignore[index]
        "eventTime": "2026-03-01T12:00:00.000000Z",
        "type": "Warning",
        "reason": "Denied",
        "action": "Admission",
        "reportingController": "airlock",
        "reportingInstance": "airlock-0",
        "regarding": {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "namespace": "airflow",
            "name": "airflow-scheduler-7d4b9c",
            "uid": "0f1e2d3c",
        },
        "note": "1 problem",
    }


def test_several_are_one_event_with_a_series() -> None:
    assert said(count=3)["series"] == {"count": 3, "lastObservedTime": "2026-03-01T12:00:00.000000Z"}
    assert "series" not in said(count=1)


@pytest.mark.parametrize(("mode", "reason"), [(Mode.ENFORCE, "Denied"), (Mode.WARN, "Warned"), (Mode.AUDIT, "Audited")])
def test_the_reason_is_what_was_done(mode: Mode, reason: str) -> None:
    assert said(decision(Mode.AUDIT, mode))["reason"] == reason


def test_a_denied_pod_will_never_be_there_so_its_owner_is_regarded() -> None:
    assert regarding(DENIED) == REPLICASET
    assert regarding(replace(DENIED, owner=None)) == POD


def test_an_admitted_pod_is_regarded_itself() -> None:
    assert regarding(WARNED) == POD


def test_what_has_no_uid_yet_is_regarded_without_one() -> None:
    facts = said(replace(WARNED, regarding=replace(POD, uid="", name="")))["regarding"]
    assert facts == {"apiVersion": "v1", "kind": "Pod", "namespace": "airflow"}


def test_pods_of_one_owner_repeat_each_other() -> None:
    other = replace(DENIED, regarding=replace(POD, name="airflow-scheduler-7d4b9c-aaaaa", uid="other"), uid="other")
    assert key(other) == key(DENIED)


def test_pods_without_owner_repeat_each_other_if_their_task_is_the_same() -> None:
    first = replace(DENIED, owner=None, task=TASK)
    again = replace(first, regarding=replace(POD, name="other", uid="other"), task=replace(TASK, try_number="2"))
    assert key(again) == key(first)
    assert key(replace(first, task=replace(TASK, task_id="other"))) != key(first)


@pytest.mark.parametrize(
    "other",
    [
        replace(DENIED, owner=replace(REPLICASET, uid="other")),
        replace(DENIED, verdict=Verdict((violation(Mode.ENFORCE, rule="required-env"),))),
        replace(DENIED, verdict=Verdict((violation(Mode.ENFORCE, image="docker.io/apache/airflow:main"),))),
        WARNED,
        replace(DENIED, owner=None),
    ],
    ids=["owner", "rule", "image", "mode", "no owner"],
)
def test_another_owner_rule_image_or_reason_is_no_repeat(other: Decision) -> None:
    assert key(other) != key(DENIED)


def test_the_order_and_number_of_violations_makes_no_difference() -> None:
    one, two = violation(Mode.ENFORCE), violation(Mode.ENFORCE, rule="required-env", image="")
    keys = {key(replace(DENIED, verdict=Verdict(found))) for found in ((one, two), (two, one), (one, two, one))}
    assert len(keys) == 1


def test_deployments_of_one_namespace_and_image_are_told_apart() -> None:
    first = replace(WARNED, regarding=DEPLOYMENT, owner=None)
    second = replace(first, regarding=replace(DEPLOYMENT, name="airflow-triggerer", uid="d2"))
    assert key(first) != key(second)
    assert key(replace(first, uid="other request")) == key(first)


def test_news_of_a_document_regard_its_configmap() -> None:
    about = ObjectRef("v1", "ConfigMap", "airlock", "airlock-policy", "c1")
    told = announcement("DocumentRejected", "line 3: no", about, NOON, good=False)
    body = event(told, 1, NOON, "airlock-0")
    assert (body["type"], body["reason"], body["note"], body["action"]) == (
        "Warning",
        "DocumentRejected",
        "line 3: no",
        "Reload",
    )
    assert announcement("DocumentAccepted", "", about, NOON, good=True).type == "Normal"
    assert announcement("DocumentRejected", "line 4: no", about, NOON, good=False).key != told.key


@given(st.text(alphabet=st.characters(exclude_categories=())), st.integers(0, 400))
def test_a_note_has_at_most_1024_bytes_of_utf8(text: str, times: int) -> None:
    note = str(said(note=text * times)["note"])
    assert len(note.encode()) <= 1024


def test_a_note_of_four_byte_characters_is_cut_between_two_of_them() -> None:
    note = str(said(note="🌬" * 300)["note"])
    assert note == "🌬" * 255 + "…"


@given(st.text(max_size=300))
def test_a_reporting_instance_has_1_to_128_bytes(instance: str) -> None:
    assert 1 <= len(str(said(instance=instance)["reportingInstance"]).encode()) <= 128


@given(st.one_of(st.text(), st.from_regex(r"[a-z0-9.-]{1,300}", fullmatch=True)), st.text(max_size=20))
def test_a_name_is_a_dns_subdomain(name: str, seed: str) -> None:
    made = event_name(name, "0123456789abcdef" + seed)
    label = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    assert re.fullmatch(rf"{label}(\.{label})*", made)
    assert len(made) <= 253


def test_a_name_begins_with_that_of_the_object() -> None:
    assert event_name("airflow-scheduler-7d4b9c", "f" * 64) == "airflow-scheduler-7d4b9c." + "f" * 16
    assert event_name("Not A Name", "f" * 64) == "airlock." + "f" * 16


def test_two_replicas_give_different_names_and_one_gives_each_try_the_same() -> None:
    assert said(instance="airlock-0")["metadata"] != said(instance="airlock-1")["metadata"]
    assert said(count=1)["metadata"] == said(count=5)["metadata"]


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_a_time_has_six_digits_and_means_the_same(at: datetime) -> None:
    whole = at.replace(year=2026, microsecond=0)
    for each in (at.replace(year=2026), whole):
        text = micro_time(each)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", text)
        assert datetime.fromisoformat(text) == each


def test_a_series_holds_a_count_and_a_time() -> None:
    assert series(2, NOON) == {"series": {"count": 2, "lastObservedTime": "2026-03-01T12:00:00.000000Z"}}


def test_the_image_is_no_part_of_the_event_but_by_its_note() -> None:
    assert IMAGE not in str(said())


def admitted(uid: str, **changes: object) -> Decision:
    task = {"owner": None, "task": TASK, "regarding": replace(POD, uid=uid)}
    return replace(WARNED, **(task | changes))


def test_an_admitted_pod_without_owner_has_its_uid_in_the_key_and_its_tasks_key_beside_it() -> None:
    one, other = (occurrence(admitted(uid), NOON) for uid in ("a", "b"))
    assert one.key != other.key
    assert (one.task, one.common) == (other.task, other.common)
    assert one.common == key(admitted("a"))
    assert occurrence(admitted("a", task=TaskRef("sales daily", "other")), NOON).task != one.task


@pytest.mark.parametrize(
    "changes",
    [
        {"owner": REPLICASET},
        {"verdict": DENIED.verdict},
        {"regarding": replace(POD, uid="")},
        {"regarding": DEPLOYMENT},
    ],
    ids=["with an owner", "denied", "without a uid", "no pod"],
)
def test_all_others_are_told_by_what_they_have_in_common(changes: dict[str, object]) -> None:
    found = occurrence(admitted("a", **changes), NOON)
    assert (found.task, found.common) == ("", "")
    assert found.key == key(admitted("a", **changes))
