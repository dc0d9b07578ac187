"""What the controller saw last helps readers who may not look, hides nothing, and is never fine when old."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.status.audited import Audited, audited
from webhook.status.line import AUDIT, CONTROLLER, POLICY, REGISTRATION, REPLICA, SOURCE, Line, State, Unseen
from webhook.status.record import (
    AHEAD,
    MOST,
    STALE,
    Record,
    bounded,
    completed,
    dated,
    merged,
    read_record,
    same,
    write_record,
)
from webhook.status.verdict import Verdict, report

NOW = datetime(2027, 1, 1, 12, tzinfo=UTC)
RECENT = NOW - timedelta(seconds=40)
LINES = st.lists(
    st.builds(
        Line,
        st.sampled_from([AUDIT, POLICY, REGISTRATION, REPLICA, SOURCE]),
        st.sampled_from(State),
        st.text(st.characters(codec="utf-8", categories=["L", "P"]), max_size=20),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from([None, NOW - timedelta(hours=1)]),
    )
).map(tuple)


def record(*lines: Line, at: datetime = RECENT, answering: int = 2) -> Record:
    return Record(at, answering, lines)


def seen(subject: str, *, by: tuple[Line, ...]) -> list[tuple[State, str]]:
    return [(line.state, line.text) for line in by if line.subject == subject]


@given(LINES, st.integers(0, 3))
def test_a_record_that_is_written_is_read_as_it_was(lines: tuple[Line, ...], answering: int) -> None:
    text = write_record(report(lines, answering), NOW, answering)
    assert read_record(text) == Record(NOW, answering, lines)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"at": "yesterday"}', '{"at": "2027-01-01T12:00:00", "answering": 1, "lines": []}', "\ud800"],
)
def test_what_is_no_record_is_none(text: str) -> None:
    assert read_record(text) is None


def test_a_record_that_somebody_forged_prints_no_control_characters() -> None:
    found = read_record(write_record(report([Line(AUDIT, State.OK, "\x1b[2Jall is well\n")], 1), NOW, 1))
    assert found is not None
    assert found.lines[0].text.isprintable()


@given(LINES, LINES, st.sampled_from([NOW - STALE - timedelta(seconds=1), NOW + AHEAD + timedelta(seconds=1)]))
def test_nothing_of_a_stale_record_is_fine(own: tuple[Line, ...], old: tuple[Line, ...], at: datetime) -> None:
    told = merged(own, record(*old, at=at), NOW)
    kept = [(line.subject, line.state, line.text) for line in own if line.state is not State.UNKNOWN]
    fine = [(line.subject, line.state, line.text) for line in told if line.state in (State.OK, State.NOTE)]
    assert fine == [one for one in kept if one[1] in (State.OK, State.NOTE)]
    assert State.WRONG in [line.state for line in told if line.subject == CONTROLLER]
    assert completed(own, 0, record(*old, at=at), NOW).verdict is Verdict.WRONG


@given(LINES, LINES)
def test_what_a_reader_saw_stays_whatever_the_record_says(own: tuple[Line, ...], last: tuple[Line, ...]) -> None:
    told = merged(own, record(*last), NOW)
    saw = [(line.subject, line.state, line.text) for line in own if line.state is not State.UNKNOWN]
    rest = iter([(line.subject, line.state, line.text) for line in told])
    assert all(one in rest for one in saw)


def test_what_a_reader_may_not_see_comes_from_the_record_with_its_age() -> None:
    own = (Line(REPLICA, State.UNKNOWN, "pods is forbidden"), Line(POLICY, State.OK, "enforces"))
    told = completed(own, 0, record(Line(REPLICA, State.OK, "10.0.0.7:8443 answers", "10.0.0.7:8443")), NOW)
    assert seen(REPLICA, by=told.lines) == [(State.OK, "10.0.0.7:8443 answers; the controller saw it 40 seconds ago")]
    assert told.headline == "airlock is judging: 2 replicas answer, and the API server asks them"


def test_of_several_sources_only_the_unseen_one_comes_from_the_record() -> None:
    own = (Line(SOURCE, State.OK, "a exists", "a"), Line(SOURCE, State.UNKNOWN, "b: forbidden", "b"))
    last = (Line(SOURCE, State.WRONG, "a does not exist", "a"), Line(SOURCE, State.WRONG, "b does not exist", "b"))
    told = seen(SOURCE, by=merged(own, record(*last), NOW))
    assert told == [(State.OK, "a exists"), (State.WRONG, "b does not exist; the controller saw it 40 seconds ago")]


def test_what_neither_could_see_stays_unknown_with_both_reasons() -> None:
    own = (Line(POLICY, State.UNKNOWN, "forbidden"),)
    told = seen(POLICY, by=merged(own, record(Line(POLICY, State.UNKNOWN, "away")), NOW))
    assert told == [(State.UNKNOWN, "forbidden; the controller cannot know it either: away")]
    assert seen(POLICY, by=merged(own, record(), NOW)) == [(State.UNKNOWN, "forbidden")]


def test_without_a_record_the_last_audit_cannot_be_known() -> None:
    told = completed((), 2, Unseen("ConfigMap airlock/airlock-status is forbidden"), NOW)
    assert seen(AUDIT, by=told.lines) == [(State.UNKNOWN, "ConfigMap airlock/airlock-status is forbidden")]
    assert told.verdict is Verdict.UNKNOWN


def test_since_lasts_while_the_trouble_is_the_same_and_begins_anew_with_another() -> None:
    first = dated(
        [Line(SOURCE, State.WRONG, "does not exist", "a"), Line(REPLICA, State.OK, "policy 1", "b")], None, RECENT
    )
    assert {line.since for line in first} == {RECENT}
    same = dated(
        [Line(SOURCE, State.WRONG, "does not exist", "a"), Line(REPLICA, State.OK, "policy 2", "b")],
        record(*first),
        NOW,
    )
    assert {line.since for line in same} == {RECENT}
    (other,) = dated([Line(SOURCE, State.WRONG, "may not be read", "a")], record(*first), NOW)
    assert other.since == NOW


def test_a_record_is_written_again_when_a_state_changes_and_not_for_every_text_of_what_is_well() -> None:
    well, later = Line(AUDIT, State.OK, "at 08:00: nothing"), Line(AUDIT, State.OK, "at 08:01: nothing")
    wrong, worse = Line(AUDIT, State.WRONG, "pods: forbidden"), Line(AUDIT, State.WRONG, "pods: refused")
    assert same([well], [later])
    assert not same([well], [wrong])
    assert not same([wrong], [worse])
    assert not same([well], [])


def test_a_reader_is_told_since_when_a_source_has_been_so() -> None:
    last = record(*dated([Line(SOURCE, State.WRONG, "a does not exist", "a")], None, NOW - timedelta(hours=2)))
    (line, *_) = merged((Line(SOURCE, State.WRONG, "a does not exist", "a"),), last, NOW)
    assert line.shown == "a does not exist (since 2027-01-01 10:00 UTC)"
    (line, *_) = merged((Line(SOURCE, State.OK, "a exists", "a"),), last, NOW)
    assert line.shown == "a exists"


def test_of_too_many_lines_those_that_are_wrong_are_kept_and_the_rest_is_counted() -> None:
    many = [Line(SOURCE, State.OK, f"{number}") for number in range(MOST + 8)]
    *kept, rest = bounded([*many, Line(SOURCE, State.WRONG, "x" * 5000)])
    assert len(kept) == MOST
    assert kept[-1].state is State.WRONG
    assert rest.text == "9 lines more did not fit"


@pytest.mark.parametrize(
    ("found", "state", "text"),
    [
        (None, State.NOTE, "the controller does not audit what runs"),
        (Audited("the pods are being listed"), State.UNKNOWN, "none has ended yet: the pods are being listed"),
        (Audited("3 pods, 1 finding", RECENT), State.OK, "at 2027-01-01 11:59:20 UTC: 3 pods, 1 finding"),
        (Audited("3 pods", NOW - timedelta(hours=1)), State.WRONG, "none has ended after 2027-01-01 11:00:00 UTC"),
    ],
)
def test_the_last_audit_is_a_line(found: Audited | None, state: State, text: str) -> None:
    (line,) = audited(found, NOW)
    assert line.state is state
    assert line.text.startswith(text)


def test_each_part_of_an_audit_that_cannot_be_done_is_a_line_of_its_own() -> None:
    lines = list(audited(Audited("3 pods", RECENT, {"pins": "403"}), NOW))
    assert [(line.state, line.text) for line in lines[1:]] == [(State.WRONG, "pins: 403")]
