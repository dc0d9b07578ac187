"""One desk answers every lane: what the loop answers is what Flask answers, byte for byte."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from tests.admission.test_bad_input import BAD, UNREADABLE
from tests.harness.reviews import EXECUTOR, deployment, owned, review, scheduler, task
from tests.harness.server import Server, serving
from tests.harness.waiting import until
from webhook.admission.review import ReviewError, decode
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge.decision import Decision
from webhook.judge.gate import Gate
from webhook.judge.request import Request
from webhook.serving.desk import MUTATE, QUICK_BYTES, VALIDATE, Desk, Parts

POLICY = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
MANIFEST = "{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: A, value: b, components: [scheduler, task]}]}"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
CORPUS = sorted(Path(__file__).parent.parent.joinpath("corpus").rglob("*.workloads.yaml"))


def edge_cases() -> Iterator[bytes]:
    """Yield the tables of odd reviews, and every pod of the corpus."""
    yield from BAD.values()
    yield from UNREADABLE.values()
    for image in ("apache/airflow:latest", "apache/airflow:2.10.5", "", "A:B:C", "x@sha256:" + "0" * 64, "é:1"):
        for pod in (scheduler(image), task(image), owned(task(image))):
            yield review(pod)
            yield review(pod, operation="UPDATE", old=scheduler())
            yield review(pod, dry_run=True)
            yield review(deployment(pod))
    yield review(None, operation="DELETE", old=scheduler(), kind="Pod")
    for path in CORPUS:
        for each in yaml.safe_load_all(path.read_text()):
            if isinstance(each, dict) and each.get("kind"):
                yield review(each)


class Ears:
    """Hears what is decided, and what breaks."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.logged: list[tuple[Any, datetime]] = []
        self.broke: list[BaseException] = []

    def desk(self, gate: Gate | None, *observers: Callable[[Decision], None]) -> Desk:
        def log(decision: Any, when: datetime) -> None:
            self.logged.append((decision, when))

        def failed(_path: str, error: BaseException) -> None:
            self.broke.append(error)

        return Desk(Parts(lambda: gate, [self.heard.append, *observers], log, failed, lambda: NOW))


@pytest.fixture
def ears() -> Ears:
    return Ears()


@pytest.fixture
def gate() -> Gate:
    return Gate(read_policy(POLICY), read_manifest(MANIFEST))


def test_the_quick_answer_is_the_whole_answer_or_none(ears: Ears, gate: Gate) -> None:
    desk, quick = ears.desk(gate), 0
    for body in edge_cases():
        for path in (VALIDATE, MUTATE):
            found = desk.quickly(path, body)
            if found is not None:
                quick += 1
                assert found.body == desk.answer(path, body).body
    assert quick > 150
    assert not ears.broke


def test_a_pod_is_read_the_same_in_one_pass_as_in_two() -> None:
    space = b" " * 1000  # then nobody sees at the beginning that it is about a pod
    for body in edge_cases():
        assert read(body) == read(space + body)


def read(body: bytes) -> Request | type[ReviewError]:
    """Return the request in *body*, without the bytes themselves, and the number of the one that cannot be read."""
    try:
        request = replace(decode(body), body=b"")
    except ReviewError:
        return ReviewError
    obstacle = request.obstacle
    if obstacle is None:
        return request
    return replace(request, obstacle=replace(obstacle, text=re.sub("[0-9]+", "", obstacle.text)))


def test_a_gate_says_the_same_however_often_it_is_asked(ears: Ears, gate: Gate) -> None:
    desk, bodies = ears.desk(gate), [body for body in edge_cases() if isinstance(read(body), Request)]
    first = [desk.answer(path, body).body for body in bodies for path in (VALIDATE, MUTATE)]
    assert [desk.answer(path, body).body for body in bodies for path in (VALIDATE, MUTATE)] == first


def test_what_may_take_long_or_is_no_review_is_not_answered_quickly(ears: Ears, gate: Gate) -> None:
    desk = ears.desk(gate)
    crowd = task()
    crowd["spec"]["containers"] *= 101
    big = scheduler(env=[{"name": "A", "value": "x" * QUICK_BYTES}])
    for body in (*BAD.values(), *UNREADABLE.values(), review(crowd), review(big)):
        if b"kube-system" not in body:
            assert desk.quickly(VALIDATE, body) is None
    assert desk.quickly("/guard", review(scheduler())) is None
    assert desk.quickly("/other", review(scheduler())) is None
    assert ears.desk(None).quickly(VALIDATE, review(scheduler())) is None


def test_nobody_hears_of_a_decision_before_its_answer_is_on_its_way(ears: Ears, gate: Gate) -> None:
    found = ears.desk(gate).quickly(VALIDATE, review(scheduler("apache/airflow:latest")))
    assert found is not None
    assert not ears.heard
    log = found.tell()
    assert [decision.verdict.allowed for decision in ears.heard] == [False]
    assert not ears.logged
    log()
    assert ears.logged == [(*ears.heard, NOW)]


def test_an_observer_that_breaks_costs_no_line_in_the_log_and_is_told(ears: Ears, gate: Gate) -> None:
    def observe(_: Decision) -> None:
        raise KeyError("a mistake")

    found = ears.desk(gate, observe).quickly(VALIDATE, review(scheduler()))
    assert found is not None
    found.tell()()
    assert [type(error) for error in ears.broke] == [KeyError]
    assert ears.logged == [(*ears.heard, NOW)]


def test_a_record_that_breaks_after_its_answer_is_told(ears: Ears, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def task_of(_: object) -> None:
        raise KeyError("a mistake")

    monkeypatch.setattr("webhook.judge.case.task_of", task_of)
    found = ears.desk(gate).quickly(MUTATE, review(task("apache/airflow:2.10.5"), user=EXECUTOR))
    assert found is not None
    found.tell()()
    assert [type(error) for error in ears.broke] == [KeyError]
    assert not ears.logged


class BrokenGate(Gate):
    """A gate that breaks on what it reads."""

    def _case(self, *_: Any, **_named: Any) -> Any:
        raise KeyError("a mistake")


def test_an_object_on_which_airlock_breaks_is_a_violation_and_the_mistake_is_told(ears: Ears) -> None:
    desk = ears.desk(BrokenGate(read_policy(POLICY)))
    assert desk.quickly(VALIDATE, review(scheduler())) is None
    answer = json.loads(desk.answer(VALIDATE, review(scheduler())).body)["response"]
    assert "unreadable: the object: could not be judged" in answer["status"]["message"]
    assert json.loads(desk.answer(MUTATE, review(scheduler())).body)["response"]["allowed"]
    assert [type(error) for error in ears.broke] == [KeyError, KeyError]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "policy.yaml").write_text(POLICY)
    (folder / "env.yaml").write_text(MANIFEST)
    with serving(folder, "--policy", str(folder / "policy.yaml"), "--required-env", str(folder / "env.yaml")) as server:
        yield server


def test_both_lanes_send_the_same_bytes(server: Server) -> None:
    for body in edge_cases():
        for path in (VALIDATE, MUTATE):
            quick, slow = (server.ask(path, body, **odd) for odd in ({}, {"X_Odd": "1"}))
            for _, headers, _ in (quick, slow):
                headers.pop("date")
            assert quick == slow


def test_what_the_loop_answers_is_counted_like_the_rest(server: Server) -> None:
    series = 'airlock_admission_reviews_total{dry_run="false",operation="CREATE",path="/validate",verdict="denied"}'
    before = server.metric(series)
    for odd in ({}, {"X_Odd": "1"}):
        server.ask(VALIDATE, review(scheduler("apache/airflow:latest")), **odd)
    until(lambda: server.metric(series) == before + 2, "both to be counted")
