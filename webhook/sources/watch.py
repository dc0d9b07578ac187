"""Lists a collection of the API server, then watches it, and recovers from whatever the network and server do."""

import logging
import math
import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import closing
from http import HTTPStatus

import msgspec

from webhook.pods import skim
from webhook.sources.backoff import backoff
from webhook.sources.protocols import Answer, Lines, Watching

logger = logging.getLogger("airlock.watch")


class Pace(msgspec.Struct, frozen=True):
    """How often to ask the server, in seconds; in all, a dead connection is dropped in less than 30 s."""

    longest: float = 25.0  # a watch lasts: its end is a sign of life
    jitter: float = 5.0  # less than that, at random
    slack: float = 3.0  # without that sign, then the connection counts as dead
    apart: float = 1.0  # between the beginnings of two requests that did not fail
    forbidden: float = 30.0  # at least, before asking again whether reading is allowed now
    broken: float = 15.0  # after an error on this side


PACE = Pace()


class _Again(Exception):  # noqa: N818  # no error: the way on
    """The resourceVersion has expired: list again."""


class FailedError(Exception):
    """The server answered with an error that may pass."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Versioned(msgspec.Struct, frozen=True):
    metadata: _Metadata


class _Status(msgspec.Struct, frozen=True):
    code: int = 0
    message: str = ""


class Watch(ABC):
    """Lists the collection *path* and watches it from a thread of its own, until stopped.

    A subclass says how to list, what to do with a change, and what each sign of life means.
    """

    def __init__(  # noqa: PLR0913  # the server, the collection, and what a test fakes
        self,
        connection: Watching,
        label: str,
        path: str,
        query: Mapping[str, str],
        *,
        thread: str,
        pace: Pace = PACE,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._watching = connection
        self._label = label
        self._path = path
        self._query = query
        self._pace = pace
        self._clock = clock
        self._chance = chance
        self._version = ""  # the resourceVersion to watch from; "" asks for a list
        self._failures = 0
        self._turned = clock()  # when it last sent a request
        self._lines: Lines | None = None
        self._asking = threading.Lock()  # held for a moment, around these three
        self._wanted = False  # whether somebody asked since the last request
        self._heeded = -math.inf  # when the last request began that somebody had asked for
        self._alarm = threading.Event()  # ends a pause early
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=thread, daemon=True)

    @abstractmethod
    def _list(self) -> float:
        """Read everything and set `_version`, or leave that empty; return how long after its start to continue.

        Raises OSError or FailedError.
        """

    @abstractmethod
    def _take(self, kind: str, object_: msgspec.Raw) -> None:
        """Handle a change: *kind* is ADDED, MODIFIED or DELETED."""

    def _seen(self) -> None:  # noqa: B027  # optional
        """Note that the server has confirmed the current state."""

    def _failing(self, error: Exception) -> None:  # noqa: B027  # same
        """Note that *error* stops the watch for now."""

    def _unwanted(self) -> bool:
        """Return whether a watch that starts now must end at once: earlier, there was nothing to interrupt."""
        return self._stopping.is_set()

    def start(self) -> None:
        """Start watching; the first state comes when the server has answered."""
        self._thread.start()

    def ask(self) -> None:
        """Have it ask again now whether reading is allowed, from any thread and without waiting.

        However often this is called, it does so once in `Pace.forbidden` seconds.
        """
        with self._asking:
            self._wanted = True
            if self._clock() - self._heeded >= self._pace.forbidden:
                self._alarm.set()

    def silent(self) -> float:
        """Return how many seconds ago it last sent a request."""
        return self._clock() - self._turned

    def stop(self, timeout: float = 5.0) -> None:
        """Stop watching at once; nothing is reported afterwards. A listener may call it too."""
        self._stopping.set()
        self._alarm.set()
        self._interrupt()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _interrupt(self) -> None:
        if (lines := self._lines) is not None:
            lines.interrupt()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = self._turned = self._clock()
            self._heed(began)
            try:
                pause = self._turn() - (self._clock() - began)
            except _Again:
                self._version, pause = "", self._pace.apart
            except (OSError, FailedError) as error:
                pause = self._fail(error)
            except Exception:  # neither a strange answer nor an error of a subclass may stop the watching
                logger.exception("%s: watching it failed", self._label)
                self._version, pause = "", self._pace.broken
            if not self._stopping.is_set():
                self._alarm.wait(max(0.0, pause))

    def _heed(self, now: float) -> None:
        with self._asking:
            if self._wanted:
                self._wanted, self._heeded = False, now
            self._alarm.clear()

    def _turn(self) -> float:
        """List or watch once; return how long after its start to ask again."""
        if not self._version:
            return self._list()
        self._follow()
        return self._pace.apart

    def _forbidden(self) -> float:
        """Return how long to wait when the collection may not be read."""
        self._failures = 0
        return self._pace.forbidden * (1 + self._chance() / 5)

    def _follow(self) -> None:
        """Watch until the server ends it."""
        seconds = max(1, round(self._pace.longest - self._pace.jitter * self._chance()))
        query = {
            **self._query,
            "watch": "1",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        with closing(self._watching.watch(self._path, query=query, seconds=seconds + self._pace.slack)) as lines:
            self._lines = lines
            if self._unwanted():
                return
            if lines.refusal is not None:
                self._refused(lines.refusal)
            self._recovered()
            for line in lines:
                self._hear(line.type, line.object)
        if not self._stopping.is_set():
            self._seen()

    def _hear(self, kind: str, object_: msgspec.Raw) -> None:
        if self._stopping.is_set():
            return
        match kind:
            case "ADDED" | "MODIFIED" | "DELETED":
                self._take(kind, object_)
            case "BOOKMARK":
                self._seen()
            case _:  # ERROR, and the object is a Status
                status = skim.of_type(object_, _Status)
                if status.code == HTTPStatus.GONE:
                    raise _Again
                raise FailedError(f"{status.code} {status.message}")
        self._version = skim.of_type(object_, _Versioned).metadata.resource_version

    def _refused(self, answer: Answer) -> None:
        if answer.status == HTTPStatus.GONE:
            raise _Again
        if answer.status == HTTPStatus.FORBIDDEN:  # then only a list can say why
            self._version = ""
        raise FailedError(f"{answer.status} {answer.why}")

    def _fail(self, error: Exception) -> float:
        """Return the pause after *error*, which is logged when it is the first in a row."""
        self._failures += 1
        if self._stopping.is_set():
            return 0.0
        if self._failures == 1:
            logger.warning("%s cannot be watched: %s", self._label, error)
        self._failing(error)
        return backoff(self._failures, self._chance())

    def _recovered(self) -> None:
        if self._failures:
            logger.info("%s is watched again", self._label)
        self._failures = 0
