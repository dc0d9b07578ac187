"""Events reach a real API server, and nothing that happens to them reaches who observes."""

import gc
import json
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from tests.harness.control_plane import ControlPlane
from tests.harness.decisions import CLEAN, DENIED, REPLICASET, WARNED, decision, violation
from tests.harness.waiting import until
from webhook.cluster import Cluster, connect
from webhook.judge import message
from webhook.judge.decision import Decision, ObjectRef
from webhook.judge.verdict import Verdict, Violation, Where
from webhook.observe.events.ledger import CREATES, Fate
from webhook.observe.events.observer import MOST_QUEUED, Answer, Events, Writer, log_writer
from webhook.rules.finding import Mode


class Fates:
    """What became of what was observed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.all: Counter[str] = Counter()

    def count(self, fate: str, amount: int) -> None:
        with self._lock:
            self.all[fate] += amount

    def until(self, fate: Fate, amount: int, *, seconds: float = 10) -> None:
        until(lambda: self.all[fate] >= amount, f"{amount} {fate}: {self.all}", seconds=seconds)


@dataclass(frozen=True, slots=True)
class Said:
    """An answer that nobody gave."""

    status: int
    retry_after: float | None = None
    why: str = "said so"


class Paper:
    """A writer that keeps what it gets, and answers what it is told to."""

    def __init__(self, answer: Callable[[], Answer] = lambda: Said(201)) -> None:
        self.created: list[Mapping[str, Any]] = []
        self.patched: list[Mapping[str, Any]] = []
        self._answer = answer
        self.writer = Writer(self._create, self._patch)

    def _create(self, event: Mapping[str, Any]) -> Answer:
        self.created.append(event)
        return self._answer()

    def _patch(self, _namespace: str, _name: str, patch: Mapping[str, Any]) -> Answer:
        self.patched.append(patch)
        return self._answer()


@contextmanager
def telling(writer: Writer, **options: Any) -> Iterator[tuple[Events, Fates]]:
    fates = Fates()
    compose = options.pop("compose", message.note)
    events = Events(writer, compose, fates.count, "airlock-0", **options)
    events.start()
    try:
        yield events, fates
    finally:
        events.stop()


def test_an_owner_hears_once_of_each_set_of_variables_that_its_pods_are_given() -> None:
    paper = Paper()
    given = replace(CLEAN, injected=("DEPLOY_ENV", "TEAM"))
    with telling(paper.writer) as (events, fates):
        for one in (given, replace(given, uid="other"), replace(given, dry_run=True), replace(given, owner=None)):
            events.observe(one)
        fates.until(Fate.WRITTEN, 1)
        events.observe(replace(given, injected=("TEAM",)))
        fates.until(Fate.WRITTEN, 2)
        events.observe(replace(given, path="/mutate"))
    assert [event["regarding"]["kind"] for event in paper.created] == ["ReplicaSet", "ReplicaSet"]
    assert {(event["type"], event["reason"]) for event in paper.created} == {("Normal", "Injected")}
    assert "DEPLOY_ENV, TEAM" in paper.created[0]["note"]
    assert paper.patched == []


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    with connect(kubeconfig=str(control_plane.kubeconfig)) as made:
        yield made


@pytest.fixture
def writer(cluster: Cluster) -> Writer:
    return Writer(cluster.create_event, cluster.patch_event)


@pytest.fixture
def written(control_plane: ControlPlane, namespace: str) -> Callable[[], list[dict[str, Any]]]:
    def get() -> list[dict[str, Any]]:
        items = json.loads(control_plane.kubectl("get", "events.events.k8s.io", "-n", namespace, "-o", "json"))["items"]
        return [item for item in items if item["reportingController"] == "airlock"]

    return get


@pytest.fixture
def denied(namespace: str) -> Decision:
    """A denial in *namespace*; whether its owner exists makes no difference to who writes."""
    return within(DENIED, namespace)


def within(made: Decision, namespace: str) -> Decision:
    """Return *made* as if it had been about *namespace*."""
    owner = made.owner and replace(made.owner, namespace=namespace)
    return replace(made, regarding=replace(made.regarding, namespace=namespace), owner=owner)


def test_fifteen_denials_are_one_event_with_a_rising_count_that_kubectl_describe_shows(
    control_plane: ControlPlane, writer: Writer, namespace: str, written: Callable[[], list[dict[str, Any]]]
) -> None:
    pods = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    spec = {"replicas": 0, "selector": {"matchLabels": {"a": "b"}}, "template": pods}
    replicaset = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "scheduler"}, "spec": spec}
    manifest = json.dumps(replicaset)
    uid = control_plane.kubectl("-n", namespace, "create", "-f", "-", "-o", "jsonpath={.metadata.uid}", input=manifest)
    owner = ObjectRef("apps/v1", "ReplicaSet", namespace, "scheduler", uid)
    denied = replace(within(DENIED, namespace), owner=owner)

    def counts() -> list[int]:
        return [event.get("series", {}).get("count", 1) for event in written()]

    with telling(writer) as (events, fates):
        for number in range(15):
            pod = replace(denied.regarding, name=f"scheduler-{number}", uid=str(number))
            events.observe(replace(denied, regarding=pod, uid=str(number)))
            fates.until(Fate.WRITTEN, 1)
            if number in (0, 7):
                until(lambda: counts() == [number + 1], "the count to rise")  # noqa: B023 - now
        until(lambda: fates.all.total() == 15, "all are told")
    (event,) = written()
    assert event["series"]["count"] == 15
    assert (event["type"], event["reason"], event["reportingInstance"]) == ("Warning", "Denied", "airlock-0")
    described = control_plane.kubectl("-n", namespace, "describe", "rs/scheduler")
    assert "tag 'latest' is mutable" in described
    assert "x15" in described


def test_an_admitted_pod_and_a_document_are_told_of_in_their_own_namespace(
    writer: Writer, namespace: str, written: Callable[[], list[dict[str, Any]]]
) -> None:
    with telling(writer) as (events, fates):
        events.observe(within(WARNED, namespace))
        about = ObjectRef("v1", "ConfigMap", namespace, "airlock-policy", "c1")
        events.announce("DocumentRejected", "policy: line 3: no", about)
        fates.until(Fate.WRITTEN, 2)
    facts = {event["reason"]: (event["regarding"]["kind"], event["note"]) for event in written()}
    assert facts["Warned"][0] == "Pod"
    assert facts["DocumentRejected"] == ("ConfigMap", "policy: line 3: no")


def test_a_note_of_long_characters_and_a_time_on_the_second_are_taken(
    writer: Writer, denied: Decision, written: Callable[[], list[dict[str, Any]]]
) -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    with telling(writer, compose=lambda _: "🌬" * 5000, now=lambda: noon) as (events, fates):
        events.observe(denied)
        fates.until(Fate.WRITTEN, 1)
        events.observe(denied)
        fates.until(Fate.REPEATED, 1)
    (event,) = written()
    assert event["eventTime"] == "2026-03-01T12:00:00.000000Z"
    assert event["series"]["lastObservedTime"] == "2026-03-01T12:00:00.000000Z"
    assert len(event["note"].encode()) <= 1024


def test_names_and_notes_that_kubernetes_would_not_allow_are_made_fit(
    writer: Writer, denied: Decision, written: Callable[[], list[dict[str, Any]]]
) -> None:
    odd = replace(denied.regarding, name="Ä b/" * 100, uid="\x00")
    with telling(writer, compose=lambda _: "a\ud800\x00\nb") as (events, fates):
        events.observe(replace(denied, regarding=odd, owner=None))
        fates.until(Fate.WRITTEN, 1)
    assert len(written()) == 1


def test_an_event_that_was_deleted_is_written_anew(
    control_plane: ControlPlane,
    writer: Writer,
    namespace: str,
    denied: Decision,
    written: Callable[[], list[dict[str, Any]]],
) -> None:
    with telling(writer) as (events, fates):
        events.observe(denied)
        fates.until(Fate.WRITTEN, 1)
        control_plane.kubectl("-n", namespace, "delete", "events", "--all")
        events.observe(denied)
        fates.until(Fate.WRITTEN, 2)
    assert len(written()) == 1


def test_a_namespace_that_is_going_away_is_final(
    control_plane: ControlPlane, cluster: Cluster, namespace: str, denied: Decision
) -> None:
    held = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "held", "finalizers": ["example.com/hold"]}}
    control_plane.kubectl("-n", namespace, "create", "-f", "-", input=json.dumps(held))
    control_plane.kubectl("delete", "namespace", namespace, "--wait=false")
    answers: list[int] = []

    def create(event: Mapping[str, Any]) -> Answer:
        answer = cluster.create_event(event)
        answers.append(answer.status)
        return answer

    try:
        with telling(Writer(create, cluster.patch_event)) as (events, fates):
            events.observe(denied)
            fates.until(Fate.FAILED, 1)
        assert answers == [403]
    finally:
        patch = '{"metadata": {"finalizers": null}}'
        control_plane.kubectl("-n", namespace, "patch", "configmap", "held", "--type=merge", "--patch", patch)


def test_a_namespace_that_does_not_exist_is_final(writer: Writer) -> None:
    with telling(writer) as (events, fates):
        events.observe(within(DENIED, "nowhere"))
        fates.until(Fate.FAILED, 1)
        assert fates.all == {Fate.FAILED: 1}


def test_what_is_seen_while_the_api_server_is_away_is_written_when_it_is_back(
    control_plane: ControlPlane, cluster: Cluster, denied: Decision, written: Callable[[], list[dict[str, Any]]]
) -> None:
    failed, back = threading.Event(), threading.Event()

    def create(event: Mapping[str, Any]) -> Answer:
        if failed.is_set():
            back.wait(120)  # it tries for a quarter of a minute, and a busy machine may take longer to start a server
        try:
            return cluster.create_event(event)
        except OSError:
            failed.set()
            raise

    control_plane.stop_apiserver()
    try:
        with telling(Writer(create, cluster.patch_event)) as (events, fates):
            events.observe(denied)
            assert failed.wait(30)
            control_plane.start_apiserver()
            back.set()
            fates.until(Fate.WRITTEN, 1, seconds=30)
    finally:
        control_plane.start_apiserver()
        back.set()
    assert len(written()) == 1


@pytest.mark.parametrize(
    "large",
    [
        lambda text: violation(Mode.ENFORCE, image=text),
        lambda text: placed(violation(Mode.ENFORCE), Where("spec.containers[1].image", text)),
        lambda text: placed(violation(Mode.ENFORCE), *(Where(f"spec.{text[:40]}{nth}") for nth in range(1000))),
    ],
    ids=["an image", "a name", "places"],
)
def test_what_waits_for_an_api_server_that_hangs_takes_little_room_however_large_the_pods_are(
    large: Callable[[str], Violation],
) -> None:
    hangs, number, length = threading.Event(), 100, 100_000
    paper = Paper(lambda: Said(201 if hangs.wait(60) else 500))
    gc.collect()
    with telling(paper.writer) as (events, fates):
        try:
            events.observe(DENIED)
            until(lambda: bool(paper.created), "the thread to wait for its answer")
            tracemalloc.start()
            for nth in range(number):
                made = replace(DENIED, verdict=Verdict((large(f"{nth}{'x' * length}"),)))
                events.observe(replace(made, owner=replace(REPLICASET, uid=str(nth))))
            gc.collect()
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
            hangs.set()
        fates.until(Fate.WRITTEN, 2)
    assert kept < number * length / 4
    assert paper.created[1]["note"] == message.note(replace(DENIED, verdict=Verdict((large(f"0{'x' * length}"),))))


def placed(told: Violation, *places: Where) -> Violation:
    """Return *told* with more *places*."""
    return replace(told, cause=replace(told.cause, places=(*told.cause.places, *places)))


@pytest.mark.parametrize(
    "quiet",
    [replace(DENIED, dry_run=True), replace(DENIED, path="/mutate"), CLEAN],
    ids=["dry run", "mutation", "no violation"],
)
def test_nothing_is_told_of(quiet: Decision) -> None:
    paper = Paper()
    with telling(paper.writer) as (events, fates):
        events.observe(quiet)
        events.observe(decision(Mode.AUDIT))
        fates.until(Fate.WRITTEN, 1)
    assert [event["reason"] for event in paper.created] == ["Audited"]
    assert fates.all == {Fate.WRITTEN: 1}


def test_a_flood_writes_what_the_rate_allows_and_counts_the_rest_as_dropped(
    writer: Writer, denied: Decision, written: Callable[[], list[dict[str, Any]]]
) -> None:
    flood = 10_000
    began = datetime.now(UTC)
    with telling(writer) as (events, fates):
        for number in range(flood):
            assert denied.owner is not None
            events.observe(replace(denied, owner=replace(denied.owner, uid=str(number))))
        until(lambda: fates.all.total() == flood, "every one has its fate")
    rate, burst = CREATES
    assert 0 < len(written()) <= burst + rate * ((datetime.now(UTC) - began).total_seconds() + 2)
    assert fates.all[Fate.WRITTEN] == len(written())
    assert fates.all[Fate.DROPPED] == flood - len(written())


def test_a_queue_that_is_full_drops_and_never_waits() -> None:
    paper = Paper()
    fates = Fates()
    events = Events(paper.writer, message.note, fates.count, "airlock-0")
    for _ in range(MOST_QUEUED + 7):
        events.observe(DENIED)
    assert fates.all == {Fate.DROPPED: 7}
    events.start()
    events.stop()
    assert fates.all.total() == MOST_QUEUED + 7
    assert [event["series"]["count"] for event in paper.created] == [MOST_QUEUED]


def test_failures_in_a_row_are_complained_of_once(caplog: pytest.LogCaptureFixture) -> None:
    paper = Paper(lambda: Said(422))
    with telling(paper.writer) as (events, fates):
        events.observe(DENIED)
        events.observe(WARNED)
        fates.until(Fate.FAILED, 2)
    assert [record.getMessage() for record in caplog.records] == ["an Event cannot be written: said so"]


def test_a_decision_that_cannot_be_told_silences_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def compose(made: Decision) -> str:
        if made.uid == "bad":
            raise LookupError("on purpose")
        return "a note"

    paper = Paper()
    with telling(paper.writer, compose=compose) as (events, fates):
        events.observe(replace(DENIED, uid="bad"))
        events.observe(WARNED)
        fates.until(Fate.WRITTEN, 1)
    assert fates.all == {Fate.WRITTEN: 1, Fate.FAILED: 1}
    assert "on purpose" in caplog.text


def test_a_writer_that_breaks_is_not_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Answer:
        raise LookupError("on purpose")

    paper = Paper(broken)
    with telling(paper.writer) as (events, fates):
        events.observe(DENIED)
        fates.until(Fate.FAILED, 1)
    assert len(paper.created) == 1
    assert "on purpose" in caplog.text


def test_what_waits_is_written_when_it_ends() -> None:
    paper = Paper()
    with telling(paper.writer) as (events, fates):
        events.observe(DENIED)
        fates.until(Fate.WRITTEN, 1)
        for _ in range(9):
            events.observe(DENIED)
    assert paper.patched[-1]["series"]["count"] == 10
    assert fates.all == {Fate.WRITTEN: 1, Fate.REPEATED: 9}


def test_the_log_takes_the_place_of_a_cluster() -> None:
    lines: list[tuple[str, dict[str, Any]]] = []
    with telling(log_writer(lambda word, **fields: lines.append((word, fields)))) as (events, fates):
        events.observe(DENIED)
        fates.until(Fate.WRITTEN, 1)
        events.observe(DENIED)
        fates.until(Fate.REPEATED, 1)
    (_, first), (word, again) = lines
    assert word == "event"
    assert (first["reason"], first["regarding"], first["count"]) == (
        "Denied",
        "ReplicaSet airflow/airflow-scheduler-7d4b9c",
        1,
    )
    assert (again["name"], again["count"]) == (first["name"], 2)


def test_stopping_what_never_started_is_nothing() -> None:
    Events(Paper().writer, message.note, Fates().count, "airlock-0").stop()
