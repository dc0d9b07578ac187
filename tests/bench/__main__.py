"""`make bench`: what a decision costs, as ratios measured in one run; absolute times depend on the machine."""

import json
import os
import statistics
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from rich.console import Console

from tests.bench import lanes
from tests.harness.reviews import owned, review
from webhook.admission import review as envelope
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge import message
from webhook.judge.gate import Gate

ROUNDS, CALLS = 15, 400
SIZE = 10 * 1024
TODAY = date(2026, 11, 23)
POLICY = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
MANIFEST = "{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: MESSAGE_CALLBACK_ENDPOINT, value: https://x}]}"


def scheduler_review() -> bytes:
    """Return a review of about 10 KB: a healthy scheduler of three containers, with what an API server adds."""
    variables = [{"name": f"AIRFLOW__SECTION__OPTION_{n}", "value": f"value-{n}"} for n in range(16)]
    env = [{"name": "MESSAGE_CALLBACK_ENDPOINT", "value": "https://x"}, *variables]
    mounts = [{"name": "config", "mountPath": "/opt/airflow/airflow.cfg", "subPath": "airflow.cfg", "readOnly": True}]
    names = ("scheduler", "git-sync", "scheduler-log-groomer")
    containers = [
        {
            "name": name,
            "image": "apache/airflow:2.10.5",
            "imagePullPolicy": "IfNotPresent",
            "env": env,
            "volumeMounts": mounts,
        }
        for name in names
    ]
    metadata = {
        "name": "airflow-scheduler-7d4b9c-x2x9z",
        "namespace": "airflow",
        "uid": "5b1f",
        "labels": {"tier": "airflow", "component": "scheduler", "release": "airflow"},
        "managedFields": [],
    }
    pod = owned({"kind": "Pod", "metadata": metadata, "spec": {"containers": containers}})
    fields: dict[str, Any] = {f"f:{n}": {"f:name": {}, "f:value": {}} for n in range((SIZE - len(review(pod))) // 38)}
    pod["metadata"]["managedFields"] = [{"manager": "kube-controller-manager", "fieldsV1": fields}]
    return review(pod)


def decide(gate: Gate, body: bytes) -> bytes:
    """Do what /validate does, bytes in and bytes out."""
    asked = envelope.decode(body)
    decision = gate.validate(asked, TODAY)
    assert decision.verdict.allowed
    return envelope.allow(asked.uid, message.warnings(decision))


def microseconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        call()
    return (time.perf_counter() - began) / CALLS * 1e6


def compare(one: Callable[[], object], other: Callable[[], object]) -> tuple[float, float, float]:
    """Return the medians of *one* and *other* in microseconds, and the median of their ratios round by round."""
    pairs = [(microseconds(one), microseconds(other)) for _ in range(ROUNDS)]
    mine, theirs = zip(*pairs, strict=True)
    ratios = [first / second for first, second in pairs]
    return statistics.median(mine), statistics.median(theirs), statistics.median(ratios)


def main() -> None:
    """Print the ratios."""
    console = Console(highlight=False, soft_wrap=True)
    body = scheduler_review()
    gate = Gate(read_policy(POLICY), read_manifest(MANIFEST))
    mine, theirs, ratio = compare(lambda: decide(gate, body), lambda: json.loads(body))
    console.print(f"deciding a review of {len(body):,} bytes  {mine:7.1f} µs   json.loads of it {theirs:7.1f} µs")
    console.print(f"  ratio [bold]{ratio:.2f}[/]  (at most 0.75 is promised)   on {os.cpu_count()} cores")
    lanes.report(console, body, {"policy": POLICY, "required-env": MANIFEST})


if __name__ == "__main__":
    main()
