"""The background audit's memory is flat: ten times the pods take hardly more, on the real API server."""

import itertools
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from tests.harness import crowd
from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, Process, installation
from tests.harness.waiting import until

pytestmark = pytest.mark.cluster  # with a control plane of its own

AUDIT = ("--audit", "--audit-interval", "1", "--no-certificates")
DURATION = "airlock_audit_duration_seconds"
SEEDS = itertools.count(1)  # of pods with other names each
MOST = 1.2  # times the memory, for ten times the pods


@dataclass(frozen=True, slots=True)
class Measured:
    """What a controller took, in MiB of proportional set size: at rest, after churn, and at most (resident)."""

    listed: float
    churned: float
    peak: float
    seconds: float  # that an audit took


@contextmanager
def deserted(folder: Path) -> Iterator[tuple[ControlPlane, Installation]]:
    """Have a control plane of its own, without pods; nothing collects or evicts those that come."""
    with ControlPlane() as plane, installation(plane, folder) as made:
        plane.stop_controllers()
        plane.put(dict(crowd.nodes()))
        yield plane, made


def put(plane: ControlPlane, number: int, airflows: int, seed: int) -> list[str]:
    """Write so many pods; return their keys."""
    keys, part = [], {}
    for key, body in crowd.pods(number, airflows, seed):
        part[key] = body
        keys.append(key)
        if len(part) == 500:
            plane.put(part)
            part = {}
    plane.put(part)
    return keys


def measure(plane: ControlPlane, made: Installation, pods: int, airflows: int, rounds: int) -> Measured:
    """Run a new controller on the *pods* that there are, and go on while more of them come and go, so many *rounds*."""
    with made.controlled(*AUDIT) as process:
        known(process, pods)
        listed = settled(process)
        for _ in range(rounds):
            gone = put(plane, 500, airflows, seed=next(SEEDS))
            known(process, pods + 500)
            for key in gone:
                _, namespace, name = key.split("/")
                body = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
                made.cluster.call("DELETE", f"/api/v1/namespaces/{namespace}/pods/{name}", body=body)
            known(process, pods)
        return Measured(listed, settled(process), read(process, "status", "VmHWM"), process.metric(DURATION))


def known(process: Process, pods: int) -> None:
    until(lambda: process.metric("airlock_audit_pods") == pods, f"{pods} pods to be known", seconds=300)
    assert process.metric("airlock_audit_complete") == 1


def settled(process: Process) -> float:
    """Return the memory three runs later."""
    runs = process.metric('airlock_audit_runs_total{outcome="done"}')
    until(lambda: process.metric('airlock_audit_runs_total{outcome="done"}') >= runs + 3, "three runs", seconds=120)
    return read(process, "smaps_rollup", "Pss")


def read(process: Process, file: str, field: str) -> float:
    """Return *field* of a file in /proc, in MiB."""
    text = Path(f"/proc/{process.process.pid}/{file}").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    assert found
    return int(found[1]) / 1024


def compare(fewer: int, more: int, airflows: int, rounds: int, folder: Path) -> None:
    began = time.monotonic()
    with deserted(folder) as (plane, made):
        put(plane, fewer, airflows, seed=next(SEEDS))
        low = measure(plane, made, fewer, airflows, rounds)
        put(plane, more - fewer, airflows, seed=next(SEEDS))
        high = measure(plane, made, more, airflows, rounds)
    told = Console(highlight=False, soft_wrap=True)  # with pytest -s
    for pods, one in ((fewer, low), (more, high)):
        told.print(f"{pods:6} pods: {one.listed:.1f} MiB listed, {one.churned:.1f} after churn, {one.peak:.1f} at most")
        told.print(f"             {one.seconds:.1f} s an audit")
    ratios = high.listed / low.listed, high.churned / low.churned
    told.print(f"ratios {ratios[0]:.2f}, {ratios[1]:.2f} after churn, in {time.monotonic() - began:.0f} s")
    assert high.listed <= MOST * low.listed
    assert high.churned <= MOST * low.churned


def test_five_thousand_pods_take_hardly_more_than_five_hundred(tmp_path: Path) -> None:
    compare(500, 5_000, 4, 1, tmp_path)


@pytest.mark.long
def test_fifty_thousand_pods_take_hardly_more_than_five_thousand(tmp_path: Path) -> None:
    compare(5_000, 50_000, 40, 3, tmp_path)
