"""`audit` and `diagnose` look up what pods refer to, as far as their user may; what nobody may see is unknown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click.testing
import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.livepods import running
from tests.harness.scanning import listed, reader, report, workload
from tests.harness.waiting import until
from webhook.__main__ import main

IMAGE = "apache/airflow:2.10.5"


def refer(kind: str, name: str, key: str) -> dict[str, Any]:
    return {"name": key.upper(), "valueFrom": {f"{kind}KeyRef": {"name": name, "key": key}}}


def populate(plane: ControlPlane, namespace: str, *env: dict[str, Any], replicas: int = 1) -> None:
    """Put a scheduler with *env* into *namespace*, and wait for its pod, which no node ever starts."""
    body = workload("scheduler", namespace, IMAGE, replicas=replicas)
    body["spec"]["template"]["spec"]["containers"][0]["env"] = list(env)
    plane.kubectl("apply", "-f", "-", input=json.dumps(body))
    until(
        lambda: not replicas or plane.kubectl("get", "pods", "-n", namespace, "-o", "name"), "the scheduler has a pod"
    )


@pytest.fixture
def policy(tmp_path: Path) -> Callable[[str], Path]:
    def write(look_in: str = "") -> Path:
        path = tmp_path / "policy.yaml"
        rules = f"{{env-reference: {{mode: enforce, lookIn: [{look_in}]}}}}"
        path.write_text(f"{{apiVersion: airlock/v1, kind: Policy, mode: warn, rules: {rules}}}")
        return path

    return write


def told(found: dict[str, Any]) -> list[str]:
    return [f"{one['mode']} {one['text']}" for one in found["findings"] if one["rule"] == "env-reference"]


def unknown(found: dict[str, Any]) -> list[str]:
    return [one["text"] for one in found["skipped"] if one["place"] == "env-reference"]


@pytest.mark.cluster
@pytest.mark.parametrize("replicas", [1, 0])
def test_what_does_not_exist_is_told_and_what_the_user_may_not_see_is_unknown(
    control_plane: ControlPlane, namespace: str, policy: Callable[[str], Path], replicas: int
) -> None:
    control_plane.kubectl("-n", namespace, "create", "configmap", "settings", "--from-literal=level=x")
    env = (
        refer("configMap", "settings", "level"),
        refer("configMap", "settings", "region"),
        refer("configMap", "gone", "zone"),
        refer("secret", "database", "url"),
    )
    populate(control_plane, namespace, *env, replicas=replicas)
    account = reader(control_plane, namespace, within=(namespace,))
    found = report("-n", namespace, "--policy", policy(""), "--secrets", kubeconfig=account)
    assert len(told(found)) == 2
    assert any("ConfigMap 'settings' in namespace" in one and "has no key 'region'" in one for one in told(found))
    assert any("ConfigMap 'gone' does not exist" in one for one in told(found))
    assert all(one.startswith("warn ") for one in told(found))
    (secret,) = unknown(found)
    assert "1 Secret" in secret
    assert "is forbidden" in secret
    assert [one["state"] for one in found["layers"]][2] == "found"


@pytest.mark.cluster
def test_secrets_are_looked_up_on_request_and_their_values_are_nowhere(
    control_plane: ControlPlane, namespace: str, policy: Callable[[str], Path]
) -> None:
    control_plane.kubectl("-n", namespace, "create", "secret", "generic", "database", "--from-literal=url=s3cret")
    populate(control_plane, namespace, refer("secret", "database", "url"), refer("secret", "database", "user"))
    account = reader(control_plane, namespace, everywhere="cluster-admin")
    without = report("-n", namespace, "--policy", policy(""), kubeconfig=account)
    assert told(without) == []
    assert "Secrets are only looked up with --secrets" in unknown(without)[0]
    assert "could not be looked at" in json.dumps(without["layers"][2])
    found = report("-n", namespace, "--policy", policy(""), "--secrets", kubeconfig=account)
    (one,) = told(found)
    assert "has no key 'user'" in one
    assert unknown(found) == []
    assert "s3cret" not in json.dumps(found)
    assert "czNjcmV0" not in json.dumps(found)


@pytest.mark.cluster
def test_a_namespace_of_look_in_is_named_only_where_the_user_may_read_it(
    control_plane: ControlPlane, namespace: str, policy: Callable[[str], Path]
) -> None:
    other = control_plane.namespace()
    control_plane.kubectl("-n", other, "create", "configmap", "callbacks", "--from-literal=endpoint=x")
    populate(control_plane, namespace, refer("configMap", "callbacks", "endpoint"))
    account = reader(control_plane, namespace, within=(namespace,))
    (one,) = told(report("-n", namespace, "--policy", policy(other), kubeconfig=account))
    assert other not in one
    both = reader(control_plane, namespace, within=(namespace, other), everywhere="")
    (one,) = told(report("-n", namespace, "--policy", policy(other), kubeconfig=both))
    assert f"it exists in namespace {other}: a Pod cannot refer to it" in one


@pytest.mark.cluster
def test_diagnose_names_the_reference_that_keeps_the_pod_from_starting(
    control_plane: ControlPlane, namespace: str
) -> None:
    populate(control_plane, namespace, refer("configMap", "gone", "zone"))
    account = reader(control_plane, namespace, within=(namespace,))
    runner = click.testing.CliRunner(env={"KUBECONFIG": str(account)})
    result = runner.invoke(main, ["diagnose", "-n", namespace, "-o", "json"])
    assert result.exit_code == 1, result.output
    wall = json.loads(result.stdout)["layers"][2]
    assert wall["answer"] == "the cause"
    assert "ConfigMap 'gone' does not exist" in json.dumps(wall)


def test_a_dump_without_the_namespaces_config_maps_says_nothing_of_references() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **running()}
    pod["spec"]["containers"][0]["env"] = [refer("configMap", "gone", "zone")]
    found = report("-f", "-", stdin=listed(pod))
    assert told(found) == []


def test_a_dump_with_all_config_maps_of_a_namespace_tells_which_are_missing() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **running()}
    pod["spec"]["containers"][0]["env"] = [refer("configMap", "gone", "zone")]
    metadata = {"name": "kube-root-ca.crt", "namespace": pod["metadata"]["namespace"]}
    root = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": "x"}}
    (one,) = told(report("-f", "-", stdin=listed(pod, root)))
    assert "ConfigMap 'gone' does not exist" in one


def test_a_container_that_runs_had_its_secret_so_nothing_is_unknown_about_it() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **running()}
    pod["spec"]["containers"][0]["env"] = [refer("secret", "database", "url")]
    found = report("-f", "-", stdin=listed(pod))
    assert (told(found), unknown(found)) == ([], [])
    pod["status"] = {"phase": "Pending"}
    assert len(unknown(report("-f", "-", stdin=listed(pod)))) == 1


def test_a_file_that_nothing_writes_is_told_of_a_pod_that_waits_and_not_of_one_that_has_started() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", **running()}
    file = {"fileKeyRef": {"volumeName": "data", "path": "app.env", "key": "TOKEN"}}
    pod["spec"]["containers"][0] |= {"env": [{"name": "TOKEN", "valueFrom": file}]}
    pod["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    metadata = {"name": "kube-root-ca.crt", "namespace": pod["metadata"]["namespace"]}
    root = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": "x"}}
    assert told(report("-f", "-", stdin=listed(pod, root))) == []
    pod["status"] = {"phase": "Pending"}
    (one,) = told(report("-f", "-", stdin=listed(pod, root)))
    assert "no other container mounts the volume 'data'" in one
    pod["spec"]["initContainers"] = [{"name": "write", "image": "busybox:1.36.1", "volumeMounts": [{"name": "data"}]}]
    assert told(report("-f", "-", stdin=listed(pod, root))) == []
