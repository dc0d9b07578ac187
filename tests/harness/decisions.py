"""Decisions to tell observers of."""

from typing import Any

from msgspec.structs import replace

from webhook.judge.decision import Decision, ObjectRef
from webhook.judge.verdict import Verdict, Violation, cause_of
from webhook.pods.airflow import Component
from webhook.rules.finding import Finding, Mode

POD = ObjectRef("v1", "Pod", "airflow", "airflow-scheduler-7d4b9c-x2x9z", "5b1f")
REPLICASET = ObjectRef("apps/v1", "ReplicaSet", "airflow", "airflow-scheduler-7d4b9c", "0f1e2d3c")
IMAGE = "docker.io/apache/airflow:latest"


def violation(mode: Mode, rule: str = "mutable-tag", image: str = IMAGE) -> Violation:
    """Return a violation by the pod's first container."""
    finding = Finding("spec.containers[0].image", "tag 'latest' is mutable", "set a full version", "scheduler", image)
    return Violation(rule, mode, cause_of(finding))


def decision(*modes: Mode, **changes: Any) -> Decision:
    """Return what /validate decided about a scheduler's pod that has a violation in each of *modes*."""
    verdict = Verdict(tuple(violation(mode) for mode in modes))
    made = Decision(
        path="/validate",
        uid="705ab4f5-6393-11e8-b7cc-42010a800002",
        operation="CREATE",
        dry_run=False,
        regarding=POD,
        owner=REPLICASET,
        component=Component.SCHEDULER,
        distrusted=None,
        task=None,
        verdict=verdict,
        seconds=0.0005,
    )
    return replace(made, **changes)


DENIED = decision(Mode.ENFORCE)
WARNED = decision(Mode.WARN)
CLEAN = decision()
NOT_AIRFLOW = decision(component=None, owner=None)
