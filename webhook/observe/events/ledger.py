"""Decides which Events to write, and when: one for repeats, few in all, none kept for ever; time is an argument."""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec.structs import replace

from webhook.observe.events.allowance import Allowance
from webhook.observe.events.occurrence import Occurrence, event, series
from webhook.observe.events.turns import Bucket, Repeats, Turns

CREATES = 1.0, 20.0  # new Events a second, and at once
PATCHES = 0.1, 10.0  # repeats beside new Events: in its first minute the worst flood has fewer than a hundred writes
APART, LATER_APART = 1.0, 10.0  # seconds between two writes of one Event
EARLY = 10  # patches of one Event before they are further apart: somebody who tries again and again is known by then
MOST_WAITING = 100  # new Events that wait, for their turn or for a server that is away
MOST_SERIES = 1000
IDLE = 1800.0  # seconds after which a repeat begins a new Event; API servers keep one for an hour
BACKOFF, MOST_TRIES = 0.5, 6  # a quarter of a minute in all; a server that is away asks for no admission either
MOST_PATIENT = 30.0  # seconds, whatever Retry-After says


class Fate(StrEnum):
    """What became of an occurrence; each has one fate."""

    WRITTEN = "written"  # an Event of its own
    REPEATED = "repeated"  # counted in the series of an Event
    DROPPED = "dropped"  # too many at once
    FAILED = "failed"  # the API server refused it, or was away for too long


class Outcome(StrEnum):
    """What a write came to."""

    DONE = "done"
    GONE = "gone"  # the Event does not exist any more: create it again
    RETRY = "retry"
    FINAL = "final"  # never: no right to, or the namespace is gone or going


def outcome(status: int, *, new: bool) -> Outcome:
    """Return what the HTTP *status* of a write means: of a *new* Event, or of a patch."""
    if 200 <= status < 300:  # noqa: PLR2004  # the class of statuses
        return Outcome.DONE
    if status == 429 or status >= 500:  # noqa: PLR2004  # same
        return Outcome.RETRY
    # An Event that exists was made by a try whose answer was lost; without its namespace none can be.
    table = {(409, True): Outcome.DONE, (409, False): Outcome.RETRY, (404, False): Outcome.GONE}
    return table.get((status, new), Outcome.FINAL)


class Write(msgspec.Struct, frozen=True):
    """What to send: a new Event, or the patch of the one called *name*; it tells *amount* occurrences more."""

    key: str
    namespace: str
    name: str
    body: dict[str, Any]
    amount: int
    new: bool


@dataclass(slots=True)
class _Series:
    """One Event, and the part of it that is not written yet."""

    first: Occurrence
    last: datetime
    touched: float
    due: float  # when it is written; while it is in no line, when it may be written again
    untold: int = 1
    told: int = 0  # in the Event that is there now; 0: it is to be created
    patches: int = 0
    tries: int = 0
    namespace: str = ""
    name: str = ""


class Ledger:
    """Remembers what was told, so that repeats become a number; *count* hears the fate of each occurrence.

    Not thread-safe: the thread that sends the writes also adds the occurrences.
    """

    def __init__(self, instance: str, count: Callable[[Fate, int], None], now: float) -> None:
        self._instance = instance
        self._count = count
        self._turns = Turns(Bucket(*CREATES, CREATES[1], now))
        self._repeats = Repeats(Bucket(*PATCHES, PATCHES[1], now), self._turns)
        self._allowance = Allowance()
        self._known: OrderedDict[str, _Series] = OrderedDict()  # the longest untouched first
        self._dirty: dict[str, _Series] = {}  # those with something to tell, whose turn has come

    def __len__(self) -> int:
        return len(self._known)

    def add(self, told: Occurrence, now: float, compose: Callable[[], str] | None = None) -> None:
        """Take note of an occurrence; *compose* makes its note, if it is to be told for the first time."""
        self._forget_old(now)
        if told.common and told.key not in self._known and not self._allowance.takes(told.task, now):
            told = replace(told, key=told.common)
        known = self._known.get(told.key)
        if known is None:
            self._begin(told, now, compose)
            return
        self._known.move_to_end(told.key)
        known.touched, known.last = now, told.at
        known.untold += 1
        if known.told and told.key not in self._dirty and told.key not in self._repeats:
            self._repeats.join(told.key, known.due)

    def wait(self, now: float) -> float:
        """Return for how many seconds nothing is due; infinite when nothing is to be told."""
        due = max(0.0, min((known.due for known in self._dirty.values()), default=math.inf) - now)
        turns = (self._turns.wait(now), self._repeats.wait(now))
        return min([due, *(turn for turn in turns if turn is not None)])

    def due(self, now: float) -> Write | None:
        """Return the next write, the longest due first; None when none is due at *now*."""
        self._call_up(now)
        found = min(self._dirty.values(), key=lambda known: known.due, default=None)
        if found is None or found.due > now:
            return None
        new = found.told == 0
        if new:
            body = event(found.first, found.untold, found.last, self._instance)
            found.namespace, found.name = body["metadata"]["namespace"], body["metadata"]["name"]
        else:
            body = series(found.told + found.untold, found.last)
        return Write(found.first.key, found.namespace, found.name, body, found.untold, new)

    def settle(self, write: Write, result: Outcome, now: float, *, after: float = 0.0) -> None:
        """Take note of what *write* came to; the server may want a RETRY to come *after* so many seconds."""
        known = self._known[write.key]
        if result is Outcome.RETRY and known.tries + 1 < MOST_TRIES:
            known.tries += 1
            known.due = now + max(BACKOFF * 2.0 ** (known.tries - 1), min(after, MOST_PATIENT))
        elif result is Outcome.DONE:
            self._tell(write)
            if write.new:
                self._turns.prove(write.namespace)
            known.patches = 0 if write.new else known.patches + 1
            known.told += write.amount
            known.untold, known.tries = 0, 0
            known.due = now + (APART if known.patches < EARLY else LATER_APART)
            del self._dirty[write.key]
        elif result is Outcome.GONE:
            known.first, known.told = replace(known.first, at=known.last), 0
            del self._dirty[write.key]
            if self._has_room(write.namespace):
                self._turns.join(write.namespace, write.key)
            else:
                self._forget(write.key, Fate.DROPPED)
        else:
            self._turns.doubt(write.namespace)
            self._forget(write.key, Fate.FAILED)

    def hasten(self) -> None:
        """Make everything due now: there will be no later."""
        for key in (*self._turns.clear(), *self._repeats.clear()):
            self._dirty[key] = self._known[key]
        for known in self._dirty.values():
            known.due = -math.inf

    def abandon(self) -> None:
        """Count as dropped what is not told yet."""
        for key in list(self._dirty):
            self._forget(key, Fate.DROPPED)

    def _begin(self, told: Occurrence, now: float, compose: Callable[[], str] | None) -> None:
        namespace = told.regarding.namespace
        if not self._has_room(namespace):
            self._count(Fate.DROPPED, 1)
            return
        first = told if compose is None else replace(told, note=compose())
        self._known[told.key] = _Series(first, told.at, now, now)
        self._turns.join(namespace, told.key)
        self._call_up(now)
        if len(self._known) > MOST_SERIES:
            self._forget(next(iter(self._known)), Fate.DROPPED)

    def _has_room(self, namespace: str) -> bool:
        """Return whether a new Event in *namespace* can wait for its turn."""
        unwritten = sum(other.told == 0 for other in self._dirty.values())  # while the server is away
        return unwritten + len(self._turns) < MOST_WAITING and self._turns.has_room(namespace)

    def _call_up(self, now: float) -> None:
        """Have those be due whose turn has come."""
        while (key := self._turns.next(now) or self._repeats.next(now)) is not None:
            known = self._dirty[key] = self._known[key]
            known.due = now

    def _tell(self, write: Write) -> None:
        if write.new:
            self._count(Fate.WRITTEN, 1)
        if repeats := write.amount - write.new:
            self._count(Fate.REPEATED, repeats)

    def _forget_old(self, now: float) -> None:
        while self._known and (key := next(iter(self._known))) not in self._dirty and key not in self._repeats:
            if now - self._known[key].touched <= IDLE or not self._known[key].told:
                return
            del self._known[key]

    def _forget(self, key: str, fate: Fate) -> None:
        known = self._known.pop(key)
        self._turns.leave(key)
        self._repeats.leave(key)
        self._dirty.pop(key, None)
        if known.untold:
            self._count(fate, known.untold)
