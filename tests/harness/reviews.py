"""AdmissionReviews as a real API server sends them, built from plain objects."""

import json
from copy import deepcopy
from typing import Any

REPLICASET = "system:serviceaccount:kube-system:replicaset-controller"
EXECUTOR = "system:serviceaccount:airflow:airflow-scheduler"
GROUPS = {"Pod": "", "PodTemplate": "", "ReplicationController": "", "CronJob": "batch", "Job": "batch"}
UID = "705ab4f5-6393-11e8-b7cc-42010a800002"


def review(
    obj: Any,
    *,
    operation: str = "CREATE",
    old: Any = None,
    user: str = REPLICASET,
    groups: tuple[str, ...] = ("system:authenticated",),
    namespace: str = "airflow",
    subresource: str = "",
    kind: str | None = None,
    dry_run: bool = False,
    uid: str = UID,
) -> bytes:
    """Return the body of a review of *obj*."""
    kind = kind or (obj or old or {}).get("kind", "Pod")
    group = GROUPS.get(kind, "apps")
    request = {
        "uid": uid,
        "kind": {"group": group, "version": "v1", "kind": kind},
        "resource": {"group": group, "version": "v1", "resource": f"{kind.lower()}s"},
        "name": "",
        "namespace": namespace,
        "operation": operation,
        "userInfo": {"username": user, "groups": list(groups)},
        "object": obj,
        "oldObject": old,
        "dryRun": dry_run,
    }
    if subresource:
        request["subResource"] = subresource
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def owned(pod: dict[str, Any], kind: str = "ReplicaSet", name: str = "airflow-scheduler-7d4b9c") -> dict[str, Any]:
    """Return *pod* as the controller of a *kind* makes it."""
    pod = deepcopy(pod)
    group = "apps/v1" if GROUPS.get(kind, "apps") == "apps" else "batch/v1"
    owner = {"apiVersion": group, "kind": kind, "name": name, "uid": "0f1e2d3c", "controller": True}
    pod.setdefault("metadata", {})["ownerReferences"] = [owner]
    return pod


def scheduler(image: str = "apache/airflow:2.10.5", policy: str = "IfNotPresent", **container: Any) -> dict[str, Any]:
    """Return a scheduler pod of the official chart, as its ReplicaSet makes it."""
    own = {"name": "scheduler", "image": image, "imagePullPolicy": policy, **container}
    metadata = {
        "name": "airflow-scheduler-7d4b9c-x2x9z",
        "namespace": "airflow",
        "uid": "5b1f",
        "labels": {"tier": "airflow", "component": "scheduler", "release": "airflow"},
    }
    return owned({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [own]}})


def task(image: str = "registry.example.com/team/job:latest", policy: str = "IfNotPresent") -> dict[str, Any]:
    """Return a pod as the KubernetesExecutor makes it under the official chart."""
    labels = {
        "tier": "airflow",
        "component": "worker",
        "release": "airflow",
        "kubernetes_executor": "True",
        "dag_id": "sales_daily",
        "task_id": "load_orders",
        "try_number": "1",
    }
    annotations = {"dag_id": "sales daily", "task_id": "load_orders", "run_id": "scheduled__2026-06-01T00:00:00+00:00"}
    metadata = {
        "name": "sales-daily-load-orders-swd42sz2",
        "namespace": "airflow",
        "uid": "77aa",
        "labels": labels,
        "annotations": annotations,
    }
    containers = [{"name": "base", "image": image, "imagePullPolicy": policy}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


def deployment(pod: dict[str, Any], kind: str = "Deployment") -> dict[str, Any]:
    """Return an object of *kind* whose template is *pod*'s."""
    template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": deepcopy(pod["spec"])}
    spec: dict[str, Any] = {"template": template}
    if kind == "CronJob":
        spec = {"jobTemplate": {"spec": spec}}
    metadata = {"name": "airflow-scheduler", "namespace": "airflow", "uid": "d1"}
    return {"kind": kind, "metadata": metadata, "spec": spec}
