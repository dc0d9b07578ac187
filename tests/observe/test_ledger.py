"""Repeats become a number, floods become a few Events, and every occurrence has one fate."""

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.harness.decisions import DENIED
from webhook.observe.events import ledger as book
from webhook.observe.events.allowance import MOST, Allowance
from webhook.observe.events.ledger import Fate, Ledger, Outcome, Write, outcome
from webhook.observe.events.occurrence import Occurrence, micro_time, occurrence
from webhook.observe.events.turns import LINE, MOST_PROVEN, Bucket, Turns

HOME = DENIED.regarding.namespace
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Desk:
    """A ledger, its clock, and somebody who sends what is due."""

    def __init__(self) -> None:
        self.now = 0.0
        self.fates: Counter[Fate] = Counter()
        self.sent: list[Write] = []
        self.ledger = Ledger("airlock-0", self._count, 0.0)

    def _count(self, fate: Fate, amount: int) -> None:
        assert amount > 0
        self.fates[fate] += amount

    def see(self, key: str, times: int = 1, namespace: str | None = None) -> None:
        for _ in range(times):
            self.ledger.add(told(key, self.now, namespace), self.now, lambda: f"note of {key}")

    def send(self, result: Outcome = Outcome.DONE, after: float = 0.0) -> list[Write]:
        """Send what is due, all with *result*."""
        sent = []
        while write := self.ledger.due(self.now):
            sent.append(write)
            self.ledger.settle(write, result, self.now, after=after)
        self.sent += sent
        return sent

    def later(self, seconds: float) -> None:
        self.now += seconds


def told(key: str, now: float, namespace: str | None = None) -> Occurrence:
    found = occurrence(DENIED, NOON + timedelta(seconds=now))
    where = found.regarding if namespace is None else replace(found.regarding, namespace=namespace)
    return replace(found, key=key, regarding=where)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_first_of_its_kind_is_an_event_of_its_own(desk: Desk) -> None:
    desk.see("a")
    (write,) = desk.send()
    assert (write.new, write.body["note"], "series" in write.body) == (True, "note of a", False)
    assert desk.fates == {Fate.WRITTEN: 1}


def test_a_repeat_is_a_patch_of_the_count_and_the_last_time(desk: Desk) -> None:
    desk.see("a")
    (first,) = desk.send()
    desk.later(2)
    desk.see("a")
    (again,) = desk.send()
    assert (again.new, again.name, again.namespace) == (False, first.name, first.namespace)
    assert again.body == {"series": {"count": 2, "lastObservedTime": micro_time(NOON + timedelta(seconds=2))}}
    assert desk.fates == {Fate.WRITTEN: 1, Fate.REPEATED: 1}


def test_repeats_within_a_second_are_one_patch(desk: Desk) -> None:
    desk.see("a")
    desk.send()
    desk.see("a", 100)
    assert desk.send() == []
    desk.later(1)
    (patch,) = desk.send()
    assert patch.body["series"]["count"] == 101


def test_repeats_before_the_first_was_written_come_with_it(desk: Desk) -> None:
    desk.see("a", 5)
    (write,) = desk.send()
    assert (write.new, write.body["series"]["count"]) == (True, 5)
    assert desk.fates == {Fate.WRITTEN: 1, Fate.REPEATED: 4}


def test_fifteen_denials_within_four_seconds_are_one_event_that_is_told_within_a_second(desk: Desk) -> None:
    for _ in range(15):
        desk.see("a")
        desk.send()
        desk.later(4 / 15)
    desk.later(1)
    desk.send()
    assert [write.new for write in desk.sent].count(True) == 1
    assert desk.sent[-1].body["series"]["count"] == 15
    assert len(desk.sent) <= 6


def test_twenty_kinds_at_once_are_written_a_few_wait_their_turn_and_the_rest_is_dropped(desk: Desk) -> None:
    for number in range(500):
        desk.see(str(number))
    desk.later(1)
    desk.send()
    assert desk.fates[Fate.WRITTEN] == 21
    desk.later(20)
    desk.send()
    assert desk.fates == {Fate.WRITTEN: 20 + LINE, Fate.DROPPED: 480 - LINE}


def test_a_flood_in_one_namespace_delays_no_other_by_more_than_a_turn(desk: Desk) -> None:
    desk.see("home")
    desk.send()
    for second in range(60):
        for number in range(50):
            desk.see(f"forged {second} {number}", namespace="elsewhere")
        desk.send()
        desk.later(1)
    desk.see("true", namespace=HOME)
    desk.later(1)
    desk.send()
    desk.later(1)
    desk.send()
    assert "true" in {write.key for write in desk.sent}


@pytest.mark.parametrize("burst", [10, 60])
def test_invented_namespaces_share_one_line(desk: Desk, burst: int) -> None:
    desk.see("home")
    desk.send()
    for second in range(30):
        for number in range(burst):
            desk.see(f"forged {second} {number}", namespace=f"invented-{second}-{number}")
        desk.send(Outcome.FINAL)  # the API server knows no such namespace
        desk.later(1)
    desk.see("true", namespace=HOME)
    for _ in range(2):
        desk.later(1)
        desk.send()
    assert "true" in {write.key for write in desk.sent}


def test_a_namespace_that_is_gone_loses_its_line_and_may_earn_it_again() -> None:
    turns = Turns(Bucket(1.0, 1.0, 0.0, 0.0))
    turns.prove("airflow")
    turns.doubt("airflow")
    for key in range(LINE):
        turns.join("airflow", str(key))
    assert not turns.has_room("other"), "they share the line of strangers"
    turns.prove("airflow")
    assert turns.has_room("airflow")


def test_lines_and_places_are_bounded() -> None:
    turns = Turns(Bucket(1.0, 1.0, 0.0, 0.0))
    for number in range(MOST_PROVEN + 500):
        turns.prove(f"n{number}")
    for number in range(MOST_PROVEN + 500):
        while turns.has_room(f"n{number}"):
            turns.join(f"n{number}", f"{number} {len(turns)}")
    assert len(turns) == (MOST_PROVEN + 1) * LINE


def test_one_kind_a_second_is_never_dropped(desk: Desk) -> None:
    for number in range(500):
        desk.see(str(number))
        desk.send()
        desk.later(1)
    assert desk.fates == {Fate.WRITTEN: 500}


def test_what_was_dropped_may_be_written_when_it_comes_again(desk: Desk) -> None:
    for number in range(30):
        desk.see(str(number))
    desk.later(30)
    desk.see("29")
    assert desk.send()[-1].body["note"] == "note of 29"


def test_a_repeat_is_written_within_a_second_while_there_are_few(desk: Desk) -> None:
    for number in range(10):
        desk.see(str(number))
    desk.send()
    for number in range(10):
        desk.see(str(number))
    desk.later(1)
    assert len(desk.send()) == 10


def test_patches_are_limited_over_all_events_and_lose_no_repeat(desk: Desk) -> None:
    for number in range(600):
        desk.see(str(number % 20))
        desk.send()
        desk.later(0.01)
    rate, burst = book.PATCHES
    assert sum(not write.new for write in desk.sent) <= burst + rate * desk.now
    while desk.ledger.wait(desk.now) < math.inf:
        desk.later(1)
        desk.send()
    assert desk.fates == {Fate.WRITTEN: 20, Fate.REPEATED: 580}


def test_somebody_who_tries_again_for_an_hour_causes_few_patches(desk: Desk) -> None:
    for _ in range(7200):
        desk.see("a")
        desk.send()
        desk.later(0.5)
    assert 300 < len(desk.sent) < 400
    desk.later(book.LATER_APART)
    desk.send()
    assert desk.fates == {Fate.WRITTEN: 1, Fate.REPEATED: 7199}


def test_an_event_that_may_be_written_waits_for_no_other_that_may_not(desk: Desk) -> None:
    for key in "ab":
        desk.see(key)
        desk.send()
    for _ in range(book.EARLY):
        desk.later(1)
        desk.see("a")
        desk.send()
    desk.see("a")
    desk.see("b")
    assert [write.key for write in desk.send()] == ["b"]
    desk.later(book.LATER_APART)
    assert [write.key for write in desk.send()] == ["a"]


def test_three_that_repeat_for_long_cost_no_new_event_its_place(desk: Desk) -> None:
    for _ in range(300):
        for key in "abc":
            desk.see(key)
        desk.send()
        desk.later(1)
    for number in range(28):
        desk.see(f"new {number}")
    for _ in range(30):
        desk.send()
        desk.later(1)
    assert desk.fates[Fate.WRITTEN] == 3 + 28


def test_a_minute_of_the_worst_flood_has_at_most_a_hundred_writes(desk: Desk) -> None:
    for number in range(10_000):
        desk.see(str(number % 500))
        desk.send()
        desk.later(0.006)
    assert 60 < len(desk.sent) <= 100


@pytest.fixture
def debt(desk: Desk) -> Desk:
    """Return a desk with 500 Events that all have repeats to tell."""
    for number in range(500):
        desk.see(str(number))
        desk.send()
        desk.later(1)
    for number in range(500):
        desk.see(str(number), 10)
    return desk


def test_what_a_flood_has_left_to_tell_is_told_within_minutes_of_its_end(debt: Desk) -> None:
    ended = debt.now
    debt.send()
    while debt.fates[Fate.REPEATED] < 5000:
        pause = debt.ledger.wait(debt.now)
        assert 0 < pause < math.inf
        debt.later(max(pause, 0.01))
        debt.send()
    assert 400 < debt.now - ended < 500


def test_repeats_leave_new_events_what_comes_at_once(debt: Desk) -> None:
    for _ in range(60):
        debt.later(1)
        debt.send()
    names = {f"new {number}" for number in range(int(book.CREATES[1]) - 1)}
    for name in names:
        debt.see(name)
    assert {write.key for write in debt.send() if write.new} == names


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30), st.sampled_from([0.01, 0.5, 1.0, 20.0])), max_size=80)
)
def test_new_events_and_repeats_together_keep_to_one_limit(steps: list[tuple[int, int, float]]) -> None:
    desk = Desk()
    for first, number, pause in steps:
        for key in range(first, first + number):
            desk.see(str(key), 2)
        desk.send()
        desk.later(pause)
        desk.send()
    bursts, rates = zip(book.CREATES[::-1], book.PATCHES[::-1], strict=True)
    assert len(desk.sent) <= sum(bursts) + sum(rates) * desk.now


def test_a_repeat_after_half_an_hour_is_a_new_event(desk: Desk) -> None:
    desk.see("a")
    (first,) = desk.send()
    desk.later(book.IDLE + 1)
    desk.see("a")
    (second,) = desk.send()
    assert second.new
    assert second.name != first.name


def test_an_event_that_is_gone_is_created_anew_and_counts_from_there(desk: Desk) -> None:
    desk.see("a", 7)
    (first,) = desk.send()
    desk.later(5)
    desk.see("a", 3)
    gone = desk.ledger.due(desk.now)
    assert gone is not None
    desk.ledger.settle(gone, Outcome.GONE, desk.now)
    (anew,) = desk.send()
    assert (anew.new, anew.name != first.name, anew.body["series"]["count"]) == (True, True, 3)
    assert anew.body["eventTime"] == micro_time(NOON + timedelta(seconds=5))
    assert desk.fates == {Fate.WRITTEN: 2, Fate.REPEATED: 8}


def test_tries_are_few_and_further_and_further_apart(desk: Desk) -> None:
    desk.see("a")
    tries = []
    for _ in range(1000):
        if desk.send(Outcome.RETRY):
            tries.append(desk.now)
        desk.later(0.1)
    pauses = [after - before for before, after in pairwise(tries)]
    assert len(tries) == book.MOST_TRIES
    assert pauses == sorted(pauses)
    assert desk.fates == {Fate.FAILED: 1}
    assert desk.ledger.wait(desk.now) == math.inf


def test_a_server_that_asks_for_patience_gets_it_but_not_for_ever(desk: Desk) -> None:
    desk.see("a")
    desk.send(Outcome.RETRY, after=7)
    assert desk.ledger.wait(desk.now) == 7
    desk.later(7)
    desk.send(Outcome.RETRY, after=1e9)
    assert desk.ledger.wait(desk.now) == book.MOST_PATIENT


def test_a_retry_that_succeeds_tells_everything_since(desk: Desk) -> None:
    desk.see("a")
    (first,) = desk.send(Outcome.RETRY)
    desk.see("a", 3)
    desk.later(1)
    (second,) = desk.send()
    assert second.name == first.name
    assert second.body["series"]["count"] == 4
    assert desk.fates == {Fate.WRITTEN: 1, Fate.REPEATED: 3}


def test_what_can_never_be_written_is_not_tried_again(desk: Desk) -> None:
    desk.see("a", 3)
    assert len(desk.send(Outcome.FINAL)) == 1
    desk.later(100)
    assert desk.send() == []
    assert desk.fates == {Fate.FAILED: 3}
    assert len(desk.ledger) == 0


def test_a_server_that_is_away_does_not_fill_the_memory(desk: Desk) -> None:
    for number in range(5000):
        desk.see(str(number))
        desk.later(1)
    assert len(desk.ledger) == book.MOST_WAITING


def test_a_thousand_kinds_are_remembered_at_most(desk: Desk) -> None:
    for number in range(1500):
        desk.see(str(number))
        desk.send()
        desk.later(1)
    assert len(desk.ledger) == book.MOST_SERIES
    desk.see("1499")
    desk.see("0")
    assert {write.key: write.new for write in desk.send()} == {"1499": False, "0": True}


def test_at_the_end_everything_is_due_and_the_rest_is_dropped(desk: Desk) -> None:
    desk.see("a", 2)
    desk.send()
    desk.see("a", 3)
    desk.see("b")
    desk.ledger.hasten()
    write = desk.ledger.due(desk.now)
    assert write is not None
    desk.ledger.settle(write, Outcome.DONE, desk.now)
    desk.ledger.abandon()
    assert desk.fates.total() == 6
    assert desk.fates[Fate.DROPPED] in (1, 3)
    assert desk.ledger.due(desk.now) is None


STEP = st.one_of(
    st.tuples(st.just("see"), st.sampled_from("abcdefghijklmnopqrstuvwxyz"), st.integers(1, 40)),
    st.tuples(st.just("send"), st.sampled_from(list(Outcome)), st.just(0)),
    st.tuples(st.just("later"), st.sampled_from([0.1, 1.0, 30.0, 4000.0]), st.just(0)),
)


@given(st.lists(STEP, max_size=60))
@settings(max_examples=300)
def test_whatever_happens_every_occurrence_has_one_fate_and_new_events_keep_to_the_rate(
    steps: list[tuple[str, str | Outcome | float, int]],
) -> None:
    desk = Desk()
    seen = 0
    for word, what, times in steps:
        if word == "see":
            desk.see(str(what), times)
            seen += times
        elif isinstance(what, Outcome):
            desk.send(what)
        else:
            desk.later(float(what))
    desk.ledger.hasten()
    desk.send()
    desk.ledger.abandon()
    assert desk.fates.total() == seen
    tried = {(write.key, write.name) for write in desk.sent if write.new}
    assert len(tried) <= book.CREATES[1] + 2 * LINE + desk.now * book.CREATES[0]


@given(st.lists(st.floats(0, 10), max_size=100))
def test_a_bucket_gives_its_burst_and_its_rate_and_no_more(pauses: list[float]) -> None:
    bucket, now, taken = Bucket(rate=2.0, burst=5.0, level=5.0, at=0.0), 0.0, 0
    for pause in pauses:
        now += pause
        bucket = bucket.filled(now)
        while bucket.wait == 0:
            bucket = bucket.taken()
            taken += 1
    assert taken <= 5 + 2 * now + 1e-6


def test_a_bucket_does_not_empty_when_a_clock_goes_back() -> None:
    bucket = Bucket(1.0, 5.0, 3.0, 100.0)
    assert bucket.filled(50.0) == bucket


@pytest.mark.parametrize(
    ("status", "new", "means"),
    [
        (201, True, Outcome.DONE),
        (200, False, Outcome.DONE),
        (409, True, Outcome.DONE),
        (409, False, Outcome.RETRY),
        (404, False, Outcome.GONE),
        (404, True, Outcome.FINAL),
        (403, True, Outcome.FINAL),
        (422, True, Outcome.FINAL),
        (429, True, Outcome.RETRY),
        (500, False, Outcome.RETRY),
        (503, True, Outcome.RETRY),
    ],
)
def test_statuses_are_told_apart(status: int, new: bool, means: Outcome) -> None:  # noqa: FBT001  # a row of the table
    assert outcome(status, new=new) is means


def pod(desk: Desk, uid: str, task: str = "load") -> None:
    told_ = replace(told(f"{task} {uid}", desk.now), task=task, common=f"all of {task}")
    desk.ledger.add(told_, desk.now, lambda: f"note of {uid}")


def test_a_few_pods_of_a_task_have_events_of_their_own_and_the_rest_of_a_minute_share_one(desk: Desk) -> None:
    for nth in range(10):
        pod(desk, f"{nth}")
    *own, shared = desk.send()
    assert [write.body["note"] for write in own] == ["note of 0", "note of 1", "note of 2"]
    assert (shared.body["note"], shared.body["series"]["count"]) == ("note of 3", 7)
    assert desk.fates == {Fate.WRITTEN: 4, Fate.REPEATED: 6}


def test_a_later_pod_of_a_task_has_an_event_of_its_own_again(desk: Desk) -> None:
    for nth in range(5):
        pod(desk, f"{nth}")
    desk.send()
    desk.later(21)
    pod(desk, "later")
    assert [write.body["note"] for write in desk.send() if write.new] == ["note of later"]


def test_a_task_uses_up_no_allowance_but_its_own_and_a_pod_that_is_told_again_none(desk: Desk) -> None:
    for _ in range(9):
        pod(desk, "same")
    for nth in range(2):
        pod(desk, f"{nth}")
    pod(desk, "0", "extract")
    assert sorted(write.body["note"] for write in desk.send()) == [
        "note of 0",
        "note of 0",
        "note of 1",
        "note of same",
    ]


def test_the_allowances_of_many_tasks_take_bounded_room() -> None:
    allowance = Allowance()
    assert all(allowance.takes(f"task {nth}", 0.0) for nth in range(MOST + 100))
    assert len(allowance) == MOST
