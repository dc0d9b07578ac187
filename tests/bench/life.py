"""(e) A replica's life: from its start until it is ready, and the memory that it takes and keeps."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.client import connect, exchange, request, trusting
from tests.bench.decision import documents
from tests.bench.pods import reviewed, scheduler
from tests.bench.servers import airlock, asked
from tests.bench.told import Told
from tests.figures.figure import Figure, Promise, Row
from tests.figures.process import memory
from tests.harness.server import Server

WARM = 5_000  # reviews until everything that is kept is there
DISTINCT = 10_000  # images


def measure(told: Told) -> Iterator[Figure | Row]:
    """Yield seconds to readiness and MiB of memory."""
    with tempfile.TemporaryDirectory() as made:
        folder, seconds, fresh = Path(made), list[float](), list[float]()
        for nth in range(told.pick(3, 7)):
            began = time.monotonic()
            with airlock(folder / str(nth), documents()) as server:
                seconds.append(time.monotonic() - began)
                fresh.append(memory(server.process.pid))
        yield Figure("from start to ready", tuple(seconds), "s", Promise(1.5))
        yield Figure("memory when ready", tuple(fresh), "MiB", Promise(80))
        reviews = told.pick(20_000, 100_000)
        with airlock(folder / "long", documents()) as server:
            one = reviewed(scheduler())
            send(server, [one], WARM)
            before = memory(server.process.pid)
            send(server, [one], reviews)
            after = memory(server.process.pid)
            yield Figure(
                f"memory after {reviews:,} reviews, more than after {WARM:,}", (after - before,), "MiB", Promise(1)
            )
            send(server, [reviewed(scheduler(tag=f"2.10.{n}")) for n in range(DISTINCT)], DISTINCT)
            grown = memory(server.process.pid) - after
            yield Figure(f"memory after {DISTINCT:,} images more", (grown,), "MiB", Promise(10))
            yield Row("a replica", {"MiB at the end": memory(server.process.pid)})


def send(server: Server, bodies: list[bytes], number: int) -> None:
    """Send *number* reviews over one connection, *bodies* in turn."""
    requests = [request("/validate?timeout=2s", body) for body in bodies]
    target = asked(server, "/validate", bodies[0]).target
    with connect(target, trusting(target)) as sock:
        for nth in range(number):
            exchange(sock, requests[nth % len(requests)])
