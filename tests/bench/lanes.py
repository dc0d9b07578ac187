"""Both paths over TLS beside a constant Flask route under stock gunicorn, and the decision beside `json.loads`."""

import multiprocessing
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console

from certs.names import parse_names
from certs.store import ensure_self_signed
from tests.harness.control_plane.ports import free
from tests.harness.server import serving, wait_for

ROUNDS = 5
SECONDS = 1.5  # of a measurement; one and the other take turns, so that what disturbs one disturbs both
MANY = 16  # connections
PROCESSES = 2  # that send


@dataclass(frozen=True, slots=True)
class Target:
    """Where to send what."""

    port: int
    ca: str
    request: bytes


class Measured(NamedTuple):
    """What one connection has seen."""

    median: float  # seconds
    requests: int


class Promise(NamedTuple):
    """A ratio that is promised, and what it was."""

    name: str
    ratio: float
    bound: float
    at_most: bool

    @property
    def kept(self) -> bool:
        """Whether it is as promised."""
        return self.ratio <= self.bound if self.at_most else self.ratio >= self.bound


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


def connect(target: Target) -> ssl.SSLSocket:
    """Return a connection that is kept."""
    raw = socket.create_connection(("127.0.0.1", target.port), 30)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return ssl.create_default_context(cafile=target.ca).wrap_socket(raw, server_hostname="localhost")


def one(target: Target) -> Measured:
    """Send over one connection, one request after the other."""
    took = []
    with connect(target) as sock:
        exchange(sock, target.request)
        end = time.perf_counter() + SECONDS
        while (began := time.perf_counter()) < end:
            exchange(sock, target.request)
            took.append(time.perf_counter() - began)
    return Measured(statistics.median(took), len(took))


def several(target: Target, connections: int) -> int:
    """Send over *connections* at once from this process; return how many were answered."""
    socks = [connect(target) for _ in range(connections)]
    done, end = 0, time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        for sock in socks:
            sock.sendall(target.request)
        for sock in socks:
            receive(sock)
            done += 1
    for sock in socks:
        sock.close()
    return done


def exchange(sock: ssl.SSLSocket, data: bytes) -> None:
    """Send *data* and read the whole answer, which must be a 200."""
    sock.sendall(data)
    receive(sock)


def receive(sock: ssl.SSLSocket) -> None:
    """Read one answer."""
    answer = b""
    while (end := answer.find(b"\r\n\r\n")) < 0:
        answer += sock.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
    at = answer.lower().index(b"content-length:") + 15
    length = int(answer[at : answer.index(b"\r\n", at)])
    while len(answer) < end + 4 + length:
        answer += sock.recv(65536)


@contextmanager
def stock(folder: Path) -> Iterator[tuple[int, str]]:
    """Run a Flask route that answers with a constant under gunicorn's own gthread worker; yields port and CA."""
    ensure_self_signed(folder, parse_names(["localhost"]), datetime.now(UTC))
    [port] = free(1)
    options = ["-k", "gthread", "-w", "1", "--threads", "16", "--keep-alive", "120", "--no-control-socket"]
    tls = ["--certfile", str(folder / "tls.crt"), "--keyfile", str(folder / "tls.key"), "-b", f"127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", *options, *tls, "tests.bench.stock_app:app"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(lambda: _accepts(port), 20, "stock gunicorn")
            yield port, str(folder / "ca.crt")
        finally:
            process.terminate()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def in_turns(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float, float]:
    """Return the medians of both, and the median of their ratios round by round."""
    pairs = [(first(), second()) for _ in range(ROUNDS)]
    mine, theirs = zip(*pairs, strict=True)
    return statistics.median(mine), statistics.median(theirs), statistics.median(a / b for a, b in pairs)


def measure(body: bytes, nothing: bytes, documents: dict[str, str]) -> Iterator[tuple[str, Promise]]:
    """Yield a line and a promise for each comparison: *body* is a review, *nothing* one with nothing to inject."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        arguments = []
        for name, text in documents.items():
            (root / f"{name}.yaml").write_text(text)
            arguments += [f"--{name}", str(root / f"{name}.yaml")]
        for name in ("a", "b"):
            (root / name).mkdir()
        context = multiprocessing.get_context("spawn")
        with (
            serving(root / "a", *arguments) as airlock,
            stock(root / "b") as (port, ca),
            context.Pool(PROCESSES) as pool,
        ):
            validate = Target(airlock.port, str(airlock.ca), request("/validate?timeout=2s", body))
            mutate = Target(airlock.port, str(airlock.ca), request("/mutate?timeout=2s", nothing))
            unpatched = Target(airlock.port, str(airlock.ca), request("/validate?timeout=2s", nothing))
            constant = Target(port, ca, request("/", body))

            def latency(target: Target) -> float:
                return pool.apply(one, (target,)).median * 1e6

            def rate(target: Target) -> float:
                share = MANY // PROCESSES
                return sum(pool.starmap(several, [(target, share)] * PROCESSES, chunksize=1)) / SECONDS

            mine, theirs, ratio = in_turns(lambda: latency(validate), lambda: latency(constant))
            line = f"1 connection: /validate {mine:.0f} µs, constant Flask route under stock gthread {theirs:.0f} µs"
            yield line, Promise("latency", ratio, 0.65, at_most=True)
            mine, theirs, ratio = in_turns(lambda: latency(mutate), lambda: latency(unpatched))
            line = f"nothing to inject: /mutate {mine:.0f} µs, /validate {theirs:.0f} µs"
            yield line, Promise("mutate", ratio, 1.1, at_most=True)  # a tenth is noise
            mine, theirs, ratio = in_turns(lambda: rate(validate), lambda: rate(constant))
            line = f"{MANY} connections: /validate {mine:.0f} /s, constant Flask route {theirs:.0f} /s"
            yield line, Promise("requests", ratio, 1.5, at_most=False)


def report(console: Console, body: bytes, documents: dict[str, str]) -> None:
    """Print what was measured."""
    for line, promise in measure(body, body, documents):
        console.print(line)
        how = "at most" if promise.at_most else "at least"
        verdict = "" if promise.kept else "  [bold red]not kept[/]"
        console.print(f"  ratio [bold]{promise.ratio:.2f}[/]  ({how} {promise.bound} is promised){verdict}")
