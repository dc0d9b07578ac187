"""Requests at a steady rate through the API server, to see whether clients notice what happens meanwhile."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self

from kubernetes.client import ApiException

from tests.harness.control_plane.access import Access

THREADS = 4  # clients, and so at most as many requests in flight


@dataclass
class Load:
    """Dry-run creations of *pod* in *namespace*, *rate* a second; each answer must be *expected*."""

    access: Access
    namespace: str
    pod: dict[str, Any]
    expected: int
    rate: float = 50.0
    sent: int = 0
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0  # seconds
    _over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._run, args=(nth,)) for nth in range(THREADS)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, nth: int) -> None:
        every = THREADS / self.rate
        due = time.monotonic() + nth * every / THREADS
        with self.access.client() as client:
            path = f"/api/v1/namespaces/{self.namespace}/pods"
            sent = {"Content-Type": "application/json"}
            _, url, headers, *_ = client.param_serialize("POST", path, header_params=sent)
            while not self._over.wait(max(0.0, due - time.monotonic())):
                due = max(due + every, time.monotonic() - 1.0)  # a pause is not made up for by a burst
                began = time.monotonic()
                try:
                    response = client.call_api(
                        "POST", f"{url}?dryRun=All", headers, self.pod, _request_timeout=30
                    ).response
                    status, text = response.status, response.read().decode()
                    response.release_conn()
                except (ApiException, OSError) as error:
                    status, text = 0, str(error)
                self._note(status, text, time.monotonic() - began)

    def _note(self, status: int, text: str, seconds: float) -> None:
        with self._lock:
            self.sent += 1
            self.slowest = max(self.slowest, seconds)
            if status != self.expected:
                self.failures.append(f"{status} {text[:300]}")
