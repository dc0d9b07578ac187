"""D22 and D23: edits of the policy under load belong to exactly one revision each, and a bad one changes nothing."""

import base64
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import yaml

from tests.figures.figure import Figure, Promise, Row
from tests.figures.process import cpu
from tests.harness.gate import HOME, Gate
from tests.harness.places import CASES
from tests.harness.reviews import review, scheduler
from tests.harness.server import Server, serving
from tests.harness.waiting import until
from tests.prove.post import Kept
from tests.prove.told import Told
from webhook.cluster import MERGE_PATCH, Cluster, connect

PATH = f"/api/v1/namespaces/{HOME}/configmaps/airlock-policy"
BLUE, GREEN = "blue", "green"
PAUSE = 0.1  # seconds between edits


def policy(moving: str) -> str:
    """Return a policy under which the tag *moving* is mutable, and the other of the two is not."""
    tags = [{"match": tag, "is": "mutable" if tag == moving else "immutable"} for tag in (BLUE, GREEN)]
    rules = {"mutable-tag": {"tags": tags}}
    return yaml.safe_dump({"apiVersion": "airlock/v1", "kind": "Policy", "mode": "enforce", "rules": rules})


def both() -> bytes:
    """Return a review of a scheduler with an image under each tag; any revision denies exactly one of them."""
    pod = scheduler(f"apache/airflow:{BLUE}")
    more = {"name": "more", "image": f"apache/airflow:{GREEN}", "imagePullPolicy": "IfNotPresent"}
    pod["spec"]["containers"].append(more)
    return review(pod)


def denied(response: dict[str, Any]) -> frozenset[str]:
    """Return the tags that the answer names as moving."""
    message = str(response.get("status", {}).get("message", ""))
    return frozenset(tag for tag in (BLUE, GREEN) if f"airflow:{tag}" in message)


def write(cluster: Cluster, text: str) -> None:
    """Put *text* into the policy's ConfigMap."""
    answer = cluster.call(
        "PATCH", PATH, body={"data": {"policy.yaml": text}, "binaryData": None}, content_type=MERGE_PATCH
    )
    assert answer.ok, answer.why


class Watching:
    """A client that asks all the time, and what it was told; a context manager."""

    def __init__(self, server: Server) -> None:
        self._server, self._over = server, threading.Event()
        self.verdicts: dict[frozenset[str], int] = {}
        self.failures: list[str] = []
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        body = both()
        with Kept(self._server) as kept:
            while not self._over.wait(0.002):
                try:
                    told = denied(kept.response("/validate", body))
                except (OSError, AssertionError) as error:
                    self.failures.append(repr(error)[:200])
                    continue
                self.verdicts[told] = self.verdicts.get(told, 0) + 1


def under_load(told: Told) -> Iterator[Figure | Row]:
    """Edit the policy ten times a second while a client asks: D22."""
    number = told.pick(30, 300)
    with told.gate() as gate, connect(kubeconfig=str(told.plane.kubeconfig)) as cluster:
        write(cluster, policy(BLUE))
        with Kept(gate.server) as kept:
            until(lambda: denied(kept.response("/validate", both())) == {BLUE}, "the first policy")
            with Watching(gate.server) as watching:
                for nth in range(number):
                    write(cluster, policy((GREEN, BLUE)[nth % 2]))
                    time.sleep(PAUSE)
            last = (GREEN, BLUE)[(number - 1) % 2]
            other = GREEN if last == BLUE else BLUE
            late = [_late(cluster, kept, tag) for tag in (other, last) * told.pick(1, 5)]
    verdicts = watching.verdicts
    mixed = sum(count for tags, count in verdicts.items() if len(tags) != 1)
    yield Figure("edits", (number,))
    yield Figure("verdicts meanwhile", (sum(verdicts.values()),))
    yield Row("verdicts by revision", {tag: float(verdicts.get(frozenset({tag}), 0)) for tag in (BLUE, GREEN)})
    yield Figure("verdicts of no revision, or of two", (mixed,), "", Promise(0))
    yield Figure("requests that failed", (len(watching.failures),), "", Promise(0))
    yield Figure("until an edit is in force", tuple(late), "s", Promise(2))


def _late(cluster: Cluster, kept: Kept, tag: str) -> float:
    write(cluster, policy(tag))
    began = time.monotonic()
    until(lambda: denied(kept.response("/validate", both())) == {tag}, "the edit")
    return time.monotonic() - began


def malformed() -> dict[str, str | None]:
    """Return documents that are none, by their sentences: those of the cases, and some that only a ConfigMap can be."""
    found: dict[str, str | None] = {"is not there": None}
    for path in sorted(CASES.glob("documents/policy/*.yaml")):
        case = yaml.safe_load(path.read_text())
        if not case.get("problems") or "document" not in case:
            continue
        found[path.stem] = case["document"] + case.get("repeat", "") * case.get("times", 0)
    return found


def bad(told: Told) -> Iterator[Figure | Row]:
    """Write one document after the other that is none: D23."""
    documents = malformed()
    documents = dict(list(documents.items())[:: 8 if told.quick else 1])
    changed, unready, costs = list[str](), list[str](), list[float]()
    with told.gate() as gate, connect(kubeconfig=str(told.plane.kubeconfig)) as cluster, Kept(gate.server) as kept:
        write(cluster, policy(BLUE))
        until(lambda: denied(kept.response("/validate", both())) == {BLUE}, "the good policy")
        for name, text in documents.items():
            before = cpu(gate.server.process.pid)
            _put(cluster, text)
            until(lambda: _stale(gate) > 0, f"{name} to be noticed")
            costs.append(cpu(gate.server.process.pid) - before)
            if denied(kept.response("/validate", both())) != {BLUE}:
                changed.append(name)
            if not gate.server.ready:
                unready.append(name)
            write(cluster, policy(BLUE))
            until(lambda: _stale(gate) == 0, f"{name} to be mended")
    yield Figure("documents", (len(documents),), "", Promise(told.pick(5, 40), at_most=False))
    yield Figure("documents after which another policy was in force", (len(changed),), "", Promise(0))
    yield Figure("documents after which the replica was not ready", (len(unready),), "", Promise(0))
    yield Figure("processor time until one is noticed", (max(costs),), "s at most", Promise(2))
    cold = [text for text in documents.values() if text is not None][:: told.pick(4, 6)]
    silent = sum(not _refuses(text) for text in cold)
    yield Figure("cold starts with one", (len(cold),))
    yield Figure("of these, ready or without a reason in /readyz", (silent,), "", Promise(0))


def _put(cluster: Cluster, text: str | None) -> None:
    data: dict[str, Any] = {"data": {"policy.yaml": text}, "binaryData": None}
    if text is not None and "\0" in text:
        data = {"data": None, "binaryData": {"policy.yaml": base64.b64encode(text.encode()).decode()}}
    answer = cluster.call("PATCH", PATH, body=data, content_type=MERGE_PATCH)
    assert answer.ok, answer.why


def _stale(gate: Gate) -> float:
    return gate.server.metric('airlock_policy_stale{document="policy"}')


def _refuses(text: str) -> bool:
    """Return whether a replica that starts with *text* is not ready, and says why."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        (folder / "bad.yaml").write_bytes(text.encode())
        with serving(folder, "--policy", str(folder / "bad.yaml"), ready=False) as server:
            status, said = until(lambda: _probed(server), "the metrics port")
            return status == 503 and "policy" in said


def _probed(server: Server) -> tuple[int, str] | None:
    try:
        return server.probe("/readyz")
    except OSError:
        return None
