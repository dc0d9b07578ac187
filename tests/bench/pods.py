"""Reviews to measure with: healthy schedulers of any size, with what an API server adds."""

from typing import Any

from tests.harness.reviews import owned, review

POLICY = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
MANIFEST = "{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: MESSAGE_CALLBACK_ENDPOINT, value: https://x}]}"
SIZE = 10 * 1024


def scheduler(containers: int = 3, variables: int = 16, tag: str = "2.10.5") -> dict[str, Any]:
    """Return a scheduler with what the manifest wants, *variables* more in each of its *containers*."""
    more = [{"name": f"AIRFLOW__SECTION__OPTION_{n}", "value": f"value-{n}"} for n in range(variables)]
    mounts = [{"name": "config", "mountPath": "/opt/airflow/airflow.cfg", "subPath": "airflow.cfg", "readOnly": True}]
    names = ("scheduler", "git-sync", "scheduler-log-groomer", *(f"sidecar-{n}" for n in range(containers)))
    made = [
        {
            "name": name,
            "image": f"apache/airflow:{tag}",
            "imagePullPolicy": "IfNotPresent",
            "env": [{"name": "MESSAGE_CALLBACK_ENDPOINT", "value": "https://x"}, *more],
            "volumeMounts": mounts,
        }
        for name in names[:containers]
    ]
    metadata = {
        "name": "airflow-scheduler-7d4b9c-x2x9z",
        "namespace": "airflow",
        "uid": "5b1f",
        "labels": {"tier": "airflow", "component": "scheduler", "release": "airflow"},
        "managedFields": [],
    }
    return owned({"kind": "Pod", "metadata": metadata, "spec": {"containers": made}})


def reviewed(pod: dict[str, Any], size: int = SIZE) -> bytes:
    """Return the review of *pod*, with managed fields up to *size* bytes."""
    missing = max(0, (size - len(review(pod))) // 38)
    fields: dict[str, Any] = {f"f:{n}": {"f:name": {}, "f:value": {}} for n in range(missing)}
    pod["metadata"]["managedFields"] = [{"manager": "kube-controller-manager", "fieldsV1": fields}]
    return review(pod)
