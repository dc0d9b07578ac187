"""D12 and D13 on one replica: SIGTERM and SIGKILL while requests come."""

import http.client
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.figures.figure import Figure, Promise, Row
from tests.figures.process import family
from tests.harness.reviews import review, scheduler
from tests.harness.server import Server
from tests.harness.waiting import until
from tests.prove.post import Kept
from tests.prove.told import ENFORCE, Told

CLIENTS = 8
BODY = review(scheduler())


class Asking:
    """Clients that ask without a pause, each over a kept connection, until it is over; a context manager."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self.answered = 0
        self.failed: list[tuple[float, str]] = []  # when, and how
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Ask no more."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        with Kept(self._server, timeout=10) as kept:
            while not self._over.is_set():
                try:
                    status, _ = kept.post("/validate", BODY)
                    text = "" if status == http.client.OK else f"status {status}"
                except (OSError, http.client.HTTPException) as error:
                    text = repr(error)
                    self._over.wait(0.02)
                with self._lock:
                    self.answered += not text
                    if text:
                        self.failed.append((time.monotonic(), text))
                self._over.wait(0.01)


def drained(told: Told) -> Iterator[Figure | Row]:
    """Send SIGTERM while clients ask; they leave within the drain, as API servers do."""
    lost, answered, times = 0, 0, list[float]()
    for _ in range(told.pick(1, 5)):
        with told.server(ENFORCE, "--events", "off", "--drain-seconds", "2") as server, Asking(server) as asking:
            time.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            began = time.monotonic()
            time.sleep(1.5)
            asking.end()
            server.process.wait(30)
            times.append(time.monotonic() - began)
            lost += len(asking.failed)
            answered += asking.answered
    yield Figure("requests answered", (answered,))
    yield Figure("requests lost between SIGTERM and the end of the drain", (lost,), "", Promise(0))
    yield Figure("from SIGTERM until the process has ended, with 2 s of drain", tuple(times), "s", Promise(8))


def killed(told: Told) -> Iterator[Figure | Row]:
    """Kill the worker while clients ask: what is in flight is lost, and the next worker answers soon."""
    lost, back = list[float](), list[float]()
    with told.server(ENFORCE, "--events", "off") as server, Asking(server) as asking:
        for _ in range(told.pick(2, 10)):
            until(lambda: server.ready, "the worker")
            time.sleep(0.3)
            worker, before = _worker(server), len(asking.failed)
            os.kill(worker, signal.SIGKILL)
            began = time.monotonic()
            until(lambda: not Path(f"/proc/{worker}").exists(), "its end")  # noqa: B023 - asked at once
            now = asking.answered
            until(lambda: asking.answered > now + CLIENTS, "answers")  # noqa: B023 - asked at once
            back.append(time.monotonic() - began)
            lost.append(len(asking.failed) - before)
    yield Figure("kills", (len(back),))
    yield Figure(
        f"requests lost by a kill, of {CLIENTS} clients with a connection each", tuple(lost), "", Promise(CLIENTS)
    )
    yield Figure("until clients are answered again", tuple(back), "s", Promise(2.5))


def _worker(server: Server) -> int:
    [_, worker, *_] = family(server.process.pid)
    return worker
