"""Reads a collection of the API server in pages, and survives errors on the way; no page outlives its items."""

import random
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from threading import Event
from typing import Protocol, TypeVar

import msgspec

from webhook.pods import skim
from webhook.sources.backoff import backoff

LIMIT = 500  # items of a page, as kubectl asks for them: some 5 MiB of pods
_TOO_LARGE = HTTPStatus.REQUEST_ENTITY_TOO_LARGE  # as a connection says of a page that it does not read to its end
_HASH = (1 << 64) - 1

T = TypeVar("T")

# Answers that a retry does not change: no such collection, or the caller may not read it. But an API server
# that has just started refuses what it will allow as soon as it has read its own rules.
_FINAL = {HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, _TOO_LARGE}
_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class ListError(OSError):
    """Something could not be read to its end, and why; *status* is None when there was no answer."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status


class Cancelled(Exception):  # noqa: N818 - not an error: the caller does not want it any more
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


class Patience(msgspec.Struct, frozen=True):
    """How long to retry, in seconds; each page that arrives starts it over."""

    total: float = 60.0  # from the first failure on; an API server restarts in less
    longest: float = 30.0  # pause that a Retry-After may ask for
    restarts: int = 3  # of a list whose remainder is gone


PATIENCE = Patience()


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")
    remaining_item_count: int | None = None


class _List(msgspec.Struct, frozen=True):
    metadata: _Metadata
    items: list[msgspec.Raw] | None = None


class _Uid(msgspec.Struct, frozen=True):
    uid: str = ""


class _Item(msgspec.Struct, frozen=True):
    metadata: _Uid | None = None


class _Expired(Exception):  # noqa: N818 - not an error: the way to continue
    def __init__(self, token: str) -> None:
        super().__init__(token)
        self.token = token  # for the remainder as it is now; "" when there is none


_lists = msgspec.json.Decoder(_List)
_items = msgspec.json.Decoder(_Item)


class _Asking(msgspec.Struct, frozen=True):
    """Retries until it has an answer that another retry would not change."""

    connection: Connection
    patience: Patience
    stop: Event
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def page(self, path: str, query: Mapping[str, str], decode: Callable[[bytes], T]) -> T:
        """Return what *decode* makes of the answer; raises ListError, Cancelled, and _Expired for 410 Gone."""
        failures, deadline = 0, 0.0
        allowed = "continue" in query  # an earlier page was
        while True:
            if self.stop.is_set():
                raise Cancelled
            page: Page | None = None
            try:
                page = self.connection.read(path, query=query)
                if page.status == HTTPStatus.OK:
                    return decode(page.data)
                why = f"{page.status} {page.why}"
            except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                why = str(error)
            status = page.status if page is not None else None
            if status == HTTPStatus.GONE and page is not None:
                raise _Expired(_remainder(page))
            final = status in _FINAL or (status in _REFUSED and not allowed and not failures)
            failures, now = failures + 1, self.clock()
            deadline = deadline or now + self.patience.total
            pause = self._pause(failures, page.retry_after if page is not None else None)
            if final or now + pause > deadline:
                raise ListError(why, status)
            self.stop.wait(pause)

    def _pause(self, failures: int, asked: float | None) -> float:
        pause = backoff(failures, self.chance())
        return pause if asked is None else min(max(asked, pause), self.patience.longest)


def fetch(connection: Connection, path: str, *, patience: Patience = PATIENCE, stop: Event | None = None) -> bytes:
    """Return the object at *path*, as raw JSON; raises ListError and Cancelled as a Listing does."""
    try:
        return _Asking(connection, patience, stop or Event()).page(path, {}, bytes)
    except _Expired:  # which no object does
        raise ListError("410 Gone", HTTPStatus.GONE) from None


class Listing:
    """Yields each item of the collection *path* once, as raw JSON; an object seen twice (by uid) is yielded once.

    Iterate once. The caller decodes what it needs of an item and keeps nothing of the raw JSON: it is a view of the
    whole page. Iterating raises ListError, and Cancelled soon after *stop* is set.

    After a 410 Gone in the middle the rest is listed as it is by then, so that *whole* is false: the items are not of
    one moment. *version* is of the first page in any case, so that a watch from there misses nothing: either
    the server still has all changes since, or it says 410 and the list starts over.
    """

    def __init__(  # noqa: PLR0913 - what to ask for, and what a test fakes
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
        self.remaining: int | None = None  # items of the pages to come, when the server says so
        self._asking = _Asking(connection, patience, stop or Event(), clock, chance)
        self._path = path
        self._query = {**(query or {})}
        self._most = self._limit = limit
        self._restarts = patience.restarts
        self._uids = array("Q")  # hashes; eight bytes for each item
        self._known: frozenset[int] = frozenset()  # seen before the list started over

    def __iter__(self) -> Iterator[msgspec.Raw]:
        token, restarts = "", 0
        while True:
            try:
                items, following = self._page(token)
            except _Expired as expired:
                token, self.whole = expired.token, False
                if not token:
                    restarts += 1
                    if restarts > self._restarts:
                        raise ListError(f"the list expired {restarts} times before its end", HTTPStatus.GONE) from None
                    self._known = frozenset(self._uids)
                continue
            items.reverse()
            while items:
                # A loop holds the last one until the next page has come: that one alone is not a view of its page.
                item = items.pop() if len(items) > 1 else items.pop().copy()
                if self._is_new(item):
                    yield item
            if not following:
                return
            token = following

    def _is_new(self, item: msgspec.Raw) -> bool:
        try:
            metadata = skim.decode(_items, item).metadata
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return True  # the caller knows what to say about it
        if metadata is None or not metadata.uid:
            return True
        key = hash(metadata.uid) & _HASH
        if key in self._known:
            return False
        self._uids.append(key)
        return True

    def _page(self, token: str) -> tuple[list[msgspec.Raw], str]:
        """Return the items of the page at *token*, and the token of the next; "" after the last."""
        query = {**self._query, "limit": str(self._limit)} | ({"continue": token} if token else {})
        try:
            found = self._asking.page(self._path, query, _list)
        except ListError as error:
            if error.status != _TOO_LARGE or self._limit == 1:
                raise
            self._limit = max(1, self._limit // 4)  # anybody may make objects of some MiB
            return self._page(token)
        self._limit = min(2 * self._limit, self._most)
        self.version = self.version or found.metadata.resource_version
        self.remaining = found.metadata.remaining_item_count
        return found.items or [], found.metadata.continue_


def _list(data: bytes) -> _List:
    return skim.decode(_lists, data)


def _remainder(page: Page) -> str:
    """Return the token for an inconsistent remainder in *page*, the Status of a list that expired."""
    try:
        return _lists.decode(page.data).metadata.continue_
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
