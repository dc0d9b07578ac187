"""gunicorn's thread worker with one thing changed: its threads never wait for what a client has not sent yet.

gthread gives a new connection to a thread, which then waits without limit for the handshake, the head and the body:
as many silent clients as there are threads stop the service (gunicorn #2652). Here a connection waits in the poller
until a whole request has come, under a deadline.
"""

import errno
import selectors
import ssl
from concurrent.futures import Future  # noqa: TC003 - gunicorn imports it anyway
from contextlib import suppress
from enum import Enum, auto
from functools import partial
from time import monotonic, sleep
from typing import Any

from gunicorn.http import RequestParser
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER, ThreadWorker

from webhook.serving.http.connection import Arrival, Connection, GoneError, UnsentError

TICK = 0.25  # seconds between two looks at deadlines

_BATCH = 64  # connections accepted before others get their turn
_LARGE = 64 * 1024
_HELD_LIMIT = 64 * 1024 * 1024  # bytes of unfinished requests, all clients together
_NO_ROOM = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class _Next(Enum):
    """What becomes of a connection that a thread has done with."""

    WAIT = auto()  # for the rest of a handshake or request
    KEEP = auto()  # for another request
    HANG_UP = auto()  # and wait a little for the client to do the same: closing at once could lose the answer
    CLOSE = auto()


class PollingWorker(ThreadWorker):  # type: ignore[misc] # gunicorn has no types
    """Accepts, reads and answers; options and TLS identity are those of the application object in `self.app`."""

    alive: bool

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - gunicorn's
        super().__init__(*arguments, **named)
        self.options = self.app.options
        self.max_keepalived = self.worker_connections // 2  # beyond it, answers say Connection: close
        self.waiting: dict[Connection, None] = {}  # the one that has been silent longest comes first
        self.busy = 0  # connections that a thread has or is going to have
        self._next_look = 0.0

    def close_all(self) -> None:
        """Close what no thread has."""
        for conn in [*self.waiting, *self.keepalived_conns]:
            conn.close()
        for listener in self.sockets:
            listener.close()

    # From the poller to a thread

    def accept(self, listener: Any) -> None:  # noqa: ANN401 - gunicorn's wrapper of a socket
        """Accept who has connected, and let them wait in the poller for their first byte."""
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
            deadline = monotonic() + self.options.request_deadline
            self._wait(Connection(sock, client, listener.getsockname(), deadline, self.options.body_limit))
            if self.nr_conns >= self.worker_connections:
                self._make_room()

    def enqueue_req(self, conn: Connection) -> None:
        """Give *conn* to a thread."""
        self.busy += 1
        super().enqueue_req(conn)

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:  # noqa: ANN401 - gunicorn's
        """Begin a request on a kept-alive connection."""
        conn.deadline = monotonic() + self.options.request_deadline
        super().on_client_socket_readable(conn, client)

    def murder_pending(self) -> None:
        """Close the connections whose deadline has passed."""
        now = monotonic()
        if now < self._next_look:
            return
        self._next_look = now + TICK
        for conn in [conn for conn in self.waiting if conn.deadline <= now]:
            self._forget(conn)

    def _wait(self, conn: Connection) -> None:
        self.waiting[conn] = None
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._resume, conn))

    def _resume(self, conn: Connection, sock: Any) -> None:  # noqa: ANN401 - the poller's
        self.poller.unregister(sock)
        del self.waiting[conn]
        self.enqueue_req(conn)

    def _forget(self, conn: Connection) -> None:
        with suppress(KeyError, ValueError):
            self.poller.unregister(conn.sock)
        self.waiting.pop(conn, None)
        self.nr_conns -= 1
        conn.close()

    def _make_room(self) -> bool:
        """Close the connection that has been silent longest; whether there was one."""
        if self.waiting:
            self._forget(next(iter(self.waiting)))
        elif self.keepalived_conns:
            self._forget(self.keepalived_conns.popleft())
        else:
            return False
        return True

    def _hold_less(self) -> None:
        """Close the oldest unfinished requests while all of them together take too much memory."""
        held = sum(len(conn.inbox) for conn in self.waiting)
        while held > _HELD_LIMIT:
            oldest = min((conn for conn in self.waiting if conn.inbox), key=lambda conn: conn.deadline)
            held -= len(oldest.inbox)
            self._forget(oldest)

    # In a thread

    def handle(self, conn: Connection) -> _Next:
        """Take what has come from *conn*, and answer if it is a request; never raises."""
        try:
            arrival = conn.receive(self.app.identity.context)
            if arrival is Arrival.WHOLE:
                return self._answer(conn)
        except ssl.SSLError as error:
            self._tell(conn, error)
            return _Next.HANG_UP  # so that the client can read OpenSSL's alert
        except (StopIteration, GoneError, OSError) as error:  # the client's end, or an answer it did not take
            self.log.debug("closing a connection: %r", error)
            return _Next.CLOSE
        return _Next.KEEP if arrival is Arrival.NOTHING else _Next.WAIT

    def _answer(self, conn: Connection) -> _Next:
        conn.answer_within(self.options.request_deadline)
        conn.parser = conn.parser or RequestParser(self.cfg, conn.inbox, conn.client)
        request = None
        try:
            request = next(conn.parser)
            if any(name == "TRANSFER-ENCODING" for name, _ in request.headers):
                return _refuse(conn, "411 Length Required", "a Content-Length is needed")
            keep = self._keepalive_after(conn, self.handle_request(request, conn))
        except UnsentError:
            if request is not None:
                raise
            return _refuse(conn, "431 Request Header Fields Too Large", "the request's head is too long")
        except (StopIteration, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - most are gunicorn's, on requests that cannot be parsed
            self.handle_error(request, conn.sock, conn.client, error)
            return _Next.HANG_UP
        conn.inbox.drop()
        return _Next.KEEP if keep else _Next.HANG_UP

    def _tell(self, conn: Connection, error: ssl.SSLError) -> None:
        if conn.shaken or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            self.log.debug("closing a connection: %r", error)
            return
        reason = (error.reason or type(error).__name__).lower().replace("_", " ")
        self.log.warning(f"TLS handshake failed, {reason}: client %s", conn.client[0])  # noqa: G004 - each reason has its own limit

    # And back

    def finish_request(self, conn: Connection, future: "Future[_Next]") -> None:
        """Do what a thread has found out must become of *conn*."""
        self.busy -= 1
        after = _Next.CLOSE if future.cancelled() or future.exception() else future.result()
        try:
            conn.rest()
            self._go_on(conn, after)
        except (OSError, ValueError):  # the socket is no more
            self._forget(conn)

    def _go_on(self, conn: Connection, after: _Next) -> None:
        if after is _Next.WAIT and conn.deadline <= monotonic():  # a drip in time with `murder_pending` would escape it
            self._forget(conn)
        elif after is _Next.WAIT:
            self._wait(conn)
            if len(conn.inbox) > _LARGE:
                self._hold_less()
        elif after is _Next.KEEP and conn.inbox:  # the next request came along with the last
            conn.deadline = monotonic() + self.options.request_deadline
            self.enqueue_req(conn)
        elif after is _Next.KEEP:
            seconds = self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER
            conn.timeout = monotonic() + seconds
            callback = partial(self.on_client_socket_readable, conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, callback)
            self.keepalived_conns.append(conn)
        elif after is _Next.HANG_UP:
            conn.hang_up()
            conn.deadline = monotonic() + STOP_KEEPALIVE_LINGER
            self.waiting[conn] = None
            self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._read_out, conn))
        else:
            self._forget(conn)

    def _read_out(self, conn: Connection, sock: Any) -> None:  # noqa: ANN401 - the poller's
        """Drop what the client still sends, until it ends too."""
        with suppress(OSError):
            if sock.recv(_LARGE):
                return
        self._forget(conn)


def _refuse(conn: Connection, status: str, sentence: str) -> _Next:
    body = f"{sentence}\n"
    head = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
    conn.sock.sendall((head + body).encode())
    return _Next.HANG_UP
