"""The servers that are compared: airlock, and constants under gunicorn's own gthread worker with the same settings."""

import multiprocessing
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from certs.names import parse_names
from certs.store import ensure_self_signed
from tests.bench.client import Target, drive, press, request, shake
from tests.bench.told import quantile
from tests.figures.process import cpu
from tests.harness.control_plane.ports import free
from tests.harness.server import Server, serving
from tests.harness.waiting import until

PROCESSES = 2  # that send, when there is more than one connection


@dataclass(frozen=True, slots=True)
class Contender:
    """A server and what it is asked."""

    name: str
    target: Target
    pid: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What one turn has shown, with times in seconds."""

    p50: float
    p95: float
    p99: float
    rate: float  # requests a second
    cpu: float  # of the server for a request


@contextmanager
def airlock(folder: Path, documents: dict[str, str]) -> Iterator[Server]:
    """Run `airlock serve` on *documents*."""
    arguments = []
    folder.mkdir()
    for name, text in documents.items():
        (folder / f"{name}.yaml").write_text(text)
        arguments += [f"--{name}", str(folder / f"{name}.yaml")]
    with serving(folder, *arguments) as server:
        yield server


def asked(server: Server, path: str, body: bytes) -> Contender:
    """Return *server* with a review in *body* for *path*."""
    target = Target(server.port, str(server.ca), request(f"{path}?timeout=2s", body))
    return Contender(f"airlock {path}", target, server.process.pid)


@contextmanager
def stock(folder: Path, app: str, name: str, body: bytes) -> Iterator[Contender]:
    """Run *app* of `tests.bench.stock_app` under gthread, with as many threads as airlock has."""
    folder.mkdir()
    ensure_self_signed(folder, parse_names(["localhost"]), datetime.now(UTC))
    [port] = free(1)
    options = ["-k", "gthread", "-w", "1", "--threads", "16", "--keep-alive", "120", "--no-control-socket"]
    tls = ["--certfile", str(folder / "tls.crt"), "--keyfile", str(folder / "tls.key"), "-b", f"127.0.0.1:{port}"]
    command = [sys.executable, "-m", "gunicorn", *options, *tls, f"tests.bench.stock_app:{app}"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: _accepts(port), "stock gunicorn")
            yield Contender(name, Target(port, str(folder / "ca.crt"), request("/", body)), process.pid)
        finally:
            process.terminate()


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Clients:
    """Processes that send."""

    def __init__(self) -> None:
        self._pool = multiprocessing.get_context("spawn").Pool(PROCESSES)

    def close(self) -> None:
        """End them."""
        self._pool.terminate()
        self._pool.join()

    def turn(self, who: Contender, connections: int, seconds: float) -> Measured:
        """Ask *who* over so many *connections* for *seconds*."""
        share = -(-connections // PROCESSES) if connections > 1 else 1
        sending = min(PROCESSES, connections)
        before = cpu(who.pid)
        parts = self._pool.starmap(drive, [(who.target, share, seconds)] * sending, chunksize=1)
        took = [one for part in parts for one in part]
        spent = (cpu(who.pid) - before) / len(took)
        return Measured(quantile(took, 50), quantile(took, 95), quantile(took, 99), len(took) / seconds, spent)

    def shaken(self, who: Contender, seconds: float) -> tuple[float, float]:
        """Return new connections a second, each with a request, and the server's seconds of processor for each."""
        before = cpu(who.pid)
        done = sum(self._pool.starmap(shake, [(who.target, seconds)] * PROCESSES, chunksize=1))
        return done / seconds, (cpu(who.pid) - before) / done

    def beside(self, who: Contender, connections: int, seconds: float) -> "Beside":
        """Ask *who* over *connections* for *seconds* in one of the processes, and return at once."""
        return Beside(self._pool.apply_async(press, (who.target, connections, seconds)))


@dataclass(frozen=True, slots=True)
class Beside:
    """Requests that are under way."""

    result: "multiprocessing.pool.AsyncResult[int]"

    def answered(self) -> int:
        """Wait for the end, and return how many were answered."""
        return self.result.get(120)
