"""Running pods as the API server lists them, built from plain objects."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.harness.reviews import owned
from webhook.pods.live import LivePod, decode_pod
from webhook.pods.nodes import Node, decode_node

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
REPOSITORY = "docker.io/apache/airflow"


def digest(letter: str) -> str:
    """Return the digest that is all *letter*, a hexadecimal digit."""
    return f"sha256:{letter * 64}"


def ago(**span: float) -> str:
    """Return the time *span* before `NOW`, as the API server writes it."""
    return f"{NOW - timedelta(**span):%Y-%m-%dT%H:%M:%SZ}"


def status(name: str, image_id: str, started: str) -> dict[str, Any]:
    """Return the status of a container that runs."""
    return {"name": name, "image": "whatever", "imageID": image_id, "state": {"running": {"startedAt": started}}}


def running(
    component: str = "scheduler",
    image: str = "apache/airflow:2.10.5",
    image_id: str = f"{REPOSITORY}@{digest('1')}",
    *,
    name: str = "",
    namespace: str = "airflow",
    release: str = "airflow",
    node: str = "node-a",
    started: str = ago(hours=5),
    policy: str = "IfNotPresent",
    phase: str = "Running",
    **spec: Any,
) -> dict[str, Any]:
    """Return a pod of the official chart's *component* that runs one container."""
    name = name or f"{release}-{component}-6d4cf-{node[-1]}"
    labels = {"tier": "airflow", "component": component, "release": release, "pod-template-hash": "6d4cf"}
    metadata = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "creationTimestamp": started,
        "labels": labels,
    }
    container = {"name": component, "image": image, "imagePullPolicy": policy}
    pod = {
        "metadata": metadata,
        "spec": {"nodeName": node, "containers": [container], **spec},
        "status": {"phase": phase, "containerStatuses": [status(component, image_id, started)]},
    }
    return owned(pod, "ReplicaSet", f"{release}-{component}-6d4cf")


def task(
    image: str = "apache/airflow:2.10.5",
    image_id: str = f"{REPOSITORY}@{digest('1')}",
    *,
    dag: str = "sales_daily",
    name: str = "",
    started: str = ago(minutes=1),
    **others: Any,
) -> dict[str, Any]:
    """Return a worker pod of the executor under the official chart that runs."""
    pod = running("worker", image, image_id, name=name or f"{dag}-load-1", started=started, **others)
    del pod["metadata"]["ownerReferences"]
    labels = {"kubernetes_executor": "True", "dag_id": dag, "task_id": "load_orders", "try_number": "1"}
    pod["metadata"]["labels"] |= labels
    pod["spec"]["containers"][0]["name"] = "base"
    pod["status"]["containerStatuses"][0]["name"] = "base"
    return pod


def live(pod: dict[str, Any]) -> LivePod:
    """Return *pod* as it is read off the API server."""
    return decode_pod(json.dumps(pod).encode())


def node(
    name: str, runtime: str = "containerd://1.7.1", architecture: str = "amd64", same: tuple[list[str], ...] = ()
) -> Node:
    """Return a node; *same* are lists of the names that one image has there."""
    info = {"architecture": architecture, "operatingSystem": "linux", "containerRuntimeVersion": runtime}
    body = {"metadata": {"name": name}, "status": {"nodeInfo": info, "images": [{"names": names} for names in same]}}
    found = decode_node(json.dumps(body).encode())
    assert found is not None
    return found
