"""D24 and D25: the API server is killed and stays away, and its history is compacted meanwhile."""

import time
from collections.abc import Iterator

from tests.bench.told import quantile
from tests.figures.figure import Figure, Promise, Row
from tests.figures.process import cpu
from tests.harness.waiting import until
from tests.prove.edits import BLUE, GREEN, both, denied, policy, write
from tests.prove.post import Kept
from tests.prove.told import Told
from webhook.cluster import connect

STALE = 'airlock_policy_stale{document="policy"}'


def away(told: Told) -> Iterator[Figure | Row]:
    """Kill the API server for minutes, compact etcd meanwhile, and see what airlock does then and afterwards."""
    seconds = told.pick(10, 120)
    with told.gate() as gate, Kept(gate.server) as kept:
        server, kubeconfig = gate.server, str(told.plane.kubeconfig)
        with connect(kubeconfig=kubeconfig) as cluster:
            write(cluster, policy(BLUE))
            until(lambda: denied(kept.response("/validate", both())) == {BLUE}, "the policy")
        told.plane.stop_apiserver()
        began, busy = time.monotonic(), cpu(server.process.pid)
        wrong, took, alive, stale = 0, list[float](), 0, list[float]()
        while time.monotonic() < began + seconds:
            asked = time.perf_counter()
            wrong += denied(kept.response("/validate", both())) != {BLUE}
            took.append(time.perf_counter() - asked)
            alive += server.probe("/healthz")[0] == 200 and server.ready
            stale.append(server.metric(STALE))
            time.sleep(0.5)
        share = (cpu(server.process.pid) - busy) / (time.monotonic() - began)
        told.plane.compact()
        told.plane.start_apiserver()
        began = time.monotonic()
        with connect(kubeconfig=kubeconfig) as cluster:
            write(cluster, policy(GREEN))
        until(lambda: denied(kept.response("/validate", both())) == {GREEN}, "the edit after the outage")
        late = time.monotonic() - began
        until(lambda: server.metric(STALE) == 0, "the policy to be confirmed")
        healed = time.monotonic() - began
    yield Figure("the API server is away for", (seconds,), "s")
    yield Figure("verdicts other than before", (wrong,), "of " + str(len(took)), Promise(0))
    yield Figure("p99 of an answer", (quantile(took, 99) * 1e3,), "ms", Promise(100))
    yield Figure("looks at which it was not alive or not ready", (len(took) - alive,), "", Promise(0))
    yield Figure("staleness that its metric shows at the end", (stale[-1],), "s", Promise(seconds / 2, at_most=False))
    yield Figure("processor time meanwhile, of one core", (share * 100,), "%", Promise(5))
    yield Figure("until an edit after the outage is in force", (late,), "s", Promise(30))
    yield Figure("until nothing is stale", (healed,), "s", Promise(30))
