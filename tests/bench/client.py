"""Clients of a webhook as an API server is one: kept TLS connections, a request at a time on each."""

import selectors
import socket
import ssl
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send what."""

    port: int
    ca: str
    request: bytes


def request(path: str, body: bytes) -> bytes:
    """Return a request as an API server sends it."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        "User-Agent: kube-apiserver-admission",
        f"Content-Length: {len(body)}",
        "Accept: application/json, */*",
        "Content-Type: application/json",
        "Accept-Encoding: gzip",
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def connect(target: Target, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Return a connection after its handshake."""
    raw = socket.create_connection(("127.0.0.1", target.port), 30)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw, server_hostname="localhost")


def trusting(target: Target) -> ssl.SSLContext:
    """Return a context that trusts the server of *target*."""
    return ssl.create_default_context(cafile=target.ca)


class Answer:
    """Bytes of one answer as they come; a 200 is the only one that is taken."""

    def __init__(self) -> None:
        self._bytes, self._whole = b"", 0

    def fed(self, data: bytes) -> bool:
        """Take *data*, and return whether the answer is whole."""
        self._bytes += data
        if not self._whole and (end := self._bytes.find(b"\r\n\r\n")) >= 0:
            assert self._bytes.startswith(b"HTTP/1.1 200"), self._bytes[:200]
            at = self._bytes.lower().index(b"content-length:") + 15
            self._whole = end + 4 + int(self._bytes[at : self._bytes.index(b"\r\n", at)])
        return 0 < self._whole <= len(self._bytes)


def exchange(sock: ssl.SSLSocket, data: bytes) -> None:
    """Send *data* and read the whole answer."""
    sock.sendall(data)
    answer = Answer()
    while not answer.fed(received := sock.recv(65536)):
        assert received, "closed before the whole answer came"


def drive(target: Target, connections: int, seconds: float) -> list[float]:
    """Keep a request in flight on each of *connections* for *seconds*; return the seconds that each answer took."""
    context, took = trusting(target), list[float]()
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        socks = []
        for _ in range(connections):
            socks.append(stack.enter_context(connect(target, context)))
            exchange(socks[-1], target.request)  # whatever the first costs; a silent one would hold a thread of gthread
        if connections == 1:
            return _in_line(socks[0], target.request, seconds)
        answers = dict[int, tuple[float, Answer]]()
        for sock in socks:
            selector.register(sock, selectors.EVENT_READ, sock)
            answers[sock.fileno()] = (time.perf_counter(), Answer())
            sock.sendall(target.request)
        end = time.perf_counter() + seconds
        while answers:
            for key, _ in selector.select(10):
                sock = key.data
                began, answer = answers[key.fd]
                data = sock.recv(65536)
                assert data, "closed before the whole answer came"
                if not answer.fed(data):
                    continue
                now = time.perf_counter()
                took.append(now - began)
                if now < end:
                    answers[key.fd] = (now, Answer())
                    sock.sendall(target.request)
                else:
                    del answers[key.fd]
    return took


def _in_line(sock: ssl.SSLSocket, data: bytes, seconds: float) -> list[float]:
    took, end = list[float](), time.perf_counter() + seconds
    while (began := time.perf_counter()) < end:
        exchange(sock, data)
        took.append(time.perf_counter() - began)
    return took


def press(target: Target, connections: int, seconds: float) -> int:
    """Send over *connections* for *seconds*, reconnect where the server closes, and return how many were answered."""
    end, done = time.perf_counter() + seconds, list[int]()

    def ask() -> None:
        while time.perf_counter() < end:
            with suppress(OSError, AssertionError), connect(target, trusting(target)) as sock:
                while time.perf_counter() < end:
                    exchange(sock, target.request)
                    done.append(1)

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(done)


def shake(target: Target, seconds: float) -> int:
    """Make new connections with one request each, one after the other, for *seconds*; return how many."""
    context, end, done = trusting(target), time.perf_counter() + seconds, 0
    while time.perf_counter() < end:
        with connect(target, context) as sock:
            exchange(sock, target.request)
        done += 1
    return done
