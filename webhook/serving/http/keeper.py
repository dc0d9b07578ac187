"""The connected clients: they wait in the poller under deadlines, and when there are too many, the oldest gives way."""

import errno
import selectors
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from time import monotonic, sleep
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from webhook.serving.http.connection import Connection

TICK = 0.25  # seconds between two looks at deadlines
MOST_UNSHAKEN = 512  # connections without a finished handshake: each may have some 50 KiB of TLS state
HELD_LIMIT = 32 * 1024 * 1024  # bytes of requests that wait, all clients together

_BATCH = 64  # connections accepted before others get their turn
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Idle(dict[Connection, None]):
    """Kept-alive connections, the one that has been idle longest first; with the names that gunicorn's worker uses."""

    def __getitem__(self, index: Any) -> Any:  # noqa: ANN401 - as of a deque
        return next(iter(self)) if index == 0 else super().__getitem__(index)

    def append(self, conn: Connection) -> None:
        """Add *conn* as the last."""
        self.pop(conn, None)
        self[conn] = None

    def popleft(self) -> Connection:
        """Take out the first."""
        conn: Connection = self[0]
        del self[conn]
        return conn


# Why a client gets no answer, or one that the application does not know of.
DROPS = ("deadline", "handshakes", "connections", "memory", "head", "length", "syntax")


class Keeper(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Accepts clients and keeps them in the poller; what becomes of what they send is decided below."""

    alive: bool

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - gunicorn's
        super().__init__(*arguments, **named)
        self.options = self.app.options
        self.max_keepalived = self.worker_connections // 2  # beyond it, answers say Connection: close
        self.keepalived_conns = Idle()
        self.waiting: dict[Connection, None] = {}  # for the rest of a handshake, a request or a goodbye; oldest first
        self.unshaken: dict[Connection, None] = {}  # those of them whose handshake is not done
        self._polled: set[Connection] = set()
        self._next_look = 0.0

    def dropped(self, reason: str) -> None:
        """Count a client that gets no answer; *reason* is one of `DROPS`."""
        self.service.dropped(reason)

    def close_all(self) -> None:
        """Close what no thread has."""
        for conn in [*self.waiting, *self.keepalived_conns]:
            conn.close()
        for listener in self.sockets:
            listener.close()

    def accept(self, listener: Any) -> None:  # noqa: ANN401 - gunicorn's wrapper of a socket
        """Accept new clients, and let them wait in the poller for their first byte."""
        for _ in range(_BATCH):
            try:
                sock, client = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                self.log.warning("a connection was not accepted: %s", error.strerror)
                if not self._make_room():
                    sleep(0.01)
                return
            self.nr_conns += 1
            conn = Connection(sock, client, listener.getsockname(), monotonic() + self.options.request_deadline)
            self.wait(conn)
            if self.nr_conns >= self.worker_connections:
                self._make_room()

    def ready(self, conn: Connection, sock: Any) -> None:  # noqa: ANN401 - the poller's
        """Take what has come from *conn*."""
        raise NotImplementedError

    def impatient(self, conn: Connection) -> None:
        """Do what is due when the patience of *conn* is over."""
        raise NotImplementedError

    def wait(self, conn: Connection) -> None:
        """Have *conn* wait, until its deadline."""
        self.keepalived_conns.pop(conn, None)
        self.waiting[conn] = None
        self.poll(conn)
        if not conn.shaken and not conn.leaving:
            self.unshaken[conn] = None
            if len(self.unshaken) > MOST_UNSHAKEN:
                self.dropped("handshakes")
                self.forget(next(iter(self.unshaken)))

    def keep(self, conn: Connection, seconds: float) -> None:
        """Keep *conn* for another request, for *seconds*."""
        self.waiting.pop(conn, None)
        conn.timeout = monotonic() + seconds
        self.keepalived_conns.append(conn)
        self.poll(conn)

    def take(self, conn: Connection) -> None:
        """Take *conn* out of all waiting: a thread is to have it."""
        self.unpoll(conn)
        self.waiting.pop(conn, None)
        self.unshaken.pop(conn, None)
        self.keepalived_conns.pop(conn, None)

    def forget(self, conn: Connection) -> None:
        """Close *conn*."""
        self.take(conn)
        self.nr_conns -= 1
        conn.close()

    def poll(self, conn: Connection) -> None:
        """Have the poller report what comes from *conn*."""
        if conn not in self._polled:
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._report, conn))
            self._polled.add(conn)

    def unpoll(self, conn: Connection) -> None:
        """Have the poller say nothing of *conn*."""
        if conn in self._polled:
            self._polled.discard(conn)
            with suppress(KeyError, ValueError, OSError):
                self.poller.unregister(conn.sock)

    def _report(self, conn: Connection, sock: Any) -> None:  # noqa: ANN401 - the poller's
        if conn in self._polled:  # it may have been closed by what was reported together with it
            self.ready(conn, sock)

    def murder_keepalived(self, force: bool = False) -> None:  # noqa: FBT001, FBT002 - gunicorn's
        """Close the connections that were idle for too long, or all."""
        now = monotonic()
        while self.keepalived_conns and (force or self.keepalived_conns[0].timeout <= now):
            self.forget(self.keepalived_conns[0])

    def murder_pending(self) -> None:
        """Close the connections whose deadline has passed, and have the large bodies answered that waited too long."""
        now = monotonic()
        if now < self._next_look:
            return
        self._next_look = now + TICK
        for conn in list(self.waiting):
            if conn.patience and conn.patience <= now:
                self.impatient(conn)
            elif conn.deadline <= now:
                if not conn.leaving and (conn.inbox or not conn.shaken):
                    self.dropped("deadline")
                self.forget(conn)

    def _make_room(self) -> bool:
        """Close the connection that has been silent longest; whether there was one."""
        conn = next(iter((*self._first(self.waiting), *self._first(self.keepalived_conns))), None)
        if conn is None:
            return False
        self.dropped("connections")
        self.forget(conn)
        return True

    @staticmethod
    def _first(conns: dict[Connection, None]) -> Iterator[Connection]:
        for conn in conns:
            yield conn
            return

    def hold_less(self) -> None:
        """Close the oldest unfinished requests while all of them together take too much memory."""
        waiting = [conn for conn in self.waiting if conn.inbox and not conn.seated]
        held = sum(len(conn.inbox) for conn in waiting)
        for oldest in sorted(waiting, key=lambda conn: conn.deadline):
            if held <= HELD_LIMIT:
                return
            held -= len(oldest.inbox)
            self.dropped("memory")
            self.forget(oldest)
