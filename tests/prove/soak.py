"""D9, D10 and D11 through the API server: dry runs leave no trace, crowds are answered, and nothing grows."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from statistics import median

from tests.bench.creation import Creator, pod
from tests.figures.figure import Figure, Promise, Row
from tests.figures.process import descriptors, memory, threads
from tests.harness.control_plane import ControlPlane
from tests.harness.gate import LABEL, bad_pod
from tests.harness.load import Load
from tests.prove.events import writes
from tests.prove.told import Told

RATE = 50.0  # creations a second
_BUCKET = re.compile(
    r'^apiserver_admission_webhook_admission_duration_seconds_bucket\{.*name="(\w+)\.airlock.*le="([^"]+)".*\} (\S+)$',
    re.MULTILINE,
)


def dry(told: Told) -> Iterator[Figure | Row]:
    """Create violators as dry runs: D9."""
    number = told.pick(100, 1_000)
    with told.gate() as gate:
        namespace = told.plane.namespace(labels={LABEL: ""})
        before, statuses = len(writes(told.plane)), dict[int, int]()
        for _ in range(number):
            status, _ = gate.create(
                bad_pod(), "system:serviceaccount:kube-system:replicaset-controller", namespace, dry_run=True
            )
            statuses[status] = statuses.get(status, 0) + 1
        time.sleep(3)  # an Event would be there after one
        written = len(writes(told.plane)) - before
        events = gate.events(namespace)
    yield Figure("dry runs", (number,))
    yield Figure(
        "of these, denied as they would be otherwise", (statuses.get(422, 0),), "", Promise(number, at_most=False)
    )
    yield Figure("Events about them", (len(events),), "", Promise(0))
    yield Figure("writes by airlock's account", (written,), "", Promise(0))


def clients(told: Told) -> Iterator[Figure | Row]:
    """Create pods from 1, 10 and 50 clients at once, timed by the API server itself: D10."""
    with told.gate():
        namespace = told.plane.namespace(labels={LABEL: ""})
        for number in (1, 10, 50):
            before = _durations(told.plane)
            total = told.pick(200, 1_000)
            with ThreadPoolExecutor(number) as pool:
                failed = sum(pool.map(lambda n: _failures(told.plane, namespace, n), [total // number] * number))
            added = {key: count - before.get(key, 0) for key, count in _durations(told.plane).items()}
            yield Figure(f"{number} clients: creations that failed", (failed,), f"of {total}", Promise(0))
            for le, most, share in (("0.025", "25 ms", 50), ("0.1", "100 ms", 99), ("0.5", "500 ms", 99)):
                value = 100 * added[le] / added["+Inf"]
                promised = Promise(share, at_most=False) if (number, le) in _PROMISED else None
                yield Figure(
                    f"{number} clients: calls that the API server saw answered within {most}", (value,), "%", promised
                )


_PROMISED = {(1, "0.025"), (10, "0.025"), (10, "0.1"), (50, "0.5")}


def _failures(plane: ControlPlane, namespace: str, number: int) -> int:
    creator, body = Creator(plane), pod()
    return sum(creator.post(namespace, body)[0] != 201 for _ in range(number))


def _durations(plane: ControlPlane) -> dict[str, float]:
    """Return how many calls of airlock's webhooks the API server has seen end within the bounds that it counts by."""
    found: dict[str, float] = {}
    for _, le, count in _BUCKET.findall(plane.kubectl("get", "--raw", "/metrics")):
        found[le] = found.get(le, 0) + float(count)
    return found


def soak(told: Told) -> Iterator[Figure | Row]:
    """Create pods at a steady rate for minutes, and watch memory, threads and descriptors: D11."""
    seconds = 20 if told.quick else told.soak * 60
    samples: list[tuple[float, int, int]] = []
    with told.gate("--events", "off") as gate:
        namespace, pid = told.plane.namespace(labels={LABEL: ""}), gate.server.process.pid
        with Load(told.plane, namespace, bad_pod(), 422, RATE) as load:
            time.sleep(min(20.0, seconds / 3))  # until everything that is kept is there
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                samples.append((memory(pid), threads(pid), descriptors(pid)))
                time.sleep(1)
    quarter = max(1, len(samples) // 4)

    def grown(of: int) -> float:
        return median(one[of] for one in samples[-quarter:]) - median(one[of] for one in samples[:quarter])

    yield Figure("creations", (load.sent,), f"in {seconds:g} s")
    yield Figure("of these, answered otherwise than they should be", (len(load.failures),), "", Promise(0))
    yield Figure("slowest creation", (load.slowest,), "s")
    yield Figure("memory, last quarter to first", (grown(0),), "MiB", Promise(1))
    yield Figure("threads, last quarter to first", (abs(grown(1)),), "", Promise(5))
    yield Figure("descriptors, last quarter to first", (abs(grown(2)),), "", Promise(5))
