"""Synthetic pods by the thousand, as the API server stores them: some Airflows whose tasks run on many nodes."""

import uuid
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from random import Random
from typing import Any

from tests.harness.livepods import REPOSITORY

NODES, DAGS, TASKS = 300, 12, 6  # in each namespace so many DAGs of so many tasks
COMPONENTS = ("scheduler", "webserver", "triggerer", "worker", "dag-processor")
_FILLER: dict[str, Any] = {f"f:{number}": {"f:name": {}, "f:value": {}} for number in range(30)}


def pods(number: int, airflows: int, seed: int = 1) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield *number* pods of so many *airflows* by their keys in etcd: a tenth of them components, the others tasks."""
    random = Random(seed)  # noqa: S311 - the same pods each time
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    for nth in range(number):
        namespace = f"airflow-{nth % airflows}"
        component = COMPONENTS[random.randrange(5)] if nth % 10 == 0 else "task"
        yield _pod(random, namespace, component, f"{component}-{seed}-{nth}", now)


def _pod(random: Random, namespace: str, component: str, name: str, now: str) -> tuple[str, dict[str, Any]]:
    labels = {"tier": "airflow", "component": component, "release": "airflow", "run": name}
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "uid": str(uuid.UUID(int=random.getrandbits(128))),
    }
    dag, task = f"dag-{random.randrange(DAGS)}", f"task-{random.randrange(TASKS)}"
    if component == "task":
        own = {"kubernetes_executor": "True", "dag_id": dag, "task_id": task, "run_id": name, "try_number": "1"}
        labels |= own | {"component": "worker"}
        metadata["annotations"] = own
    else:
        owner = f"airflow-{component}-6d4cf"
        labels["pod-template-hash"] = "6d4cf"
        uid = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{namespace}/{owner}"))
        owners = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": uid, "controller": True}]
        metadata["ownerReferences"] = owners
    fields = [{"manager": "kubelet", "operation": "Update", "apiVersion": "v1", "time": now, "fieldsV1": _FILLER}]
    metadata |= {"labels": labels, "creationTimestamp": now, "managedFields": fields}
    container = "base" if component == "task" else component
    env = [{"name": f"AIRFLOW__SECTION__OPTION_{number}", "value": f"value-{number}-{name}"} for number in range(12)]
    # One in fifty of what belongs together is of a tag that moves; a few nodes have another image of it in their cache.
    tag = "latest" if zlib.crc32(f"{namespace}/{dag}/{task}/{component}".encode()) % 50 == 0 else "2.10.5"
    node = random.randrange(NODES)
    image = f"apache/airflow:{tag}"
    status = {
        "name": container,
        "image": image,
        "imageID": f"{REPOSITORY}@sha256:{2 if node < NODES // 100 else 1}{'0' * 63}",
        "ready": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": now}},
    }
    return f"pods/{namespace}/{name}", {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {
            "nodeName": f"node-{node}",
            "containers": [{"name": container, "image": image, "imagePullPolicy": "IfNotPresent", "env": env}],
        },
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


def nodes() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the nodes by their keys in etcd."""
    info = {"architecture": "amd64", "operatingSystem": "linux", "containerRuntimeVersion": "containerd://1.7.1"}
    info |= dict.fromkeys(
        ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeletVersion", "kubeProxyVersion"), "x"
    )
    for number in range(NODES):
        metadata = {"name": f"node-{number}", "uid": str(uuid.uuid4())}
        status = {"nodeInfo": info, "images": [{"names": [f"registry.example.com/image-{n}:1"]} for n in range(40)]}
        yield f"minions/node-{number}", {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status}
