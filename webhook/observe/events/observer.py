"""Writes Kubernetes Events: an observer of decisions that writes from a thread of its own."""

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from webhook.judge.decision import Decision, ObjectRef
from webhook.observe.events.ledger import Fate, Ledger, Outcome, Write, outcome
from webhook.observe.events.occurrence import Occurrence, announcement, injection, occurrence, size

MOST_QUEUED = 1000
LARGE = 32 * 1024  # characters of a decision; MOST_QUEUED of them must fit into a replica's memory
MOST_INJECTIONS = 4096  # owners and sets of names that are remembered
VALIDATE = "/validate"

logger = logging.getLogger("airlock.events")


class Answer(Protocol):
    """What the API server says to a write."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def retry_after(self) -> float | None:
        """For how many seconds it wants to be left alone."""

    @property
    def why(self) -> str:
        """The message of an error."""


class Writer(msgspec.Struct, frozen=True):
    """Where Events go; both raise OSError when nobody answers."""

    create: Callable[[Mapping[str, Any]], Answer]
    patch: Callable[[str, str, Mapping[str, Any]], Answer]  # namespace, name, merge patch


class _Logged(msgspec.Struct, frozen=True):
    status: int = 201
    retry_after: float | None = None
    why: str = ""


def log_writer(write: Callable[..., None]) -> Writer:
    """Return a writer for where there is no cluster: *write* gets a word and fields, as a structlog logger does."""

    def create(event: Mapping[str, Any]) -> Answer:
        ref = event["regarding"]
        about = f"{ref['kind']} {ref.get('namespace', '')}/{ref.get('name', '')}"
        count = event.get("series", {}).get("count", 1)
        name = event["metadata"]["name"]
        write("event", name=name, reason=event["reason"], regarding=about, note=event["note"], count=count)
        return _Logged()

    def patch(namespace: str, name: str, change: Mapping[str, Any]) -> Answer:
        write("event", name=name, namespace=namespace, count=change["series"]["count"])
        return _Logged()

    return Writer(create, patch)


class Events:
    """Tells of decisions as Events; `observe` and `announce` only leave a note for the thread.

    *compose* writes an Event's note, *count* hears what became of how many decisions and announcements (each meets one
    `Fate`), *instance* is this replica's name.
    """

    def __init__(
        self,
        writer: Writer,
        compose: Callable[[Decision], str],
        count: Callable[[str, int], None],
        instance: str,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._writer = writer
        self._count = count
        self._compose = compose
        self._now = now
        self._ledger = Ledger(instance, count, time.monotonic())
        # What to add to the ledger: made in the thread, so that the caller pays only for a clock and a place.
        self._queue: queue.Queue[Callable[[], None]] = queue.Queue(MOST_QUEUED)
        self._injections: dict[str, None] = {}  # that were told
        self._deadline: float | None = None
        self._troubled = False
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def observe(self, decision: Decision) -> None:
        """Tell of *decision*, if it is one that Events tell of."""
        if decision.path == VALIDATE and not decision.dry_run and decision.verdict.violations:
            self._put(self._noting(decision, self._now()))
        if decision.injected and decision.owner is not None and not decision.dry_run:
            self._put(partial(self._add_injection, injection(decision, self._now())))

    def announce(self, reason: str, note: str, about: ObjectRef, *, good: bool = False) -> None:
        """Tell what happened to a document, in the object *about*: *good* news is of type Normal, other a Warning."""
        self._put(partial(self._add, announcement(reason, note, about, self._now(), good=good)))

    def tell(self, told: Occurrence) -> None:
        """Tell of *told*, whose note is composed."""
        self._put(partial(self._add, told))

    def start(self) -> None:
        """Begin to write; in the process that serves, since threads do not survive a fork."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Write what was observed so far, at once but for no longer than *timeout* seconds; the rest is dropped."""
        self._deadline = time.monotonic() + timeout
        if self._thread.is_alive():
            with suppress(queue.Full):  # then it is not asleep
                self._queue.put_nowait(lambda: None)
            self._thread.join(timeout + 1)

    def _put(self, note_down: Callable[[], None]) -> None:
        try:
            self._queue.put_nowait(note_down)
        except queue.Full:
            self._count(Fate.DROPPED, 1)

    def _noting(self, decision: Decision, at: datetime) -> Callable[[], None]:
        """Return what takes note of *decision*; a large one is not kept for that, but composed at once."""
        if size(decision) <= LARGE:
            return partial(self._add_decision, decision, at)
        return partial(self._add, replace(occurrence(decision, at), note=self._compose(decision)))

    def _add_decision(self, decision: Decision, at: datetime) -> None:
        self._add(occurrence(decision, at), partial(self._compose, decision))

    def _add_injection(self, told: Occurrence) -> None:
        """Tell of an injection once: each pod of one owner is given the same."""
        if told.key in self._injections:
            return
        self._injections[told.key] = None
        while len(self._injections) > MOST_INJECTIONS:
            del self._injections[next(iter(self._injections))]
        self._add(told)

    def _add(self, told: Occurrence, compose: Callable[[], str] | None = None) -> None:
        self._ledger.add(told, time.monotonic(), compose)

    def _run(self) -> None:
        while self._deadline is None:
            self._note_down(self._ledger.wait(time.monotonic()))
            while self._deadline is None and (write := self._ledger.due(time.monotonic())):
                self._send(write)
        self._note_down(0)
        self._ledger.hasten()
        while time.monotonic() < self._deadline and (write := self._ledger.due(time.monotonic())):
            self._send(write)
        self._ledger.abandon()

    def _note_down(self, seconds: float) -> None:
        """Take what is in the queue; wait for it, but no longer than *seconds*."""
        with suppress(queue.Empty):
            note_down = self._queue.get(timeout=None if seconds == math.inf else seconds)
            for _ in range(MOST_QUEUED):  # then it is time to write again
                self._try(note_down)
                note_down = self._queue.get_nowait()
            self._try(note_down)

    def _try(self, note_down: Callable[[], None]) -> None:
        try:
            note_down()
        except Exception:  # one decision that cannot be told must not silence the others
            logger.exception("a decision cannot be told")
            self._count(Fate.FAILED, 1)

    def _send(self, write: Write) -> None:
        result, why, after = Outcome.RETRY, "", 0.0
        try:
            if write.new:
                answer = self._writer.create(write.body)
            else:
                answer = self._writer.patch(write.namespace, write.name, write.body)
            result, why, after = outcome(answer.status, new=write.new), answer.why, answer.retry_after or 0.0
        except OSError as error:
            why = str(error)
        except Exception as error:  # what cannot be sent would be tried for ever
            logger.exception("an Event cannot be sent")
            result, why = Outcome.FINAL, type(error).__name__
        self._ledger.settle(write, result, time.monotonic(), after=after)
        self._complain(result, why)

    def _complain(self, result: Outcome, why: str) -> None:
        """Log the first of several failures in a row."""
        failed = result in (Outcome.RETRY, Outcome.FINAL)
        if failed and not self._troubled:
            logger.warning("an Event cannot be written: %s", why)
        self._troubled = failed
