"""env-reference at admission on a real API server: told where airlock may read, unknown elsewhere, and never denied."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.harness.control_plane import ControlPlane
from tests.harness.gate import HOME, LABEL, LABELS, REPLICASET, SOURCE, Gate, config_map, standing
from tests.harness.waiting import until

POLICY = """
apiVersion: airlock/v1
kind: Policy
mode: enforce
rules: {env-reference: {mode: enforce, lookIn: [pipelines]}, required-env: {mode: "off"}}
"""
SEEN, UNSEEN = "references-seen", "references-unseen"
ACCOUNT = [{"kind": "ServiceAccount", "name": "airlock", "namespace": HOME}]


def readable(namespace: str, *resources: str) -> list[dict[str, Any]]:
    """Return the Role and its binding as the chart makes them."""
    common = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "airlock-keys", "namespace": namespace},
    }
    rule = {"apiGroups": [""], "resources": list(resources), "verbs": ["list", "watch"]}
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "airlock-keys"}
    return [
        common | {"kind": "Role", "rules": [rule]},
        common | {"kind": "RoleBinding", "subjects": ACCOUNT, "roleRef": ref},
    ]


@pytest.fixture(scope="module")
def gate(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    for name in (SEEN, UNSEEN):
        control_plane.namespace(name, {LABEL: ""})
    hidden = config_map(UNSEEN, "hidden", {"endpoint": "x"})  # before anything is listed: a reader would know it
    control_plane.kubectl("apply", "-f", "-", input=yaml.safe_dump(hidden))
    options = ("--read-configmaps", SEEN, "--read-configmaps", SOURCE, "--read-secrets", SEEN)
    with standing(control_plane, tmp_path_factory.mktemp("references"), *options) as made:
        made.plane.kubectl("-n", SOURCE, "create", "secret", "generic", "vault", "--from-literal=key=x")
        made.apply(*readable(SEEN, "configmaps", "secrets"), *readable(SOURCE, "configmaps"))
        made.put("airlock-policy", {"policy.yaml": POLICY})
        pod = scheduler(secret("no-such-secret", "key"))
        # A right that is given after the start counts with the next try; that is half a minute later at most.
        until(lambda: told(made, SEEN, pod), "Secrets are known")
        until(lambda: told(made, SEEN, scheduler(key("no-such-map", "key"))), "ConfigMaps are known")
        until(lambda: "exists in" in told(made, SEEN, scheduler(key("callbacks", "endpoint"))), "pipelines is")
        yield made


def key(name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": "ENDPOINT", "valueFrom": {"configMapKeyRef": {"name": name, "key": key, **more}}}


def secret(name: str, key: str) -> dict[str, Any]:
    return {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def scheduler(*env: dict[str, Any]) -> dict[str, Any]:
    containers = [{"name": "scheduler", "image": "apache/airflow:2.10.5", "env": list(env)}]
    metadata = {"name": "scheduler", "labels": LABELS}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


def told(gate: Gate, namespace: str, pod: dict[str, Any]) -> str:
    """Return what airlock's warnings say of *pod*, which a controller would make; it is admitted in any case."""
    command = (
        "create",
        "--dry-run=server",
        "-n",
        namespace,
        "--as",
        REPLICASET,
        "--as-group=system:masters",
        "-f",
        "-",
    )
    done = gate.plane.run_kubectl(*command, input=yaml.safe_dump(pod))
    assert done.returncode == 0, done.stderr
    return "\n".join(line for line in done.stderr.splitlines() if "env-reference" in line)


def test_a_reference_that_cannot_be_resolved_is_told_with_its_reason_and_admitted(gate: Gate) -> None:
    gate.apply(config_map(SEEN, "settings", {"endpoint": "https://secret.example.com"}))
    until(lambda: not told(gate, SEEN, scheduler(key("settings", "endpoint"))), "the new ConfigMap is known")
    said = told(gate, SEEN, scheduler(key("settings", "endpiont")))
    assert (
        "'ENDPOINT' cannot be resolved: ConfigMap 'settings' in namespace 'references-seen' has no key 'endpiont'"
        in said
    )
    said = told(gate, SEEN, scheduler(secret("database", "url")))
    assert "Secret 'database' does not exist in namespace 'references-seen'" in said
    assert not told(gate, SEEN, scheduler(key("gone", "key", optional=True)))
    assert "secret.example.com" not in gate.server.settled().log.read_text()


def test_where_the_policy_names_the_namespace_that_has_it_the_answer_has_the_entry_to_add(gate: Gate) -> None:
    said = told(gate, SEEN, scheduler(key("callbacks", "endpoint")))
    assert "it exists in namespace pipelines: a Pod cannot refer to it; declare it in the required-env manifest" in said
    assert "from: {configMap: {namespace: pipelines, name: callbacks, key: endpoint}}" in said


def test_what_airlock_may_not_read_is_unknown_and_nobody_learns_names_of_other_namespaces(gate: Gate) -> None:
    assert not told(gate, UNSEEN, scheduler(key("no-such-map", "key"), secret("no-such-secret", "key")))
    assert not told(gate, UNSEEN, scheduler(key("callbacks", "endpoint")))  # its own may be there, so nothing is wrong
    gone, hidden = (told(gate, SEEN, scheduler(key(name, "endpoint"))) for name in ("nothing", "hidden"))
    assert gone.replace("nothing", "hidden") == hidden  # a name that exists elsewhere answers like one that does not
    # The Secrets of pipelines may not be read, so they are unknown too.
    vault, none = (told(gate, SEEN, scheduler(secret(name, "key"))) for name in ("vault", "vaults"))
    assert vault == none.replace("vaults", "vault")


def test_an_event_tells_of_a_reference_that_cannot_be_resolved(gate: Gate) -> None:
    pod = scheduler(key("gone", "key"))
    status, made = gate.create(pod | {"metadata": {"generateName": "s-", "labels": LABELS}}, REPLICASET, SEEN)
    assert status == 201, json.dumps(made)
    until(
        lambda: any("'ENDPOINT' cannot be resolved" in event["note"] for event in gate.events(SEEN)),
        "an Event tells of it",
    )
