"""The work of threads for a connection: its handshake, and every answer that the loop does not give itself."""

import ssl
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from enum import Enum, auto
from time import monotonic
from typing import Any

from gunicorn.http import RequestParser

from webhook.serving.http.connection import Connection
from webhook.serving.http.inbox import FRONT, Body, UnsentError
from webhook.serving.http.keeper import Keeper


class Next(Enum):
    """What becomes of a connection that a thread has done with."""

    WAIT = auto()  # for the rest of a handshake
    KEEP = auto()  # for another request
    HANG_UP = auto()  # and wait a little for the client to do the same: closing at once could lose the answer
    CLOSE = auto()


GREETERS = 2  # threads for handshakes: a flood of them leaves room for requests
Work = Callable[[Connection], Next]


class Threads(Keeper):
    """Pools of threads: for small requests, for handshakes, and one thread for large bodies, which come one by one."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - gunicorn's
        super().__init__(*arguments, **named)
        self.busy = 0  # connections that a thread has or is going to have
        self._large = ThreadPoolExecutor(1, "large")
        self._greeting = ThreadPoolExecutor(GREETERS, "handshake")

    def finish_request(self, conn: Connection, future: "Future[Next]") -> None:
        """Do what a thread has found out must become of *conn*; in the loop."""
        raise NotImplementedError

    def give(self, conn: Connection, work: Work) -> None:
        """Have a thread do *work* for *conn*."""
        self._submit(self.tpool, conn, work)

    def give_hand(self, conn: Connection) -> None:
        """Have a thread go on with the handshake of *conn*."""
        self._submit(self._greeting, conn, self._shake)

    def give_large(self, conn: Connection) -> None:
        """Have the large body of *conn* answered when those before it are."""
        self._submit(self._large, conn, self._answer_large)

    def _submit(self, pool: ThreadPoolExecutor, conn: Connection, work: Work) -> None:
        self.take(conn)
        self.busy += 1
        future = pool.submit(self._done, work, conn)
        future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def _done(self, work: Callable[[Connection], Next], conn: Connection) -> Next:
        try:
            return work(conn)
        except ssl.SSLError as error:
            self.tell(conn, error)
            return Next.HANG_UP  # so that the client can read OpenSSL's alert
        except (StopIteration, OSError) as error:  # the client's end, or an answer it did not take
            self.log.debug("closing a connection: %r", error)
            return Next.CLOSE

    def _shake(self, conn: Connection) -> Next:
        if not conn.shake(self.app.identity.context):
            return Next.WAIT
        if self.options.client_ca is not None:
            conn.check_client(self.options.client_names)
        return Next.KEEP

    def _answer_large(self, conn: Connection) -> Next:
        late = bool(conn.patience) and monotonic() > conn.patience
        return self.answer(conn, "found no time beside other large ones" if late else "")

    def answer(self, conn: Connection, unread: str = "") -> Next:
        """Have the application answer the request of *conn*; *unread* says why its large body is not read."""
        conn.answer_within(self.options.request_deadline)
        conn.parser = conn.parser or RequestParser(self.cfg, conn.inbox, conn.client)
        request = None
        try:
            request = next(conn.parser)
            if any(name == "TRANSFER-ENCODING" for name, _ in request.headers):
                return self._refuse(conn, "411 Length Required", "a Content-Length is needed")
            if (body := conn.inbox.body) is not None:
                request.body = Body(memoryview(body)[:FRONT] if unread else body, unread)
                if unread:
                    request.force_close()
                keep = self.handle_request(request, conn) and not unread
                conn.parser = None  # it would read the body again
            else:
                keep = self._keepalive_after(conn, self.handle_request(request, conn))
        except UnsentError:
            if request is not None:
                raise
            return self._refuse(conn, "431 Request Header Fields Too Large", "the request's head is too long")
        except (StopIteration, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - most are gunicorn's, on requests that cannot be parsed
            self.dropped("syntax")
            self.handle_error(request, conn.sock, conn.client, error)
            return Next.HANG_UP
        conn.inbox.drop()
        return Next.KEEP if keep else Next.HANG_UP

    def send_rest(self, conn: Connection, data: bytes, after: Next) -> Next:
        """Send *data* to *conn*, the rest of an answer, and then do what comes *after*."""
        conn.answer_within(self.options.request_deadline)
        conn.sock.sendall(data)
        return after

    def _refuse(self, conn: Connection, status: str, sentence: str) -> Next:
        self.dropped("length" if status.startswith("411") else "head")
        body = f"{sentence}\n"
        head = (
            f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        conn.sock.sendall((head + body).encode())
        return Next.HANG_UP

    def tell(self, conn: Connection, error: ssl.SSLError) -> None:
        """Log *error* if it is a handshake's."""
        if conn.shaken or isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            self.log.debug("closing a connection: %r", error)
            return
        reason = (error.reason or type(error).__name__).lower().replace("_", " ")
        self.log.warning(f"TLS handshake failed, {reason}: client %s", conn.client[0])  # noqa: G004 - each reason has its own limit
