"""What anyone can forge leaves no more behind than what an API server sends: a gate lives for days."""

import gc
import tracemalloc
from collections.abc import Callable
from datetime import date

import pytest

from tests.harness.reviews import owned, review, scheduler, task
from webhook.admission.review import ReviewError, decode
from webhook.documents.policy import read_policy
from webhook.judge.decision import LONGEST_NAME, Decision
from webhook.judge.gate import Gate

TODAY = date(2026, 11, 23)
REVIEWS, LENGTH = 200, 20_000


def gate() -> Gate:
    return Gate(read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}"))


def judged(body: bytes, by: Gate) -> Decision:
    return by.judge(decode(body), TODAY).decision()


@pytest.mark.parametrize(
    "forged",
    [
        lambda text: review(scheduler(), user=text),
        lambda text: review(scheduler("apache/airflow:latest", policy=text)),
        lambda text: review(scheduler(text)),
        lambda text: review(scheduler(name=text)),
        lambda text: review(owned(scheduler(), kind=text)),
    ],
)
def test_a_gate_remembers_no_text_of_any_length(forged: Callable[[str], bytes]) -> None:
    by = gate()
    judged(forged("x" * LENGTH), by)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(REVIEWS):
            judged(forged(f"{number}{'x' * LENGTH}"), by)
        gc.collect()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < REVIEWS * LENGTH / 4


def test_a_namespace_whose_name_no_api_server_takes_is_refused_since_much_is_remembered_by_namespace() -> None:
    assert judged(review(scheduler(), namespace="airflow"), gate()).verdict.allowed
    with pytest.raises(ReviewError, match="a namespace whose name has 64 characters, more than 63"):
        decode(review(scheduler(), namespace="x" * 64))


def test_the_record_of_a_decision_names_objects_as_the_api_server_would() -> None:
    pod = owned(scheduler("apache/airflow:latest"), name="o" * 1000)
    pod["metadata"] |= {"name": "n" * 1000, "uid": "u" * 1000}
    decision = judged(review(pod), gate())
    assert decision.owner is not None
    for ref in (decision.regarding, decision.owner):
        assert max(map(len, (ref.api_version, ref.kind, ref.namespace, ref.name, ref.uid))) == LONGEST_NAME


def test_nor_does_it_hold_a_run_of_a_task_that_is_longer_than_a_name() -> None:
    pod = task("apache/airflow:latest")
    pod["metadata"]["annotations"] |= {"run_id": "r" * 200_000, "try_number": "t" * 1000}
    found = judged(review(pod), gate()).task
    assert found is not None
    assert (len(found.run_id), len(found.try_number)) == (LONGEST_NAME, LONGEST_NAME)
