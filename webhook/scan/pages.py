"""A collection of the API server, read in pages through whatever befalls it; no page outlives its items."""

import random
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from threading import Event
from typing import Protocol

import msgspec

from webhook.backoff import backoff

LIMIT = 500  # items of a page, as kubectl asks for them: some 5 MiB of pods
_HASH = (1 << 64) - 1

# Answers that asking again does not change: who asks may not, or there is no such collection.
_FINAL = {HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}


class ListError(OSError):
    """A collection could not be listed to its end; *status* is None when there was no answer."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Cancelled(Exception):  # noqa: N818 - no error: whoever asked does not want it any more
    """The listing was told to stop."""


class Page(Protocol):
    """What the API server says, as it came."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def data(self) -> bytes:
        """The JSON: a list, or a Status that tells what is wrong."""

    @property
    def retry_after(self) -> float | None:
        """After how many seconds to ask again, when it says so."""

    @property
    def why(self) -> str:
        """The message of an error."""


class Connection(Protocol):
    """An API server; raises OSError when it cannot be reached."""

    def read(self, path: str, *, query: Mapping[str, str]) -> Page:
        """Ask for *path* and wait for the whole answer."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How much trouble is put up with, in seconds; it begins anew with each page that comes."""

    total: float = 60.0  # from the first failure on; an API server restarts in less
    longest: float = 30.0  # pause that a Retry-After may ask for
    restarts: int = 3  # of a list whose remainder is gone


PATIENCE = Patience()


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, frozen=True):
    metadata: _Metadata
    items: list[msgspec.Raw] | None = None


class _Uid(msgspec.Struct, frozen=True):
    uid: str = ""


class _Item(msgspec.Struct, frozen=True):
    metadata: _Uid | None = None


class _Expired(Exception):  # noqa: N818 - no error: the way on
    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.token = token  # for the remainder as it is now; "" when there is none


_lists = msgspec.json.Decoder(_List)
_items = msgspec.json.Decoder(_Item)


class Listing:
    """Yields each item of the collection *path* once, as raw JSON; an object seen twice (by uid) is yielded once.

    Iterate once. Whoever takes an item decodes what it needs before the next, and keeps nothing of the raw JSON: it is
    a view of the whole page. Iterating raises ListError, and Cancelled soon after *stop* is set.

    After a 410 Gone in the middle the rest is listed as it is by then, so that *whole* is false: the items are not of
    one moment. *version* is of the first page in any case, so that whoever watches from there misses nothing: either
    the server still has all changes since, or it says 410 and the list begins anew.
    """

    def __init__(  # noqa: PLR0913 - what to ask for, and what a test would fake
        self,
        connection: Connection,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        limit: int = LIMIT,
        patience: Patience = PATIENCE,
        stop: Event | None = None,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.version = ""  # the list's resourceVersion
        self.whole = True
        self._connection = connection
        self._path = path
        self._query = {**(query or {}), "limit": str(limit)}
        self._patience = patience
        self._stop = stop or Event()
        self._clock = clock
        self._chance = chance
        self._uids = array("Q")  # hashes; eight bytes for each item
        self._known: frozenset[int] = frozenset()  # those of before the list began again

    def __iter__(self) -> Iterator[msgspec.Raw]:
        token, restarts = "", 0
        while True:
            try:
                items, following = self._page(token)
            except _Expired as expired:
                token, self.whole = expired.token, False
                if not token:
                    restarts += 1
                    if restarts > self._patience.restarts:
                        text = f"cannot list {self._path}: it expired {restarts} times before its end"
                        raise ListError(text, HTTPStatus.GONE) from None
                    self._known = frozenset(self._uids)
                continue
            items.reverse()
            while items:
                item = items.pop()
                if self._is_new(item):
                    yield item
                del item  # before the next page comes, nothing holds this one
            if not following:
                return
            token = following

    def _is_new(self, item: msgspec.Raw) -> bool:
        try:
            metadata = _items.decode(item).metadata
        except (msgspec.DecodeError, UnicodeDecodeError):
            return True  # whoever takes it knows what to say of it
        if metadata is None or not metadata.uid:
            return True
        key = hash(metadata.uid) & _HASH
        if key in self._known:
            return False
        self._uids.append(key)
        return True

    def _page(self, token: str) -> tuple[list[msgspec.Raw], str]:
        """Return the items of the page at *token*, and the token of the next; "" after the last."""
        query = {**self._query, "continue": token} if token else self._query
        failures, deadline = 0, 0.0
        while True:
            if self._stop.is_set():
                raise Cancelled
            page: Page | None = None
            try:
                page = self._connection.read(self._path, query=query)
                if page.status == HTTPStatus.OK:
                    return self._read(page)
                why = f"{page.status} {page.why}"
            except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
                why = str(error)
            status = page.status if page is not None else None
            if status == HTTPStatus.GONE and page is not None:
                raise _Expired(_remainder(page))
            failures += 1
            now = self._clock()
            deadline = deadline or now + self._patience.total
            pause = self._pause(failures, page.retry_after if page is not None else None)
            if status in _FINAL or now + pause > deadline:
                raise ListError(f"cannot list {self._path}: {why}", status)
            self._stop.wait(pause)

    def _pause(self, failures: int, asked: float | None) -> float:
        pause = backoff(failures, self._chance())
        return pause if asked is None else min(max(asked, pause), self._patience.longest)

    def _read(self, page: Page) -> tuple[list[msgspec.Raw], str]:
        found = _lists.decode(page.data)
        self.version = self.version or found.metadata.resource_version
        return found.items or [], found.metadata.continue_


def _remainder(page: Page) -> str:
    """Return the token for an inconsistent remainder in *page*, the Status of a list that expired."""
    try:
        return _lists.decode(page.data).metadata.continue_
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
