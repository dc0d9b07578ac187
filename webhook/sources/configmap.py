"""Watches one ConfigMap: reports its data when they change, and the reason when they cannot be read."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from webhook.pods import skim
from webhook.sources.protocols import Answer, Watching
from webhook.sources.watch import PACE, FailedError, Pace, Watch
from webhook.variables.known import Absence


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


class Absent(msgspec.Struct, frozen=True):
    """Why the data are missing: *known* is the kind of reason, and the rest is what the server said about it."""

    known: Absence
    why: str = ""


State = Present | Absent


class Connection(Watching, Protocol):
    """An API server; both raise OSError when it cannot be reached."""

    def call(self, method: str, path: str, *, query: Mapping[str, str]) -> Answer:
        """Ask and wait for the whole answer."""


class ConfigMapWatch(Watch):
    """Watches *name* in *namespace* from a thread of its own.

    It calls *changed* with each new state, and *seen* each time the server confirms the current one. It needs the
    rights to list and watch; RBAC grants these for a single name only to requests that select that name.
    """

    def __init__(  # noqa: PLR0913  # the server, the object and the listeners
        self,
        connection: Connection,
        namespace: str,
        name: str,
        changed: Callable[[State], None],
        *,
        seen: Callable[[], None] = lambda: None,
        pace: Pace = PACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(
            connection,
            f"ConfigMap {namespace}/{name}",
            f"/api/v1/namespaces/{namespace}/configmaps",
            {"fieldSelector": f"metadata.name={name}"},
            thread=f"watch {namespace}/{name}",
            pace=pace,
            clock=clock,
        )
        self._connection = connection
        self._changed = changed
        self._told_seen = seen
        self._state: State = Absent(Absence.UNREAD)

    @property
    def state(self) -> State:
        """The state that was reported last."""
        return self._state

    def _list(self) -> float:
        answer = self._connection.call("GET", self._path, query=self._query)
        if answer.status == HTTPStatus.FORBIDDEN:
            self._tell(Absent(Absence.FORBIDDEN, answer.why))
            return self._forbidden()
        if answer.status != HTTPStatus.OK:
            raise FailedError(f"{answer.status} {answer.why}")
        items = answer.body.get("items") or []
        self._tell(_state(items[0]) if items else Absent(Absence.MISSING))
        self._version = answer.body["metadata"]["resourceVersion"]
        return 0.0

    def _take(self, kind: str, object_: msgspec.Raw) -> None:
        deleted = kind == "DELETED"
        self._tell(Absent(Absence.MISSING) if deleted else _state(object_))

    def _seen(self) -> None:
        self._told_seen()

    def _failing(self, error: Exception) -> None:
        if isinstance(self._state, Absent) and self._state.known is Absence.UNREAD and not self._state.why:
            self._state = Absent(Absence.UNREAD, str(error))
            self._changed(self._state)

    def _tell(self, state: State) -> None:
        if state != self._state:
            self._state = state
            self._changed(state)
        self._seen()


def _state(object_: dict[str, Any] | msgspec.Raw) -> State:
    """Return what the ConfigMap *object_* holds, or that it is unreadable."""
    try:
        read: dict[str, Any] = skim.value(object_) if isinstance(object_, msgspec.Raw) else object_
        metadata = read["metadata"]
        data = msgspec.convert(read.get("data") or {}, dict[str, str])
        return Present(data, metadata["uid"], metadata["resourceVersion"])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, AttributeError) as error:
        return Absent(Absence.UNREADABLE, f"it cannot be read: {error!r:.200}")
