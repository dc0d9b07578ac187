"""Collects the bytes of one connection and hands out one request at a time, however the network split them."""

import re

# The API server's own head is under 1 KiB; tracing may add two headers.
HEAD_LIMIT = 32 * 1024
SMALL = 256 * 1024  # bytes of a body; a larger one is read when there is room for it
FRONT = 64 * 1024  # bytes of a large body that are read in any case

_LENGTH = re.compile(rb"^content-length[ \t]*:([^\r\n]*)\r$", re.IGNORECASE | re.MULTILINE)
_ENCODING = re.compile(rb"^transfer-encoding[ \t]*:", re.IGNORECASE | re.MULTILINE)
_EXPECT = re.compile(rb"^expect[ \t]*:[ \t]*100-continue[ \t]*\r$", re.IGNORECASE | re.MULTILINE)


class UnsentError(TimeoutError):
    """A read beyond what the client has sent; it is never waited for."""


class Body:
    """A large body as a WSGI application finds it in `wsgi.input`: *data*, and in *unread* why that is not all."""

    def __init__(self, data: bytearray | memoryview, unread: str = "") -> None:
        self.data = data
        self.unread = unread

    def read(self, size: int = -1) -> bytes:
        """Return the body as an ordinary input would, for an application that does not know this class."""
        return bytes(self.data if size < 0 else self.data[:size])


class Inbox:
    """Bytes that have come; the *source* that gunicorn's parser reads from.

    A request is whole when its head and as many bytes as its Content-Length are there. One with a wrong or double
    Content-Length, with a Transfer-Encoding, or with more than HEAD_LIMIT of head is given out as it is, since it is
    going to be refused. A body of more than *small* bytes is collected in `body`, apart from the rest: the parser gets
    its head alone.
    """

    def __init__(self, small: int = SMALL) -> None:
        self._small = small
        self._bytes = bytearray()
        self._searched = self._given = self._head = 0
        self._end = -1  # of what the parser gets, once the head is known
        self.length = 0  # of a large body
        self.body: bytearray | None = None
        self.expects_continue = False  # its client waits for a 100 before it sends the body

    def __len__(self) -> int:
        return len(self._bytes) + (len(self.body) if self.body is not None else 0)

    @property
    def head(self) -> bytes:
        """The head of the request, once it is whole."""
        return bytes(self._bytes[: self._head])

    @property
    def small_body(self) -> bytes:
        """The body of a small request."""
        return bytes(self._bytes[self._head : self._end])

    @property
    def has_front(self) -> bool:
        """Whether as much of a large body is there as is read in any case."""
        return self.body is not None and len(self.body) >= min(FRONT, self.length)

    def put(self, data: bytes | bytearray) -> None:
        """Add what has come."""
        if self.body is None:
            self._bytes += data
            return
        missing = self.length - len(self.body)
        self.body += data[:missing]
        self._bytes += data[missing:]

    def is_whole(self) -> bool:
        """Whether a request can be given out."""
        if self._end < 0:
            self._find_end()
        if self.body is not None and len(self.body) < self.length:
            return False
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
        del self._bytes[: self._end]
        self._searched = self._given = self._head = self.length = 0
        self._end = -1
        self.body = None
        self.expects_continue = False

    def _find_end(self) -> None:
        found = self._bytes.find(b"\r\n\r\n", self._searched)
        if found < 0:
            self._searched = max(0, len(self._bytes) - 3)
            if len(self._bytes) > HEAD_LIMIT:
                self._end = len(self._bytes)
            return
        self._head = found + 4
        head = bytes(self._bytes[: self._head])
        length = _body_length(head)
        self.expects_continue = length > 0 and _EXPECT.search(head) is not None
        if length <= self._small:
            self._end = self._head + length
            return
        self._end, self.length, self.body = self._head, length, bytearray()
        came = self._bytes[self._head :]
        del self._bytes[self._head :]
        self.put(came)


def _body_length(head: bytes) -> int:
    lengths = [length.strip(b" \t") for length in _LENGTH.findall(head)]
    if len(lengths) != 1 or not lengths[0].isdigit() or _ENCODING.search(head):
        return 0
    return int(lengths[0][:18])
