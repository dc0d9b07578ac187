"""Looking at clusters and dumps in tests: the command in this process, and accounts with the rights of readers."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click.testing
import yaml

from tests.harness.control_plane import ControlPlane
from webhook.__main__ import main
from webhook.scan.dump import Dump

ENFORCING = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"


def run(*arguments: str | Path, kubeconfig: Path | None = None, stdin: bytes | str = "") -> click.testing.Result:
    """Run `airlock audit` with *arguments*."""
    environ = {"KUBECONFIG": str(kubeconfig) if kubeconfig is not None else os.devnull}
    return click.testing.CliRunner(env=environ).invoke(main, ["audit", *map(str, arguments)], input=stdin)


def report(*arguments: str | Path, kubeconfig: Path | None = None, stdin: bytes | str = "") -> dict[str, Any]:
    """Return what `airlock audit -o json` says."""
    result = run("-o", "json", *arguments, kubeconfig=kubeconfig, stdin=stdin)
    assert result.exit_code in (0, 1, 2), result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def listed(*objects: Mapping[str, Any]) -> str:
    """Return *objects* as kubectl prints them."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}, indent=4)


def dumped(*objects: Mapping[str, Any]) -> Dump:
    """Return a dump that holds *objects*."""
    dump = Dump()
    dump.take("dump.json", listed(*objects).encode())
    return dump


def reader(plane: ControlPlane, namespace: str, *, within: tuple[str, ...] = (), everywhere: str = "") -> Path:
    """Return a kubeconfig of a new ServiceAccount in *namespace*, the context's.

    It is bound to the cluster role `view` in the namespaces *within*, and to the cluster role *everywhere*.
    """
    name = f"reader-{len(within)}-{everywhere or 'nowhere'}"
    plane.kubectl("create", "serviceaccount", name, "-n", namespace)
    account = f"--serviceaccount={namespace}:{name}"
    for one in within:
        plane.kubectl("create", "rolebinding", f"{name}-{namespace}", "-n", one, "--clusterrole=view", account)
    if everywhere:
        plane.kubectl("create", "clusterrolebinding", f"{name}-{namespace}", f"--clusterrole={everywhere}", account)
    path = plane.token_kubeconfig(namespace, name)
    body = yaml.safe_load(path.read_text())
    body["contexts"][0]["context"]["namespace"] = namespace
    path.write_text(yaml.safe_dump(body))
    return path


def workload(name: str, namespace: str, image: str, *, kind: str = "Deployment", **spec: Any) -> dict[str, Any]:
    """Return a workload as the official chart has it, whose component is *name*."""
    labels = {"tier": "airflow", "component": name, "release": "airflow"}
    container = {"name": name, "image": image, "imagePullPolicy": "IfNotPresent"}
    pod = {"automountServiceAccountToken": False, "containers": [container]}
    body: dict[str, Any] = {"template": {"metadata": {"labels": labels}, "spec": pod}}
    if kind == "CronJob":
        pod["restartPolicy"] = "Never"
        body = {"schedule": "0 0 * * *", "jobTemplate": {"spec": body}}
    elif kind == "Job":
        pod["restartPolicy"] = "Never"
    else:
        body["selector"] = {"matchLabels": labels}
    if kind == "StatefulSet":
        body["serviceName"] = name
    version = "batch/v1" if kind in ("CronJob", "Job") else "apps/v1"
    metadata = {"name": f"airflow-{name}", "namespace": namespace, "labels": labels}
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": body | spec}
