"""airlock in front of the real control plane: its ServiceAccount, its rights, its registration."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.harness.control_plane import ControlPlane
from tests.harness.server import Server, serving
from tests.harness.waiting import until

# The namespaces of airlock and of the ConfigMap that it reads for others. Audits look for documents in `airlock`, and a
# gate's documents stay when it is taken down, so they are elsewhere.
HOME, SOURCE = "gate-home", "pipelines"
EVENTS = "airlock-gate-events"  # the ClusterRole; the chart's is "airlock", on the same control plane
LABEL = "airlock-test"  # on the namespaces whose requests go through this gate
POLICY = """\
apiVersion: airlock/v1
kind: Policy
mode: enforce
namespaces: [{names: ["*-lax"], mode: warn}]
"""
MANIFEST = """\
apiVersion: airlock/v1
kind: RequiredEnv
env:
  - name: MESSAGE_CALLBACK_ENDPOINT
    namespaces: ["test-*", "?*-lax"]
    reason: SLA callbacks run inside the scheduler
    from: {configMap: {namespace: pipelines, name: callbacks, key: endpoint}}
  - {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}, onConflict: deny}
  - {name: CPU_LIMIT, valueFrom: {resourceFieldRef: {resource: limits.cpu}}, onConflict: deny}
  - {name: MEMORY_LIMIT, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1024Ki}}, onConflict: deny}
"""
ENDPOINT = "https://callbacks.example.com/$(HOME)"
# A manifest of one variable; %s is the namespace of its ConfigMap.
ONE_SOURCE = """\
apiVersion: airlock/v1
kind: RequiredEnv
env:
  - name: CALLBACK
    namespaces: [airflow]
    reason: callbacks run in the scheduler
    from: {configMap: {namespace: %s, name: callbacks, key: endpoint}}
"""


def config_map(namespace: str, name: str, data: dict[str, str]) -> dict[str, Any]:
    metadata = {"namespace": namespace, "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def rights() -> list[dict[str, Any]]:
    """Return what airlock's ServiceAccount needs and nothing more."""
    subject = [{"kind": "ServiceAccount", "name": "airlock", "namespace": HOME}]
    reading = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}
    objects: list[dict[str, Any]] = []
    for namespace, names in (
        (HOME, ["airlock-policy", "airlock-required-env", "airlock-release", "airlock-pins", "airlock-sightings"]),
        (SOURCE, ["callbacks"]),
    ):
        metadata = {"name": "airlock", "namespace": namespace}
        objects += [
            _rbac("Role", metadata, rules=[reading | {"resourceNames": names}]),
            _rbac("RoleBinding", metadata, subjects=subject, roleRef=_ref("Role", "airlock")),
        ]
    writing = {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]}
    return [
        *objects,
        _rbac("ClusterRole", {"name": EVENTS}, rules=[writing]),
        _rbac("ClusterRoleBinding", {"name": EVENTS}, subjects=subject, roleRef=_ref("ClusterRole", EVENTS)),
    ]


def _rbac(kind: str, metadata: dict[str, str], **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": metadata, **fields}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}


def registration(server: Server) -> list[dict[str, Any]]:
    """Return the webhook configurations that send requests of labelled namespaces to *server*."""
    ca = base64.b64encode(server.ca.read_bytes()).decode()

    def configuration(kind: str, path: str, rules: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
        hook = {
            "name": f"{path}.airlock.example.com",
            "clientConfig": {"url": f"https://127.0.0.1:{server.port}/{path}", "caBundle": ca},
            "rules": rules,
            "namespaceSelector": {"matchExpressions": [{"key": LABEL, "operator": "Exists"}]},
            "failurePolicy": "Fail",
            "sideEffects": "NoneOnDryRun",
            "admissionReviewVersions": ["v1"],
            "timeoutSeconds": 10,
            **fields,
        }
        metadata = {"name": "airlock-test"}
        return {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": metadata, "webhooks": [hook]}

    def rule(group: str, resources: list[str], operations: list[str]) -> dict[str, Any]:
        return {"apiGroups": [group], "apiVersions": ["v1"], "resources": resources, "operations": operations}

    both = ["CREATE", "UPDATE"]
    pods = rule("", ["pods", "pods/ephemeralcontainers"], both)
    workloads = rule("apps", ["deployments", "statefulsets", "daemonsets"], both)
    jobs = rule("batch", ["jobs"], both)
    return [
        configuration(
            "MutatingWebhookConfiguration", "mutate", [rule("", ["pods"], ["CREATE"])], reinvocationPolicy="IfNeeded"
        ),
        configuration("ValidatingWebhookConfiguration", "validate", [pods, workloads, jobs]),
    ]


@dataclass(frozen=True, slots=True)
class Gate:
    """A control plane with airlock in front of it."""

    plane: ControlPlane
    server: Server

    def apply(self, *objects: dict[str, Any]) -> None:
        """Create or change *objects* as the administrator."""
        self.plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(objects))

    def put(self, name: str, data: dict[str, str]) -> None:
        """Have the good document in ConfigMap *name* be another one, and return when it is in force."""
        document = name.removeprefix("airlock-")
        accepted = f'airlock_policy_reloads_total{{document="{document}",outcome="accepted"}}'
        before = self.server.metric(accepted)
        self.apply(config_map(HOME, name, data))
        until(lambda: self.server.metric(accepted) > before, f"{name} to be in force")

    def asked(self, path: str) -> bool:
        """Return whether anyone has asked at *path* yet."""
        lines = self.server.probe("/metrics")[1].splitlines()
        mine = [line for line in lines if line.startswith("airlock_admission_reviews_total{") and f'"{path}"' in line]
        return any(float(line.rpartition(" ")[2]) for line in mine)

    def get(self, *arguments: str) -> Any:
        """Return what `kubectl get` shows."""
        return json.loads(self.plane.kubectl("get", *arguments, "-o", "json"))

    def events(self, namespace: str) -> list[dict[str, Any]]:
        """Return airlock's Events in *namespace*."""
        items: list[dict[str, Any]] = self.get("events.events.k8s.io", "-n", namespace)["items"]
        return [event for event in items if event.get("reportingController") == "airlock"]

    def create(
        self, pod: dict[str, Any], user: str, namespace: str, *, dry_run: bool = False
    ) -> tuple[int, dict[str, Any]]:
        """POST *pod* as *user* does; return the HTTP status and the answer."""
        client = self.plane.as_user(user, ["system:masters"])
        query = "?dryRun=All" if dry_run else ""
        _, url, headers, *_ = client.param_serialize(
            "POST", f"/api/v1/namespaces/{namespace}/pods{query}", header_params={"Content-Type": "application/json"}
        )
        response = client.call_api("POST", url, headers, pod, _request_timeout=60).response
        try:
            return response.status, json.loads(response.read())
        finally:
            response.close()
            client.close()  # type: ignore[no-untyped-call]


@contextmanager
def standing(plane: ControlPlane, folder: Path, *options: str) -> Iterator[Gate]:
    """Run airlock on documents in ConfigMaps, with more *options*, and register it; undo that when the block ends."""
    for name in (HOME, SOURCE):
        if plane.run_kubectl("get", "namespace", name).returncode:  # another module's gate may have stood here
            plane.namespace(name)
    documents = [
        config_map(HOME, "airlock-policy", {"policy.yaml": POLICY}),
        config_map(HOME, "airlock-required-env", {"required-env.yaml": MANIFEST}),
        config_map(SOURCE, "callbacks", {"endpoint": ENDPOINT}),
    ]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "airlock", "namespace": HOME}}
    plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all([account, *rights(), *documents]))
    plane.kubectl("delete", "events.events.k8s.io", "--all", "-n", HOME)  # an earlier gate told those
    environ = {"PATH": "/usr/bin:/bin", "KUBECONFIG": str(plane.token_kubeconfig(HOME, "airlock"))}
    sources = [
        "--policy",
        f"configmap:{HOME}/airlock-policy",
        "--required-env",
        f"configmap:{HOME}/airlock-required-env",
    ]
    with serving(folder, *sources, *options, environ=environ) as server:
        hooks = registration(server)
        gate = Gate(plane, server)
        gate.apply(*hooks)
        try:
            probe = plane.namespace(labels={LABEL: ""})
            bad = bad_pod()
            # New registrations take some time to be honoured, each its own.
            until(
                lambda: gate.create(bad, REPLICASET, probe, dry_run=True)[0] == 422 and gate.asked("/mutate"),
                "the gate to stand",
            )
            yield gate
        finally:
            plane.kubectl("delete", "--ignore-not-found", "-f", "-", input=yaml.safe_dump_all(hooks))


REPLICASET = "system:serviceaccount:kube-system:replicaset-controller"
LABELS = {"tier": "airflow", "component": "scheduler", "release": "airflow"}


def bad_pod() -> dict[str, Any]:
    """Return a scheduler on a moving tag."""
    containers = [{"name": "scheduler", "image": "apache/airflow:latest", "imagePullPolicy": "IfNotPresent"}]
    metadata = {"generateName": "airflow-scheduler-", "labels": LABELS}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": containers}}


def scheduler_deployment(namespace: str, image: str, name: str = "airflow-scheduler") -> dict[str, Any]:
    """Return a Deployment of one scheduler."""
    container = {"name": "scheduler", "image": image, "imagePullPolicy": "IfNotPresent"}
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"component": "scheduler"}}, "template": template},
    }
