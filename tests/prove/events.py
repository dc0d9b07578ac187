"""D26: ten thousand violations in a minute."""

import http.client
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Any

from tests.bench.told import quantile
from tests.figures.figure import Figure, Promise, Row
from tests.harness.control_plane import ControlPlane
from tests.harness.gate import HOME, REPLICASET
from tests.harness.reviews import review, scheduler
from tests.harness.server import Server
from tests.prove.post import Kept
from tests.prove.told import Told

ACCOUNT = f"system:serviceaccount:{HOME}:airlock"
KINDS = 500  # workloads that violate, in ten namespaces
RATE = 167  # violations a second: ten thousand in a minute


def storm(told: Told) -> Iterator[Figure | Row]:
    """Deny ten thousand reviews in a minute, and each of them without Events as well, by a second replica."""
    seconds = told.pick(10, 60)
    with told.gate("--events", "off") as silent, told.gate() as gate:
        namespaces = [told.plane.namespace() for _ in range(10)]
        before = len(writes(told.plane))
        loud, quiet = sent((gate.server, silent.server), seconds, namespaces)
        fates = {
            fate: gate.server.metric(f'airlock_events_total{{outcome="{fate}"}}') for fate in ("written", "dropped")
        }
        written = len(writes(told.plane)) - before
    yield Figure("violations", (len(loud),))
    yield Row("decisions by the fate of their Event", fates)
    yield Figure("writes to the API server", (written,), f"in {seconds} s", Promise(100))
    p50 = quantile(loud, 50) / quantile(quiet, 50)
    yield Figure("p50 of an answer, to the same without Events", (p50,), "", Promise(1.2))
    yield Figure(
        "p99 of an answer, to the same without Events", (quantile(loud, 99) / quantile(quiet, 99),), "", Promise(1.2)
    )
    yield Figure("p99 of an answer", (quantile(loud, 99) * 1e3,), "ms")


def sent(servers: Sequence[Server], seconds: float, namespaces: list[str], kinds: int = KINDS) -> list[list[float]]:
    """Send violations to *servers* in turns, at a steady rate to each; return the seconds that their answers took."""
    took, bodies = [list[float]() for _ in servers], _violations(namespaces, kinds)
    with ExitStack() as stack:
        clients = [stack.enter_context(Kept(server)) for server in servers]
        began = time.perf_counter()
        for nth in range(int(seconds * RATE)):
            time.sleep(max(0.0, began + nth / RATE - time.perf_counter()))
            for client, times in list(zip(clients, took, strict=True))[:: (1, -1)[nth % 2]]:
                asked = time.perf_counter()
                status, answer = client.post("/validate", bodies[nth % len(bodies)])
                times.append(time.perf_counter() - asked)
                assert status == http.client.OK, answer
                assert b'"allowed":false' in answer, answer
    return took


def _violations(namespaces: list[str], kinds: int) -> list[bytes]:
    bodies = []
    for nth in range(kinds):
        namespace = namespaces[nth % len(namespaces)]
        pod = scheduler("apache/airflow:latest")
        pod["metadata"] |= {"namespace": namespace, "name": f"airflow-{nth}", "uid": f"pod-{nth}"}
        pod["metadata"]["ownerReferences"][0] |= {"name": f"airflow-scheduler-{nth}", "uid": f"owner-{namespace}-{nth}"}
        bodies.append(review(pod, namespace=namespace, user=REPLICASET))
    return bodies


def writes(plane: ControlPlane) -> list[dict[str, Any]]:
    """Return what airlock's account has asked the API server to write."""
    verbs = ("create", "update", "patch", "delete")
    return [one for one in plane.audit() if one["user"]["username"] == ACCOUNT and one["verb"] in verbs]
