"""A server on loopback that sends what a test tells it to, byte by byte, and records the requests."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from tests.harness.control_plane.ports import LOOPBACK


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    target: str
    headers: dict[str, str]  # by lower-case names


Answer = Callable[[Asked], Iterator[bytes]]


@dataclass
class Hostile:
    """Where it listens, HOST:PORT, what it was asked, and how many bytes it got rid of."""

    address: str
    asked: list[Asked] = field(default_factory=list)
    sent: int = 0


@contextlib.contextmanager
def hostile(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Hostile]:
    """Serve what *answer* yields until the client has gone, with TLS by *tls*."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        server = Hostile(f"{LOOPBACK}:{listener.getsockname()[1]}")
        over = threading.Event()
        threads = [threading.Thread(target=_accept, args=(listener, server, answer, over, tls))]
        threads[0].start()
        try:
            yield server
        finally:
            over.set()
            with contextlib.suppress(OSError), socket.create_connection(listener.getsockname(), timeout=1):
                pass  # wakes it
            threads[0].join()


def _accept(
    listener: socket.socket, server: Hostile, answer: Answer, over: threading.Event, tls: ssl.SSLContext | None
) -> None:
    while True:
        plain, _ = listener.accept()
        with plain, contextlib.suppress(OSError):
            if over.is_set():
                return
            plain.settimeout(30)
            with plain if tls is None else tls.wrap_socket(plain, server_side=True) as connection:
                _serve(connection, server, answer)


def _serve(connection: socket.socket, server: Hostile, answer: Answer) -> None:
    with connection.makefile("rb") as file:
        target = file.readline().decode().split(" ")[1]
        headers: dict[str, str] = {}
        while line := file.readline().strip():
            name, _, value = line.decode().partition(":")
            headers[name.lower()] = value.strip()
        server.asked.append(Asked(target, headers))
        for chunk in answer(server.asked[-1]):
            connection.sendall(chunk)
            server.sent += len(chunk)


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Return a whole answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def endless(head: bytes, chunk: bytes) -> Iterator[bytes]:
    """Yield *head*, then *chunk* for ever."""
    yield head
    for _ in count():
        yield chunk
