"""What the controller saw last, kept in a ConfigMap for readers who may not look themselves. Pure."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
from msgspec.structs import asdict, replace

from webhook.pods.text import plural, printable
from webhook.status.line import AUDIT, CONTROLLER, REPLICA, Line, State, Unseen
from webhook.status.verdict import Report, report

NAME, KEY = "airlock-status", "status.json"
STALE = timedelta(minutes=3)  # the controller writes once a minute, also when nothing changes
AHEAD = timedelta(minutes=1)  # by which two clocks may differ
MOST, LONGEST = 500, 1000  # lines, and characters of each: a ConfigMap holds 1 MiB


class Record(msgspec.Struct, frozen=True):
    """What was seen, when, and how many replicas answered."""

    at: datetime
    answering: int
    lines: tuple[Line, ...]

    def fault(self, now: datetime) -> str:
        """Return why nobody should go by it *now*; "" when all is well."""
        if self.at - now > AHEAD:
            return f"the controller wrote at {self.at:%Y-%m-%d %H:%M:%S} UTC, which is yet to come: two clocks differ"
        if now - self.at > STALE:
            return f"the controller last wrote {age(self.at, now)} ago: it does not run, or cannot write"
        return ""


class _Line(msgspec.Struct, frozen=True):
    subject: str
    state: State
    text: str
    name: str = ""
    since: datetime | None = None


class _Page(msgspec.Struct, frozen=True):
    at: datetime
    answering: int
    lines: list[_Line]


def read_record(text: str) -> Record | None:
    """Return the record in *text*, safe to print even if it was forged; None if *text* is not a record."""
    try:
        page = msgspec.json.decode(text, type=_Page)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    if any(moment.tzinfo is None for moment in (page.at, *(line.since for line in page.lines if line.since))):
        return None
    lines = (
        Line(printable(line.subject, 40), line.state, printable(line.text, LONGEST), line.name, line.since)
        for line in page.lines[: MOST + 1]
    )
    return Record(page.at, page.answering, tuple(lines))


def write_record(found: Report, at: datetime, answering: int) -> str:
    """Return the text of a record: what `airlock status -o json` prints, with the time and the number of replicas."""
    return json.dumps({**as_dict(found), "at": at.isoformat(), "answering": answering})


def as_dict(found: Report) -> dict[str, Any]:
    """Return *found* as what stands in JSON, `airlock/v1`."""
    lines = [asdict(line) | {"since": line.since and line.since.isoformat()} for line in found.lines]
    head = {"apiVersion": "airlock/v1", "kind": "Status", "verdict": found.verdict, "headline": found.headline}
    return {**head, "lines": lines}


def bounded(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return as many of *lines* as a record may hold, what is wrong first of all; and a line on the rest."""
    told = [replace(line, text=printable(line.text, LONGEST)) for line in lines]
    if len(told) <= MOST:
        return tuple(told)
    kept = {id(line) for line in sorted(told, key=lambda line: line.state is not State.WRONG)[:MOST]}
    rest = Line(CONTROLLER, State.NOTE, f"{plural(len(told) - MOST, 'line')} more did not fit")
    return (*(line for line in told if id(line) in kept), rest)


def dated(lines: Iterable[Line], before: Record | None, now: datetime) -> tuple[Line, ...]:
    """Return *lines* with since when each has been so, as far as *before* knows; new ones since *now*.

    While something is well its text may change: a replica goes by another revision. What is wrong is another trouble
    when its text changes.
    """
    known = {_mark(line): line.since for line in (before.lines if before is not None else ())}
    return tuple(replace(line, since=known.get(_mark(line)) or now) for line in lines)


def same(mine: Iterable[Line], others: Iterable[Line]) -> bool:
    """Return whether the states of both are the same, whatever the text of what is well says."""
    return [*map(_mark, mine)] == [*map(_mark, others)]


def completed(own: Iterable[Line], answering: int, record: Record | Unseen, now: datetime) -> Report:
    """Return the report of what a reader saw, *own* lines and so many replicas, completed as `merged` does."""
    lines = tuple(own)
    blind = any(line.subject == REPLICA and line.state is State.UNKNOWN for line in lines)
    if blind and isinstance(record, Record) and not record.fault(now):
        answering = max(answering, record.answering)
    return report(merged(lines, record, now), answering)


def merged(own: Iterable[Line], record: Record | Unseen, now: datetime) -> tuple[Line, ...]:
    """Return the lines that a reader saw, completed by what the controller saw last.

    What the reader could not see comes from the record, with its age, unless that is stale; what the reader did see
    stays, and is given the time since when the controller has seen the same.
    """
    if isinstance(record, Unseen):
        return (*own, Line(CONTROLLER, State.UNKNOWN, record.why), Line(AUDIT, State.UNKNOWN, record.why))
    if fault := record.fault(now):
        lines = tuple(_doubtful(line, record, fault) for line in own)
        return (*lines, Line(CONTROLLER, State.WRONG, fault), *_old(record, fault))
    seen = f"the controller saw it {age(record.at, now)} ago"
    since = {_mark(line): line.since for line in record.lines}
    lines = tuple(
        replace(line, since=since.get(_mark(line)))
        for one in own
        for line in ([one] if one.state is not State.UNKNOWN else [*_instead(one, record, seen)])
    )
    audits = (line for line in record.lines if line.subject in (AUDIT, CONTROLLER))
    return (*lines, Line(CONTROLLER, State.OK, f"wrote what it saw {age(record.at, now)} ago"), *audits)


def age(then: datetime, now: datetime) -> str:
    """Return how long ago *then* was, in the largest unit that has at least two.

    >>> age(datetime(2027, 1, 1, 9), datetime(2027, 1, 1, 12, 30))
    '3 hours'
    """
    seconds = max(0, int((now - then).total_seconds()))
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length:
            return plural(seconds // length, unit)
    return plural(seconds, "second")


def _instead(unseen: Line, record: Record, seen: str) -> Iterator[Line]:
    """Yield the record's lines for what a reader could not see, else *unseen* itself."""
    found = [line for line in record.lines if line.subject == unseen.subject and unseen.name in ("", line.name)]
    for line in found:
        if line.state is State.UNKNOWN:
            yield replace(line, text=f"{unseen.text}; the controller cannot know it either: {line.text}")
        else:
            yield replace(line, text=f"{line.text}; {seen}")
    if not found:
        yield unseen


def _doubtful(line: Line, record: Record, fault: str) -> Line:
    if line.state is not State.UNKNOWN:
        return line
    then = [one.text for one in record.lines if one.subject == line.subject and line.name in ("", one.name)]
    return replace(line, text=f"{line.text}; {fault}; then: {'; '.join(then)}") if then else line


def _old(record: Record, fault: str) -> Iterator[Line]:
    for line in record.lines:
        if line.subject == AUDIT:
            yield Line(AUDIT, State.UNKNOWN, f"{fault}; then: {line.text}", line.name)


def _mark(line: Line) -> tuple[str, ...]:
    text = line.text if line.state in (State.WRONG, State.UNKNOWN) else ""
    return line.subject, line.name, line.state, text
