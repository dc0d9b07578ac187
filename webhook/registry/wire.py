"""One GET on one connection: the address is checked when it is dialled; time and bytes have one limit for all of it.

Nothing here follows a redirect, uses a proxy, decompresses, keeps a cookie or tries again.
"""

import contextlib
import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address

import msgspec

from webhook.registry.hosts import Origin, is_dialled

SECONDS = 2.0  # for one request, from dialling to the last byte: a stalled registry costs no more
_HEAD = 64 * 1024  # bytes of status line, headers and chunk sizes, beside the body

Resolve = Callable[[str, int], list[tuple[socket.AddressFamily, str]]]


class WireError(OSError):
    """No answer that can be used; the text says why and holds no header."""


class Reply(msgspec.Struct, frozen=True):
    """An answer, with its body whole."""

    status: int
    headers: Mapping[str, str]  # by lower-case names; of several of one name the first
    body: bytes
    challenges: tuple[str, ...] = ()  # each WWW-Authenticate


def resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    """Return the addresses of *host*, as the system finds them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, str(address[0])) for family, _, _, _, address in found]


class Wire:
    """Sends GET requests, each on a connection of its own."""

    def __init__(
        self,
        tls: ssl.SSLContext,
        *,
        seconds: float = SECONDS,
        resolve: Resolve = resolve,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tls = tls
        self._seconds = seconds
        self._resolve = resolve
        self._clock = clock

    def get(self, origin: Origin, target: str, headers: Mapping[str, str], limit: int) -> Reply:
        """Ask *origin* for *target*, a path with its query; raises WireError, also for a body of over *limit* bytes."""
        until = self._clock() + self._seconds
        try:
            with contextlib.closing(self._dial(origin, until)) as sock:
                return _exchange(_Line(sock, until, self._clock, limit + _HEAD), origin, target, headers, limit)
        except TimeoutError:
            raise WireError(f"{origin.netloc} did not answer within {self._seconds:g} s") from None
        except http.client.HTTPException as error:  # its text may hold what the server sent
            raise WireError(f"{origin.netloc} does not speak HTTP: {type(error).__name__}") from None
        except WireError:
            raise
        except (OSError, ValueError) as error:
            raise WireError(f"{origin.netloc}: {_reason(error)}") from None

    def _dial(self, origin: Origin, until: float) -> socket.socket:
        found = self._resolve(origin.host, origin.port)
        allowed = [(family, text) for family, text in found if is_dialled(origin.host, ip_address(text.split("%")[0]))]
        if not allowed:
            raise WireError(f"{origin.host} leads to an address that airlock never asks")
        failure: OSError | None = None
        for family, address in allowed:
            sock = socket.socket(family, socket.SOCK_STREAM)
            try:
                sock.settimeout(self._left(until))
                sock.connect((address, origin.port))
                return sock if origin.scheme == "http" else self._secured(sock, origin.host, until)
            except OSError as error:
                sock.close()
                failure = error
        assert failure is not None  # noqa: S101 - there was an address, and it failed
        raise failure

    def _secured(self, sock: socket.socket, host: str, until: float) -> ssl.SSLSocket:
        sock.settimeout(self._left(until))  # for the whole handshake, as ssl counts it
        return self._tls.wrap_socket(sock, server_hostname=host)

    def _left(self, until: float) -> float:
        left = until - self._clock()
        if left <= 0:
            raise TimeoutError
        return left


class _Line(io.RawIOBase):
    """What http.client takes for a socket: reads what is left of the bytes, within what is left of the time."""

    def __init__(self, sock: socket.socket, until: float, clock: Callable[[], float], room: int) -> None:
        self._sock = sock
        self._until = until
        self._clock = clock
        self._room = room

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return the file that http.client reads."""
        return io.BufferedReader(self)

    def sendall(self, data: bytes) -> None:
        """Send *data* within the time."""
        self._rearm()
        self._sock.sendall(data)

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # Buffer is of 3.12
        """Read into *buffer*."""
        self._rearm()
        count = self._sock.recv_into(buffer)
        self._room -= count
        if self._room < 0:
            raise WireError("the answer is longer than airlock reads")
        return count

    def _rearm(self) -> None:
        left = self._until - self._clock()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)


def _exchange(line: _Line, origin: Origin, target: str, headers: Mapping[str, str], limit: int) -> Reply:
    given = {"Host": origin.netloc, "Accept-Encoding": "identity", "Connection": "close", **headers}
    if any(not _is_plain(text) for text in (target, *given.values())) or " " in target:
        raise WireError("the request would hold a character that HTTP does not allow")
    lines = [f"GET {target} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items()), "", ""]
    line.sendall("\r\n".join(lines).encode("ascii"))
    response = http.client.HTTPResponse(line, method="GET")  # type: ignore[arg-type]  # as much of a socket as it uses
    try:
        response.begin()
        length = response.getheader("Content-Length") or ""
        if length.isascii() and length.isdigit() and int(length[:20]) > limit:
            raise WireError(f"{origin.netloc} announces {length[:20]} bytes, more than {limit}")
        body = response.read(limit + 1)
        if len(body) > limit:
            raise WireError(f"{origin.netloc} sends more than {limit} bytes")
        if response.length:
            raise WireError(f"{origin.netloc} broke off")
        found: dict[str, str] = {}
        for name, value in response.getheaders():
            found.setdefault(name.lower(), value)
        challenges = tuple(response.headers.get_all("WWW-Authenticate") or ())
        return Reply(response.status, found, body, challenges)
    finally:
        response.close()


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason or type(error).__name__}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
