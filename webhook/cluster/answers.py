"""Answers of an API server: whole ones, unparsed pages, the events of a watch, and errors when none comes."""

import json
import ssl
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import msgspec
from kubernetes.client import ApiException
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError

from webhook.pods import skim

# An API server takes objects of up to 3 MiB, which JSON may make six times as long (`<` is \u003c): one always fits.
LARGEST = 24 * 1024 * 1024  # bytes of a page
_PIECE = 64 * 1024  # bytes
_GZIP = 16 + zlib.MAX_WBITS


class UnreachableError(OSError):
    """There was no answer: the connection was refused, cut or silent for too long."""


class Answer(msgspec.Struct, frozen=True):
    """What the API server said: an object, or a Status that tells what is wrong."""

    status: int
    body: Any
    retry_after: float | None = None  # seconds

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def why(self) -> str:
        """The message of an error."""
        text = str(self.body.get("message", "")) if isinstance(self.body, dict) else str(self.body)
        anonymous = self.status == HTTPStatus.FORBIDDEN and '"system:anonymous"' in text
        if anonymous or self.status == HTTPStatus.UNAUTHORIZED:
            return f"{text} (no credentials came with the request, or none that the API server knows)"
        return text


class Page(msgspec.Struct, frozen=True):
    """What the API server said, not parsed: for lists, where little is needed."""

    status: int
    data: bytes
    retry_after: float | None = None  # seconds

    @property
    def why(self) -> str:
        """The message of an error."""
        return Answer(self.status, _parsed(self.data)).why


class Change(msgspec.Struct, frozen=True):
    """An event of a watch; the object is not parsed, since of most little is needed."""

    type: str
    object: msgspec.Raw


_changes = msgspec.json.Decoder(Change)


class Lines:
    """The events of a watch, a line of JSON each; iterating raises UnreachableError when the connection breaks."""

    def __init__(self, response: HTTPResponse, refusal: Answer | None, deadline: float) -> None:
        self.refusal = refusal
        self._response = response
        self._deadline = deadline

    def __iter__(self) -> Iterator[Change]:
        rest = b""
        try:
            for chunk in self._response.stream():
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (skim.decode(_changes, line) for line in lines)
                self._rearm()
        except HTTPError as error:
            raise UnreachableError(told(error)) from error
        if rest:
            raise UnreachableError("the watch ended within a line")

    def close(self) -> None:
        """Let go of the connection, which serves again if the watch was read to its end."""
        self._response.close()

    def interrupt(self) -> None:
        """End the watch from another thread than the one that reads it."""
        with suppress(OSError, ValueError, RuntimeError):  # it is over already
            self._response.shutdown()

    def _rearm(self) -> None:
        """Have the next read end when the whole watch should, not as long after the last line again."""
        sock = getattr(self._response.connection, "sock", None)
        if sock is not None:
            sock.settimeout(max(0.1, self._deadline - time.monotonic()))


def answer_of(response: HTTPResponse) -> Answer:
    """Return the whole answer in *response*; raises UnreachableError when it breaks off."""
    return Answer(response.status, _parsed(data_of(response)), retry_after_of(response))


def page_of(response: HTTPResponse, most: int = LARGEST) -> Page:
    """Return the answer in *response*, not parsed; raises UnreachableError when it breaks off.

    In place of one with more than *most* bytes stands a 413 (content too large).
    """
    data = _data_within(response, most)
    if data is None:
        text = json.dumps({"message": f"the answer has more than {most} bytes"})
        return Page(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text.encode())
    return Page(response.status, data, retry_after_of(response))


def _data_within(response: HTTPResponse, most: int) -> bytes | None:
    """Return the bytes of *response*, unpacked; None when there are more than *most*, and then the rest is not read."""
    unpacker = zlib.decompressobj(_GZIP) if response.headers.get("Content-Encoding") == "gzip" else None
    pieces, room = list[bytes](), most + 1
    try:
        for piece in response.stream(_PIECE, decode_content=False):
            pieces.append(piece if unpacker is None else unpacker.decompress(piece, room))
            room -= len(pieces[-1])
            if room <= 0:
                return None
    except (HTTPError, zlib.error) as error:
        raise UnreachableError(told(error)) from error
    if unpacker is not None and not unpacker.eof:
        raise UnreachableError("the answer ended before its end")
    return b"".join(pieces)


def data_of(response: HTTPResponse) -> bytes:
    """Return the bytes of *response*; raises UnreachableError when it breaks off."""
    try:
        return response.read()
    except HTTPError as error:
        raise UnreachableError(told(error)) from error


def _parsed(data: bytes) -> Any:  # noqa: ANN401  # JSON
    try:
        return json.loads(data)
    except RecursionError:  # managedFields nest as deeply as they like
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return skim.value(data)
        return data[:200].decode(errors="replace")
    except ValueError:  # from a proxy, or a server that stops
        return data[:200].decode(errors="replace")


def retry_after_of(response: HTTPResponse) -> float | None:
    """Return for how many seconds the server wants to be left alone; None when it does not say."""
    after = response.headers.get("Retry-After", "")
    return float(after) if after.isascii() and after.isdigit() else None


def told(error: Exception) -> str:
    """Return what the innermost cause says: urllib3 wraps it, and repeats the address."""
    while (cause := getattr(error, "reason", None) or error.__cause__) and isinstance(cause, Exception):
        error = cause
    # The client reports a connection that failed as "(0)\nReason: SSLError\n[SSL: ...] ...\n".
    text = error.reason if isinstance(error, ApiException) and not error.status else error
    if isinstance(error, OSError) and error.errno and error.strerror and not isinstance(error, ssl.SSLError):
        text = f"{error.strerror.lower()} ({error.filename})" if error.filename else error.strerror.lower()
    return str(text).strip().rpartition("\n")[2] or type(error).__name__
