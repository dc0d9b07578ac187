"""A cluster through its API server; it only ever gets and lists."""

from collections.abc import Callable, Iterator
from http import HTTPStatus
from threading import Event

import msgspec

from webhook.scan.pages import LIMIT, PATIENCE, Connection, ListError, Listing, Patience, fetch
from webhook.scan.supply import Collection

# Before the first answer a mistake is likelier than a restart: the wrong address, a tunnel that is closed.
FIRST = Patience(total=2.0)

Progress = Callable[[str, int, int | None], None]  # what is read, how much of it, and of how much if that is known


class Server:
    """The objects that the API server behind *connection* shows; *progress* is told with each page."""

    name = "the cluster"

    def __init__(
        self,
        connection: Connection,
        *,
        progress: Progress = lambda _what, _count, _of: None,
        limit: int = LIMIT,
        patience: Patience = PATIENCE,
        stop: Event | None = None,
    ) -> None:
        self._connection = connection
        self._progress = progress
        self._limit = limit
        self._patience = patience
        self._stop = stop
        self._answered = False
        self._dead = ""  # why reading stopped for good

    def items(self, collection: Collection, namespace: str | None) -> Iterator[msgspec.Raw]:
        """Yield each object of *collection*; see `Supply`."""
        patience = self._patience_now()
        listing = Listing(
            self._connection, collection.path(namespace), limit=self._limit, patience=patience, stop=self._stop
        )
        what = f"{collection.plural} in {namespace}" if namespace else collection.plural
        count = 0
        self._progress(what, 0, None)
        try:
            for item in listing:
                self._answered = True
                yield item
                count += 1
                if not count % self._limit:
                    self._progress(what, count, None if listing.remaining is None else count + listing.remaining)
        except ListError as error:
            self._take(error)
            raise
        self._answered = True

    def item(self, collection: Collection, namespace: str | None, name: str) -> bytes | None:
        """Return one object; see `Supply`."""
        patience = self._patience_now()
        try:
            found = fetch(self._connection, collection.path(namespace, name), patience=patience, stop=self._stop)
        except ListError as error:
            self._take(error)
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
        self._answered = True
        return found

    def _patience_now(self) -> Patience:
        if self._dead:  # retrying that long for each collection would take minutes
            raise ListError(self._dead)
        return self._patience if self._answered else FIRST

    def _take(self, error: ListError) -> None:
        if error.status is None:
            self._dead = str(error)
        else:
            self._answered = True
