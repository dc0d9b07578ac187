"""gunicorn's thread worker with one change: its threads never wait for bytes that a client has not sent yet.

gthread gives a new connection to a thread, which then waits without limit for the handshake, the head and the body:
as many silent clients as there are threads stop the service (gunicorn #2652). Here a connection waits in the poller
until a whole request has come, under a deadline. Then it takes one of three lanes: a small, plain request is answered
in the loop itself, other small ones by the threads, and large ones by a thread of their own, one after the other.
"""

import ssl
from collections.abc import Callable
from concurrent.futures import Future  # noqa: TC003 - gunicorn imports it anyway
from functools import partial
from time import monotonic
from typing import Any

from gunicorn.http.wsgi import SERVER
from gunicorn.util import http_date
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER

from webhook.serving.http.connection import Arrival, Connection
from webhook.serving.http.head import LONGEST, plain_path, timeout
from webhook.serving.http.inbox import FRONT
from webhook.serving.http.keeper import TICK
from webhook.serving.http.leisure import Leisure
from webhook.serving.http.room import Room
from webhook.serving.http.threads import Next, Threads

# Two objects of 3 MiB each; Go's encoder writes `<`, `>`, `&` and invalid UTF-8 as six bytes. And some for the rest.
ROOM = 40 * 1024 * 1024

_LARGE = 64 * 1024


class PollingWorker(Threads):
    """Reads and answers; options and TLS identity are those of the application object in `self.app`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - gunicorn's
        super().__init__(*arguments, **named)
        self._room: Room[Connection] = Room(ROOM)
        self.leisure = Leisure(self._observed)
        self._date = b""
        self._date_until = 0.0

    # In the loop

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Do what there is to do, for *timeout* seconds at most."""
        events = self.poller.select(self.leisure.until(timeout))
        for key, _ in events:
            key.data(key.fileobj)
        self.leisure.turn(quiet=not events)

    def ready(self, conn: Connection, _sock: Any) -> None:  # noqa: ANN401 - the poller's
        """Take what has come from *conn*."""
        if conn.leaving:
            if conn.has_left():
                self.forget(conn)
            return
        try:
            if not conn.shaken:
                if conn.begun or conn.greets():
                    self.give_hand(conn)
                return
            arrival = conn.read()
        except ssl.SSLError as error:
            self.tell(conn, error)
            self._hang_up(conn)
        except OSError as error:  # the client's end
            self.log.debug("closing a connection: %r", error)
            self.forget(conn)
        else:
            self._arrived(conn, arrival)

    def _arrived(self, conn: Connection, arrival: Arrival) -> None:
        while arrival is Arrival.WHOLE:
            if not self._serve(conn):
                return
            # What came along with the request is the beginning of the next.
            arrival = Arrival.WHOLE if conn.inbox.is_whole() else Arrival.PART if conn.inbox else Arrival.NOTHING
        if arrival is Arrival.NOTHING:
            return
        if conn not in self.waiting:
            conn.deadline = monotonic() + self.options.request_deadline
            self.wait(conn)
        if conn.inbox.body is not None:
            self._seat(conn)
        elif len(conn.inbox) > _LARGE:
            self.hold_less()

    def _serve(self, conn: Connection) -> bool:
        """Begin to answer the request in *conn*; return whether that is done and the client may go on."""
        inbox = conn.inbox
        if inbox.body is not None:
            self.give_large(conn)
            return False
        head = inbox.head
        path = plain_path(head) if len(head) <= LONGEST else None
        answer = None if path is None or conn.refusal else self.service.quick(path, inbox.small_body)
        if answer is None:
            self.give(conn, self.answer)
            return False
        self.nr += 1
        inbox.drop()
        keep = self.alive and len(self.keepalived_conns) < self.max_keepalived
        data = self._headed(answer.body, keep=keep)
        try:
            sent = conn.send(data)
        except OSError as error:
            self.log.debug("closing a connection: %r", error)
            self.forget(conn)
            sent, keep = len(data), False
        else:
            if sent < len(data):
                after = Next.KEEP if keep else Next.HANG_UP
                self.give(conn, partial(self.send_rest, data=data[sent:], after=after))
            elif keep:
                self.keep(conn, self.cfg.keepalive)
            else:
                self._hang_up(conn)
        self._observed(lambda: self.leisure.add(answer.tell()))
        return keep and sent == len(data)

    def _headed(self, body: bytes, *, keep: bool) -> bytes:
        """Return *body* as the response that gunicorn would make of it."""
        now = monotonic()
        if now >= self._date_until:
            self._date_until = now + TICK
            self._date = f"HTTP/1.1 200 OK\r\nServer: {SERVER}\r\nDate: {http_date()}\r\nConnection: ".encode()
        how = b"keep-alive" if keep else b"close"
        return b"%s%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
            self._date,
            how,
            len(body),
            body,
        )

    def _observed(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception:
            self.log.exception("a decision could not be told")

    # Large bodies

    def _seat(self, conn: Connection) -> None:
        """Give the large body that *conn* sends its room, or have it wait for that."""
        inbox = conn.inbox
        if not conn.patience:
            whole = min(timeout(inbox.head) or self.options.request_deadline, self.options.request_deadline)
            conn.patience = monotonic() + whole / 2
        if conn.refusal:
            if inbox.has_front:
                self._answer_front(conn, conn.refusal)
        elif inbox.length > self._room.capacity:
            if inbox.has_front:
                self._answer_front(conn, f"has {inbox.length:,} bytes, and at most {self._room.capacity:,} are read")
        elif self._room.enter(conn, inbox.length):
            conn.seated = True
        elif inbox.has_front:
            self.unpoll(conn)
            self.hold_less()

    def impatient(self, conn: Connection) -> None:
        """Answer the large request of *conn* by its beginning: there was no room for it, or it does not come."""
        if conn.inbox.has_front:
            why = "was too slow to come" if conn.seated else "found no room beside other large ones"
            self._answer_front(conn, why)
        elif conn.deadline <= monotonic():
            self.dropped("deadline")
            self.forget(conn)

    def _answer_front(self, conn: Connection, unread: str) -> None:
        assert conn.inbox.body is not None  # noqa: S101 - as its callers have seen
        del conn.inbox.body[FRONT:]
        self._leave(conn)
        self.give(conn, partial(self.answer, unread=unread))

    def _leave(self, conn: Connection) -> None:
        """Give the room of *conn* to the connections that wait for it."""
        conn.seated, conn.patience = False, 0.0
        for guest in self._room.leave(conn):
            guest.seated = True
            if guest in self.waiting:
                self.poll(guest)

    def forget(self, conn: Connection) -> None:
        """Close *conn*."""
        super().forget(conn)
        self._leave(conn)

    # And back

    def finish_request(self, conn: Connection, future: "Future[Next]") -> None:
        """Do what a thread has found out must become of *conn*."""
        self.busy -= 1
        after = Next.CLOSE if future.cancelled() or future.exception() else future.result()
        self._leave(conn)
        try:
            conn.rest()
            self._go_on(conn, after)
        except (OSError, ValueError):  # the socket is gone
            self.forget(conn)

    def _go_on(self, conn: Connection, after: Next) -> None:
        if after is Next.WAIT and conn.deadline > monotonic():
            self.wait(conn)
        elif after is Next.KEEP:
            self.keep(conn, self.cfg.keepalive if self.alive else STOP_KEEPALIVE_LINGER)
            if conn.inbox:  # the next request came along with the last
                self._arrived(conn, Arrival.WHOLE if conn.inbox.is_whole() else Arrival.PART)
        elif after is Next.HANG_UP:
            self._hang_up(conn)
        else:
            self.forget(conn)

    def _hang_up(self, conn: Connection) -> None:
        """Say goodbye to *conn*, and read what it still sends, for a little."""
        conn.inbox.drop()
        conn.hang_up()
        conn.deadline = monotonic() + STOP_KEEPALIVE_LINGER
        self._leave(conn)
        conn.leaving = True
        self.wait(conn)
