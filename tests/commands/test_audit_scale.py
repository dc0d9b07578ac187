"""Five thousand pods on a real API server: everything wrong is found, nothing else, in bounded time and memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.populace import NAMESPACES, PODS, Crowd, crowd, settle

pytestmark = pytest.mark.cluster  # with a control plane of its own

SECONDS, MEBIBYTES = 30, 150  # of the process's own CPU: other work on the machine counts for nothing
# What a child's rusage says is never less than what its parent had when it was made.
MEASURED = """
import atexit, pathlib, re, time
from webhook.__main__ import main
peak = lambda: re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]
atexit.register(lambda: print(peak(), time.process_time()))
main()
"""
ENFORCING = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"


@dataclass(frozen=True)
class Town:
    """An API server with the crowd in it."""

    plane: ControlPlane
    crowd: Crowd


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    # Owners and kubelets are not there, so nobody may tidy up what lacks them.
    only = ["--controllers=serviceaccount,serviceaccount-token,root-ca-cert-publisher,namespace"]
    with ControlPlane(apiserver_arguments=["--audit-log-path="], controller_manager_arguments=only) as plane:
        for name in NAMESPACES:
            plane.namespace(name)
        made = crowd()
        began = time.monotonic()
        settle(plane, made)
        print(f"{len(made.pods)} pods made in {time.monotonic() - began:.0f} s")  # noqa: T201 - for those who run it with -s
        yield Town(plane, made)


def audited(town: Town, folder: Path, *arguments: str | Path) -> tuple[dict[str, Any], float, float]:
    """Return the report of `airlock audit` in its own process, its seconds of CPU and its peak of memory in MiB."""
    policy, report = folder / "policy.yaml", folder / "report.json"
    policy.write_text(ENFORCING)
    command = ["audit", "--policy", policy, "-o", "json", "--output-file", report, *arguments]
    environ = {**os.environ, "KUBECONFIG": str(town.plane.kubeconfig)}
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, command)], env=environ, check=False, capture_output=True, text=True
    )
    assert run.returncode == 1, run.stderr
    kibibytes, seconds = map(float, run.stdout.split())
    return json.loads(report.read_text()), seconds, kibibytes / 1024


def test_everything_wrong_is_found_among_five_thousand_pods_and_nothing_else(town: Town, tmp_path: Path) -> None:
    report, seconds, memory = audited(town, tmp_path, "-A")
    print(f"audited in {seconds:.1f} s of CPU and {memory:.0f} MiB")  # noqa: T201 - same
    assert (report["complete"], report["summary"]["seen"]) == (True, PODS)
    assert {drift["image"] for drift in report["drifts"]} == town.crowd.drifting
    assert all(drift["certain"] for drift in report["drifts"])
    shown = [(one["rule"], workload["name"]) for one in report["findings"] for workload in one["workloads"]]
    told = {(rule, name.rpartition("/")[2]) for rule, name in shown}
    assert {name for rule, name in told if rule == "mutable-tag"} == town.crowd.violators
    drifted = {pod["metadata"]["name"] for pod in town.crowd.pods if pod["metadata"]["name"].startswith("drift-")}
    assert {name for rule, name in told if rule == "image-drift"} == drifted
    assert {rule for rule, _ in told} == {"mutable-tag", "image-drift"}
    assert report["summary"]["wouldNotReturn"] == len(town.crowd.violators)
    assert report["skews"] == []
    assert seconds < SECONDS
    assert memory < MEBIBYTES
