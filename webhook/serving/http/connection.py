"""One client's connection: it takes the bytes as they arrive, and never waits for a client to send."""

import socket
import ssl
from contextlib import suppress
from enum import Enum, auto
from typing import Any

from webhook.serving.http import clients, hello
from webhook.serving.http.inbox import Inbox
from webhook.serving.http.tls import DeadlineSocket

Address = tuple[Any, ...]  # what the socket's family makes of it; host and port come first
RECORDS = 8  # of TLS that are read before others get their turn
_PIECE = 64 * 1024  # more than a TLS record (16 KiB), so that nothing stays behind in OpenSSL, unseen by the poller
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class GoneError(ConnectionError):
    """The client has hung up between or within requests."""


class Arrival(Enum):
    """What has come from a client so far."""

    WHOLE = auto()  # a request
    PART = auto()  # of a request
    NOTHING = auto()  # of the next request


class Connection:
    """A client's socket and what has come over it; has the attributes that gunicorn's gthread worker expects.

    *deadline* (`time.monotonic()`) is when what is expected now has to be there: the handshake, a whole request, or
    after the last answer the client's own end. *timeout* is the same for an idle, kept-alive connection, and *patience*
    is until when a large body may come or wait before it is answered unread.
    """

    def __init__(self, sock: socket.socket, client: Address, server: Address, deadline: float) -> None:
        self.sock = sock
        self.client = client
        self.server = server
        self.deadline = self.timeout = deadline
        self.patience = 0.0
        self.inbox = Inbox()
        self.parser: Any = None  # gunicorn's; made with the first request
        self.begun = False  # TLS has begun
        self.shaken = False  # and its handshake is done
        self.seated = False  # its large body has room
        self.leaving = False  # all is said, and its own end is waited for
        self._continued = False
        sock.settimeout(0)

    def greets(self) -> bool:
        """Whether TLS can begin; otherwise the poller reports the socket again when enough has come.

        Raises GoneError when the client has ended, and other OSErrors.
        """
        came = self.sock.recv(hello.MOST, socket.MSG_PEEK)
        if not came:
            raise GoneError
        missing = hello.needed(came)
        if missing <= len(came):
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            return True
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, missing)
        return False

    def shake(self, context: ssl.SSLContext) -> bool:
        """Go on with the handshake, the first time under *context*; return whether it is done.

        Raises ssl.SSLError and other OSErrors.
        """
        if not self.begun:
            self.begun = True
            self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        with suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            self.sock.do_handshake()  # type: ignore[attr-defined] # an SSLSocket by now
            self.shaken = True
        return self.shaken

    def check_client(self, allowed: frozenset[str]) -> None:
        """Find out whether the client's certificate lets it ask; *allowed* are the names for that, or none for any."""
        if isinstance(self.sock, DeadlineSocket):
            self.sock.refusal = clients.refusal(self.sock.getpeercert(), allowed)

    @property
    def refusal(self) -> str:
        """Why the client may not ask; the application finds the same at `gunicorn.socket` of its environment."""
        return self.sock.refusal if isinstance(self.sock, DeadlineSocket) else ""

    def read(self) -> Arrival:
        """Take what has come of a request, and no more than a few records of it.

        Raises GoneError, ssl.SSLError and other OSErrors.
        """
        inbox = self.inbox
        try:
            for _ in range(RECORDS):
                data = self.sock.read(_PIECE)  # type: ignore[attr-defined] # an SSLSocket by now: recv is a call more
                if not data:
                    raise GoneError
                inbox.put(data)
                if inbox.is_whole():
                    return Arrival.WHOLE
                if inbox.expects_continue and not self._continued:
                    self._continued = True
                    self.sock.send(_CONTINUE)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        return Arrival.PART  # if not of a request, of a TLS record

    def has_left(self) -> bool:
        """Whether a client has closed too after our goodbye; drops what it still sends, TLS or not."""
        try:
            return not socket.socket.recv(self.sock, _PIECE)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def send(self, data: bytes) -> int:
        """Send as much of *data* as the socket takes without waiting; return how much that was."""
        try:
            return self.sock.write(data)  # type: ignore[attr-defined,no-any-return] # as in `read`
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def answer_within(self, seconds: float) -> None:
        """Give the client *seconds* to take the answer, all of it, from its first byte on."""
        if isinstance(self.sock, DeadlineSocket):
            self.sock.patience, self.sock.deadline = seconds, None

    def rest(self) -> None:
        """Stop waiting in sends, so that the connection can go back to the poller."""
        self.sock.settimeout(0)
        if isinstance(self.sock, DeadlineSocket):
            self.sock.patience = None
        self._continued = False

    def hang_up(self) -> None:
        """Say that nothing more will be sent, in TLS and in TCP, and leave the other direction open."""
        with suppress(OSError, ValueError):
            if isinstance(self.sock, DeadlineSocket) and self.shaken:
                self.sock.unwrap()  # sends close_notify; raises since the client's own has not come yet
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        with suppress(OSError):
            self.sock.close()
