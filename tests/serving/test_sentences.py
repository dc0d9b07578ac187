"""What people read on a real API server, where they read it: kubectl, the Events of an owner, a task's log."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.harness import official
from tests.harness.control_plane import ControlPlane
from tests.harness.gate import (
    LABEL,
    REPLICASET,
    Gate,
    bad_pod,
    registration,
    scheduler_deployment,
    standing,
)
from tests.harness.reviews import task
from tests.harness.waiting import until

MANIFEST = """\
apiVersion: airlock/v1
kind: RequiredEnv
env: [{name: MESSAGE_CALLBACK_ENDPOINT, value: "https://callbacks.example.com", reason: SLA callbacks run here}]
"""
IMAGE = "registry.example.com/data/airflow:latest"
EXECUTOR = "system:serviceaccount:airflow:airflow-worker"
TAG_FIX = "; fix: set images.airflow.tag to a full version, or images.airflow.digest, or images.airflow.pullPolicy: "
WHOSE = "Always (all under the subchart's name, if it is one)"  # the end of the fix


@pytest.fixture(scope="module")
def gate(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """Return a gate whose mutating half is away, so that variables are missing, and that asks for one alone."""
    with standing(control_plane, tmp_path_factory.mktemp("gate")) as gate:
        gate.put("airlock-required-env", {"required-env.yaml": MANIFEST})
        gate.plane.kubectl("delete", "mutatingwebhookconfiguration", "airlock-test")
        namespace = gate.plane.namespace(labels={LABEL: ""})
        until(lambda: said(gate, namespace).count("\n- required-env") == 1, "the one variable to be asked for")
        try:
            yield gate
        finally:
            gate.apply(*registration(gate.server))


@pytest.fixture
def namespace(gate: Gate) -> str:
    return gate.plane.namespace(labels={LABEL: ""})


@pytest.fixture
def lax(gate: Gate, namespace: str) -> str:
    """Return a namespace whose pods are admitted with a warning."""
    return gate.plane.namespace(f"{namespace}-lax", labels={LABEL: ""})


def said(gate: Gate, namespace: str) -> str:
    """Return the answer to a scheduler on a moving tag."""
    pod = bad_pod()
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "x", "uid": "1", "controller": True}
    pod["metadata"]["ownerReferences"] = [owner]
    message: str = gate.create(pod, REPLICASET, namespace, dry_run=True)[1].get("message", "")
    return message


def charted(gate: Gate, namespace: str) -> dict[str, Any]:
    """Apply the official chart's scheduler on `latest`, three containers, and return the Event about its ReplicaSet."""
    workload = official.scheduler("k8s-image-latest")
    account: dict[str, Any] = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": official.ACCOUNT}}
    for body in (account, workload):
        body["metadata"]["namespace"] = namespace
        gate.apply(body)
    (event,) = until(lambda: [e for e in gate.events(namespace) if e["reason"] == "Denied"], "the Event")
    return event


def test_the_event_of_the_official_charts_scheduler_holds_both_rules_all_places_and_both_fixes(
    gate: Gate, namespace: str
) -> None:
    note = charted(gate, namespace)["note"]
    assert len(note.encode()) <= 1024
    first, tag, variable = note.splitlines()
    assert len(first) <= 200
    assert first.startswith(f"scheduler Pod '{namespace}/airflow-scheduler-")
    assert f"mutable-tag: '{IMAGE}' with imagePullPolicy IfNotPresent" in first
    assert tag.startswith(
        f"- mutable-tag: '{IMAGE}': tag 'latest' is mutable (latest), and imagePullPolicy IfNotPresent"
    )
    for name in ("wait-for-airflow-migrations", "scheduler", "scheduler-log-groomer"):
        assert f"'{name}'" in tag
    assert TAG_FIX in tag
    assert tag.endswith(WHOSE)
    assert variable.startswith("- required-env: 'MESSAGE_CALLBACK_ENDPOINT' (SLA callbacks run here) is missing;")
    assert "in container 'scheduler'; fix: " in variable
    assert re.search(r"or set 'MESSAGE_CALLBACK_ENDPOINT' by \S+", variable)


def test_kubectl_get_events_and_the_first_line_of_failed_create_show_rule_image_and_policy(
    gate: Gate, namespace: str
) -> None:
    charted(gate, namespace)

    def shown(reason: str) -> list[str]:
        return [line for line in gate.plane.kubectl("get", "events", "-n", namespace).splitlines() if reason in line]

    for reason in ("Denied", "FailedCreate"):  # the latter is written by the controller of ReplicaSets, at leisure
        line, *_ = until(lambda: shown(reason), reason)  # noqa: B023 - now
        assert "mutable-tag: " in line
        assert f"'{IMAGE}' with imagePullPolicy IfNotPresent" in line
        assert f"scheduler Pod '{namespace}/airflow-scheduler-" in line


def warned(gate: Gate, *objects: dict[str, Any]) -> list[str]:
    """Apply *objects* and return the warnings that kubectl shows."""
    applied = gate.plane.run_kubectl("apply", "-f", "-", input=yaml.safe_dump_all(objects))
    assert applied.returncode == 0, applied.stderr
    return [
        line.removeprefix("Warning: ") for line in applied.stderr.splitlines() if line.startswith("Warning: airlock")
    ]


def deployment(namespace: str, name: str, component: str = "scheduler", images: int = 1) -> dict[str, Any]:
    body = scheduler_deployment(namespace, "apache/airflow:latest", name)
    template = body["spec"]["template"]
    template["metadata"]["labels"] = template["metadata"]["labels"] | {"component": component}
    body["spec"]["selector"]["matchLabels"] = {"component": component}
    template["spec"]["containers"] = [
        {"name": component if nth == 0 else f"c{nth}", "image": f"team/app{nth}:latest", "imagePullPolicy": "Never"}
        for nth in range(images)
    ]
    return body


def test_three_deployments_give_three_warnings_with_name_the_fate_of_their_pods_and_the_whole_fix(
    gate: Gate, namespace: str
) -> None:
    names = {
        "scheduler": "airflow-scheduler",
        "triggerer": "airflow-triggerer",
        "dag-processor": "airflow-dag-processor",
    }
    lines = warned(gate, *(deployment(namespace, name, component) for component, name in names.items()))
    assert len(lines) == 3
    for line, (component, name) in zip(lines, names.items(), strict=True):
        whose = f"airlock: {component} Deployment '{namespace}/{name}': its Pods will be denied: mutable-tag: "
        assert line.startswith(whose)
        assert f"in container '{component}'; fix: " in line
        assert not line.endswith("…")


def test_where_pods_are_admitted_a_warning_says_so(gate: Gate, lax: str) -> None:
    (line,) = warned(gate, deployment(lax, "airflow-scheduler"))
    assert f"scheduler Deployment '{lax}/airflow-scheduler': its Pods will be admitted with a warning: " in line


def test_a_long_warning_arrives_whole_and_thirty_stay_within_4096(gate: Gate, namespace: str) -> None:
    (whole,) = warned(gate, official_in(namespace))
    assert len(whole) > 370
    assert TAG_FIX in whole
    assert whole.endswith(WHOSE)
    thirty = warned(gate, deployment(namespace, "airflow-many", "triggerer", 30))
    assert len(thirty) == 30
    assert sum(map(len, thirty)) <= 4096
    assert all(f"'team/app{nth}:latest'" in line for nth, line in enumerate(thirty))


def official_in(namespace: str) -> dict[str, Any]:
    workload = official.scheduler("k8s-image-latest")
    workload["metadata"]["namespace"] = namespace
    return workload


def test_each_admitted_pod_of_a_task_has_an_event_of_its_own(gate: Gate, lax: str) -> None:
    uids = []
    for nth in range(2):
        pod = task("registry.example.com/team/job:latest")
        pod["metadata"] |= {"name": f"sales-{nth}", "namespace": lax}
        pod["apiVersion"] = "v1"
        status, made = gate.create(pod, EXECUTOR, lax)
        assert status == 201, made
        uids.append(made["metadata"]["uid"])

    def regarded() -> dict[str, dict[str, Any]]:
        return {event["regarding"].get("uid", ""): event for event in gate.events(lax)}

    until(lambda: set(uids) <= set(regarded()), "an Event for each")
    for nth, uid in enumerate(uids):
        event = regarded()[uid]
        assert (event["reason"], event["regarding"]["name"]) == ("Warned", f"sales-{nth}")
        assert event["note"].startswith(f"task 'load_orders' of DAG 'sales_daily', Pod '{lax}/sales-{nth}': ")
    # As the KubernetesPodOperator asks, for the log of its task.
    shown = gate.plane.kubectl("get", "events", "-n", lax, "--field-selector", "involvedObject.name=sales-1")
    assert "mutable-tag: 'registry.example.com/team/job:latest' with imagePullPolicy IfNotPresent" in shown
