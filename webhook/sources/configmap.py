"""One ConfigMap, watched: its data are told when they change, and why when they cannot be had."""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

from webhook.backoff import backoff
from webhook.known import Absence

logger = logging.getLogger("airlock.configmap")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a ConfigMap is asked for, in seconds; together less than 30 s pass until a dead connection is left."""

    longest: float = 25.0  # until the server ends a watch, which is a sign of life
    jitter: float = 5.0  # less than that, by chance
    slack: float = 3.0  # without that sign, and the connection counts as dead
    apart: float = 1.0  # between the beginnings of two requests that did not fail
    forbidden: float = 30.0  # until it is asked again whether it may be read now
    broken: float = 15.0  # after a mistake on this side


@dataclass(frozen=True, slots=True)
class Present:
    """The ConfigMap as the API server has it."""

    data: Mapping[str, str]
    uid: str
    version: str = field(compare=False, default="")  # its resourceVersion; labels change it too

    @property
    def known(self) -> Mapping[str, str]:
        """What a rule may know of it."""
        return self.data


@dataclass(frozen=True, slots=True)
class Absent:
    """Why there are no data: *known* to be so, and what was said about it."""

    known: Absence
    why: str = ""


State = Present | Absent


class Answer(Protocol):
    """What the API server says at once."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def body(self) -> Any:  # noqa: ANN401  # JSON
        """The parsed JSON."""

    @property
    def why(self) -> str:
        """The message of an error."""


class Lines(Protocol):
    """What the API server says bit by bit; iterating raises OSError when the connection breaks."""

    @property
    def refusal(self) -> Answer | None:
        """The answer, when it is an error."""

    def __iter__(self) -> Iterator[dict[str, Any]]: ...

    def close(self) -> None:
        """Let go of it."""

    def interrupt(self) -> None:
        """End it from another thread than the one that iterates."""


class Connection(Protocol):
    """An API server; both raise OSError when it cannot be reached."""

    def call(self, method: str, path: str, *, query: Mapping[str, str]) -> Answer:
        """Ask and wait for the whole answer."""

    def watch(self, path: str, *, query: Mapping[str, str], seconds: float) -> Lines:
        """Ask for a watch that is over after *seconds*, or broken."""


PACE = Pace()


class _Again(Exception):  # noqa: N818  # no error: the way on
    """What was known of the server's versions is worth nothing any more: list anew."""


class _Failed(Exception):  # noqa: N818  # same
    """The server answered with an error that may pass."""


class ConfigMapWatch:
    """Watches *name* in *namespace* from a thread of its own.

    *changed* is told each new state, *seen* each time the server has shown that the state is the present one. The
    rights needed are list and watch, which RBAC grants for a single name only to who asks for that name.
    """

    def __init__(  # noqa: PLR0913  # whom to ask for what, whom to tell, and what a test would fake
        self,
        connection: Connection,
        namespace: str,
        name: str,
        changed: Callable[[State], None],
        *,
        seen: Callable[[], None] = lambda: None,
        pace: Pace = PACE,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._label = f"ConfigMap {namespace}/{name}"
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._selector = f"metadata.name={name}"
        self._changed = changed
        self._seen = seen
        self._pace = pace
        self._clock = clock
        self._chance = chance
        self._state: State = Absent(Absence.UNREAD)
        self._version = ""  # of the cluster, as far as it was told; "" asks for a list
        self._failures = 0
        self._lines: Lines | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"watch {namespace}/{name}", daemon=True)

    @property
    def state(self) -> State:
        """What was told last."""
        return self._state

    def start(self) -> None:
        """Begin to watch; the first state comes when the server has answered."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End the watching at once; nobody is told anything afterwards. Also for who is just being told."""
        self._stopping.set()
        if (lines := self._lines) is not None:
            lines.interrupt()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = self._clock()
            try:
                pause = self._turn() - (self._clock() - began)
            except _Again:
                self._version, pause = "", self._pace.apart
            except (OSError, _Failed) as error:
                pause = self._fail(error)
            except Exception:  # neither a strange answer nor whoever is told may end the watching
                logger.exception("%s: watching it failed", self._label)
                self._version, pause = "", self._pace.broken
            self._stopping.wait(max(0.0, pause))

    def _turn(self) -> float:
        """Ask once, list or watch; return how long after its beginning to ask again."""
        if self._version:
            self._follow()
            return self._pace.apart
        answer = self._connection.call("GET", self._path, query={"fieldSelector": self._selector})
        if answer.status == HTTPStatus.FORBIDDEN:
            self._tell(Absent(Absence.FORBIDDEN, answer.why))
            self._failures = 0
            return self._pace.forbidden * (0.9 + self._chance() / 5)
        if answer.status != HTTPStatus.OK:
            raise _Failed(f"{answer.status} {answer.why}")
        items = answer.body.get("items") or []
        self._tell(_present(items[0]) if items else Absent(Absence.MISSING))
        self._version = answer.body["metadata"]["resourceVersion"]
        return 0.0

    def _follow(self) -> None:
        """Watch until the server ends it."""
        seconds = max(1, round(self._pace.longest - self._pace.jitter * self._chance()))
        query = {
            "watch": "1",
            "fieldSelector": self._selector,
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
        }
        with closing(self._connection.watch(self._path, query=query, seconds=seconds + self._pace.slack)) as lines:
            self._lines = lines
            if self._stopping.is_set():
                return
            if lines.refusal is not None:
                self._refused(lines.refusal)
            self._recovered()
            for line in lines:
                self._hear(line["type"], line["object"])
        if not self._stopping.is_set():
            self._seen()

    def _hear(self, kind: str, object_: dict[str, Any]) -> None:
        if self._stopping.is_set():
            return
        match kind:
            case "ADDED" | "MODIFIED":
                self._tell(_present(object_))
            case "DELETED":
                self._tell(Absent(Absence.MISSING))
            case "BOOKMARK":
                self._seen()
            case _:  # ERROR, and the object is a Status
                if object_.get("code") == HTTPStatus.GONE:
                    raise _Again
                raise _Failed(f"{object_.get('code')} {object_.get('message', '')}")
        self._version = object_["metadata"]["resourceVersion"]

    def _refused(self, answer: Answer) -> None:
        if answer.status == HTTPStatus.GONE:
            raise _Again
        if answer.status == HTTPStatus.FORBIDDEN:  # then only a list can say what is the case
            self._version = ""
        raise _Failed(f"{answer.status} {answer.why}")

    def _tell(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self._changed(state)
        self._seen()

    def _fail(self, error: Exception) -> float:
        """Return the pause after *error*, which is logged when it is the first in a row."""
        self._failures += 1
        if self._stopping.is_set():
            return 0.0
        if self._failures == 1:
            logger.warning("%s cannot be watched: %s", self._label, error)
        if isinstance(self._state, Absent) and self._state.known is Absence.UNREAD and not self._state.why:
            self._state = Absent(Absence.UNREAD, str(error))
            self._changed(self._state)
        return backoff(self._failures, self._chance())

    def _recovered(self) -> None:
        if self._failures:
            logger.info("%s is watched again", self._label)
        self._failures = 0


def _present(object_: dict[str, Any]) -> Present:
    metadata = object_["metadata"]
    return Present(object_.get("data") or {}, metadata["uid"], metadata["resourceVersion"])
