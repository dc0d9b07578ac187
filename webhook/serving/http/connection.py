"""One client's connection: its bytes are taken as they come, and a request is begun when all of it is there.

Nothing in here waits for a client to send, so no client can hold a thread by sending slowly or not at all.
"""

import re
import socket
import ssl
from contextlib import suppress
from enum import Enum, auto
from typing import Any

from webhook.serving.http.tls import DeadlineSocket

# The API server's own head is under 1 KiB; tracing may add two headers.
HEAD_LIMIT = 32 * 1024
Address = tuple[Any, ...]  # what the socket's family makes of it; host and port come first
_PIECE = 64 * 1024  # more than a TLS record (16 KiB), so that nothing stays behind in OpenSSL, unseen by the poller
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LENGTH = re.compile(rb"^content-length[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r$", re.IGNORECASE | re.MULTILINE)
_ENCODING = re.compile(rb"^transfer-encoding[ \t]*:", re.IGNORECASE | re.MULTILINE)
_EXPECT = re.compile(rb"^expect[ \t]*:[ \t]*100-continue[ \t]*\r$", re.IGNORECASE | re.MULTILINE)


class UnsentError(TimeoutError):
    """A read beyond what the client has sent; it is never waited for."""


class GoneError(ConnectionError):
    """The client has hung up between or within requests."""


class Arrival(Enum):
    """What has come from a client so far."""

    WHOLE = auto()  # a request
    PART = auto()  # of a handshake or of a request
    NOTHING = auto()  # the handshake is done, and no request has begun


class Inbox:
    """Bytes that have come, given out one request at a time; the *source* that gunicorn's parser reads from.

    A request is whole when its head and as many bytes as its Content-Length are there. One with a wrong or double
    Content-Length, with a Transfer-Encoding, with more than *body_limit* bytes of body or more than HEAD_LIMIT of head
    is given out as it is, since it is going to be refused.
    """

    def __init__(self, body_limit: int) -> None:
        self._body_limit = body_limit
        self._bytes = bytearray()
        self._searched = self._given = 0
        self._end = -1  # of the request, once its head is known
        self.expects_continue = False  # its client waits for a 100 before it sends the body

    def __len__(self) -> int:
        return len(self._bytes)

    def put(self, data: bytes) -> None:
        """Add what has come."""
        self._bytes += data

    def is_whole(self) -> bool:
        """Whether a request can be given out."""
        if self._end < 0:
            self._find_end()
        return 0 <= self._end <= len(self._bytes)

    def recv(self, size: int) -> bytes:
        """Give out at most *size* bytes of the request; raises UnsentError when all that came of it has been given."""
        stop = min(self._given + size, self._end, len(self._bytes))
        if stop <= self._given:
            raise UnsentError("the request ends before what it announces")
        data = bytes(self._bytes[self._given : stop])
        self._given = stop
        return data

    def drop(self) -> None:
        """Forget the request that was given out."""
        self._bytes = self._bytes[self._end :]
        self._searched = self._given = 0
        self._end = -1
        self.expects_continue = False

    def _find_end(self) -> None:
        found = self._bytes.find(b"\r\n\r\n", self._searched)
        if found < 0:
            self._searched = max(0, len(self._bytes) - 3)
            if len(self._bytes) > HEAD_LIMIT:
                self._end = len(self._bytes)
            return
        head = bytes(self._bytes[: found + 4])
        length = _body_length(head)
        self._end = len(head) + (length if length <= self._body_limit else 0)
        self.expects_continue = length > 0 and _EXPECT.search(head) is not None


def _body_length(head: bytes) -> int:
    lengths = _LENGTH.findall(head)
    if len(lengths) != 1 or not lengths[0].isdigit() or len(lengths[0]) > 18 or _ENCODING.search(head):  # noqa: PLR2004 - digits
        return 0
    return int(lengths[0])


class Connection:
    """A client's socket and what has come over it; has the attributes that gunicorn's gthread worker expects.

    *deadline* (`time.monotonic()`) is when what is expected now has to be there: the handshake, a whole request, or
    after the last answer the client's own end. *timeout* is the same for an idle, kept-alive connection.
    """

    def __init__(self, sock: socket.socket, client: Address, server: Address, deadline: float, body_limit: int) -> None:
        self.sock = sock
        self.client = client
        self.server = server
        self.deadline = self.timeout = deadline
        self.inbox = Inbox(body_limit)
        self.parser: Any = None  # gunicorn's; made with the first request
        self.begun = False  # a first byte has come
        self._shaken = False
        self._continued = False
        sock.settimeout(0)

    def receive(self, context: ssl.SSLContext) -> Arrival:
        """Take what has come, without waiting; the first time, begin TLS under *context*.

        Raises GoneError, ssl.SSLError and other OSErrors.
        """
        if not self.begun:
            self.begun = True
            self.sock = context.wrap_socket(self.sock, server_side=True, do_handshake_on_connect=False)
        fresh = not self._shaken
        try:
            self._shake()
            self._read()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return Arrival.NOTHING if fresh and self._shaken and not self.inbox else Arrival.PART
        return Arrival.WHOLE

    @property
    def shaken(self) -> bool:
        """Whether the TLS handshake is done."""
        return self._shaken

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
            if isinstance(self.sock, DeadlineSocket) and self._shaken:
                self.sock.unwrap()  # sends close_notify; raises since the client's own has not come yet
        with suppress(OSError):
            self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close the socket."""
        with suppress(OSError):
            self.sock.close()

    def _shake(self) -> None:
        if not self._shaken and isinstance(self.sock, ssl.SSLSocket):
            self.sock.do_handshake()
            self._shaken = True

    def _read(self) -> None:
        while not self.inbox.is_whole():
            if self.inbox.expects_continue and not self._continued:
                self._continued = True
                self.sock.send(_CONTINUE)
            data = self.sock.recv(_PIECE)
            if not data:
                raise GoneError
            self.inbox.put(data)
