"""The official Airflow chart's scheduler, exactly as the chart renders it, and what it needs to run on a node."""

from typing import Any

import yaml

from tests.harness import places
from tests.harness.node import Node

RENDERED = places.CORPUS / "official-1.22.0"
ACCOUNT = "airflow-scheduler"
SECRETS = {  # what its environment refers to: name -> key
    "airflow-fernet-key": "fernet-key",
    "airflow-metadata": "connection",
    "airflow-api-secret-key": "api-secret-key",
    "airflow-jwt-secret": "jwt-secret",
}
FILES = ("airflow.cfg", "airflow_local_settings.py", "pod_template_file.yaml")
WAIT = "trap exit TERM\nsleep infinity & wait\n"
# All that its containers and probes call: nothing of the workload is adapted. Where Airflow would work, this waits.
PROGRAMS = {
    "/bin/bash": '#!/bin/sh\nexec sh "$@"\n',
    "/bin/airflow": f'#!/bin/sh\n[ "$1" = scheduler ] || exit 0\n{WAIT}',
    "/entrypoint": '#!/bin/sh\nexec "$@"\n',
    "/clean-logs": f"#!/bin/sh\n{WAIT}",
}


def scheduler(name: str) -> dict[str, Any]:
    """Return the scheduler's Deployment in the rendering *name*."""
    text = (RENDERED / f"{name}.workloads.yaml").read_text(encoding="utf-8")
    (found,) = [each for each in yaml.safe_load_all(text) if each and each["metadata"]["name"] == ACCOUNT]
    deployment: dict[str, Any] = found
    return deployment


def images(workload: dict[str, Any]) -> set[str]:
    """Return the images of all containers."""
    spec = workload["spec"]["template"]["spec"]
    return {container["image"] for container in (*spec["initContainers"], *spec["containers"])}


def prepare(node: Node, namespace: str, *workloads: dict[str, Any]) -> None:
    """Put into *namespace* what the *workloads* refer to, and their images into the node's cache."""
    archive = node.build_image(files=PROGRAMS)
    for image in sorted({image for workload in workloads for image in images(workload)}):
        node.load_image(archive, image)
    objects = [
        _object("ServiceAccount", ACCOUNT),
        _object("ConfigMap", "airflow-config", data=dict.fromkeys(FILES, "")),
    ]
    objects += [_object("Secret", name, stringData={key: "x"}) for name, key in SECRETS.items()]
    node.kubectl("apply", "-n", namespace, "-f", "-", input=yaml.safe_dump_all(objects))


def _object(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **fields}
