"""Watches the ConfigMaps, or the Secrets, of one namespace and keeps names and keys: no value is ever decoded."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol

import msgspec

from webhook.pods import skim
from webhook.pods.references import CONFIG_MAP, SECRET
from webhook.sources.protocols import Reading, Watching
from webhook.sources.readable import Readable
from webhook.sources.shelves import UNREAD, Place, Shelves
from webhook.sources.watch import PACE, FailedError, Pace, Watch

# An object may have 1 MiB of values. Where JSON makes more of them than a page may have, fewer are asked for at once.
PAGE = 16
PLURALS = {CONFIG_MAP: "configmaps", SECRET: "secrets"}


class Connection(Watching, Reading, Protocol):
    """An API server; both raise OSError when it cannot be reached."""


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Object(msgspec.Struct, frozen=True, rename="camel"):
    metadata: _Metadata
    data: dict[str, msgspec.Raw] | None = None
    binary_data: dict[str, msgspec.Raw] | None = None


class _List(msgspec.Struct, frozen=True):
    metadata: _Metadata
    items: list[msgspec.Raw] | None = None


_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class KeysWatch(Watch):
    """Fills the place of *kind* and *namespace* in *shelves*, a page at a time, and keeps it current.

    It needs the rights to list and watch. Until it has seen all, and while it may not read, nothing is called missing.
    """

    def __init__(  # noqa: PLR0913  # the server, the place, and what a test fakes
        self,
        connection: Connection,
        kind: str,
        namespace: str,
        shelves: Shelves,
        *,
        limit: int = PAGE,
        pace: Pace = PACE,
    ) -> None:
        plural = PLURALS[kind]
        path = f"/api/v1/namespaces/{namespace}/{plural}"
        super().__init__(
            connection, f"{plural} in {namespace}", path, {}, thread=f"watch {plural} in {namespace}", pace=pace
        )
        self._reading = connection
        self._shelves = shelves
        self._place: Place = kind, namespace
        self._most = self._limit = limit
        self._token = ""  # of the page to come; "" for the first
        shelves.clear(self._place, UNREAD)

    def _list(self) -> float:
        query = {"limit": str(self._limit)} | ({"continue": self._token} if self._token else {})
        page = self._reading.read(self._path, query=query)
        if page.status == HTTPStatus.FORBIDDEN:
            self._token = ""
            self._shelves.clear(self._place, page.why)
            self._shelves.resume(self._place)
            return self._forbidden()
        if page.status == HTTPStatus.GONE:  # the rest of the list has expired
            self._token = ""
            raise FailedError("410: the list expired before its end")
        if page.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and self._limit > 1:
            self._limit = max(1, self._limit // 4)
            return 0.0
        if page.status != HTTPStatus.OK:
            raise FailedError(f"{page.status} {page.why}")
        try:
            found = skim.of_type(page.data, _List)
        except _BROKEN as error:
            raise FailedError(f"the list cannot be read: {error!r:.200}") from None
        if not self._token:
            self._shelves.clear(self._place, UNREAD)
        for item in found.items or ():
            self._put(item)
        self._token, self._limit = found.metadata.continue_, min(2 * self._limit, self._most)
        if not self._token:
            self._shelves.finish(self._place)
            self._shelves.resume(self._place)
            self._version = found.metadata.resource_version
        return 0.0

    def _take(self, kind: str, object_: msgspec.Raw) -> None:
        self._put(object_, deleted=kind == "DELETED")

    def _seen(self) -> None:
        self._shelves.resume(self._place)

    def _failing(self, error: Exception) -> None:
        self._shelves.pause(self._place, str(error))

    def _put(self, raw: msgspec.Raw, *, deleted: bool = False) -> None:
        try:
            read = skim.of_type(raw, _Object)
        except _BROKEN:
            self._shelves.doubt(self._place, "one of them cannot be read")
            return
        if deleted:
            self._shelves.drop(self._place, read.metadata.name)
        else:
            self._shelves.put(self._place, read.metadata.name, {*(read.data or ()), *(read.binary_data or ())})


def places(readable: Readable) -> tuple[Place, ...]:
    """Return kind and namespace of everything in *readable*."""
    asked = ((CONFIG_MAP, readable.config_maps), (SECRET, readable.secrets))
    return tuple((kind, name) for kind, names in asked for name in sorted(names))


def shelves_of(readable: Readable) -> Shelves | None:
    """Return where names and keys of *readable* are kept; None where nothing may be read."""
    return Shelves() if readable else None


def watches(connect: Callable[[], Connection], readable: Readable, shelves: Shelves | None) -> list[KeysWatch]:
    """Return what fills *shelves* with *readable*; none where there are none."""
    return [] if shelves is None else [KeysWatch(connect(), *place, shelves) for place in places(readable)]
