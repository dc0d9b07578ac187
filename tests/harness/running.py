"""Pods that seem to run although there is no node: made through the API, with the status that a kubelet would write."""

import copy
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from tests.harness.control_plane import ControlPlane
from tests.harness.waiting import until
from webhook.cluster import MERGE_PATCH, Answer, Cluster

# The controller manager of the control plane would take pods from nodes that never say that they are well.
_STAY = [{"operator": "Exists"}]


@dataclass(frozen=True, slots=True)
class Kubelets:
    """Makes pods run in *namespace*, and end."""

    cluster: Cluster  # as the administrator
    namespace: str

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods"

    def run(self, pod: dict[str, Any]) -> None:
        """Make *pod*, as `tests.harness.livepods` builds it but without its owner, and have it run."""
        body = copy.deepcopy(pod)
        status, metadata = body.pop("status"), body["metadata"]
        for key in ("uid", "creationTimestamp", "namespace", "ownerReferences"):
            metadata.pop(key, None)
        body["spec"]["tolerations"] = _STAY
        good(self.cluster.call("POST", self.path, body=body))
        self.report(metadata["name"], status)

    def deploy(self, pod: dict[str, Any], image_ids: dict[str, str], kind: str = "Deployment") -> str:
        """Have a Deployment, or another *kind*, make *pod*, one for each node of *image_ids*, running the image there.

        Returns the name of what makes them.
        """
        template = {"metadata": {"labels": dict(pod["metadata"]["labels"])}, "spec": copy.deepcopy(pod["spec"])}
        del template["metadata"]["labels"]["pod-template-hash"], template["spec"]["nodeName"]
        template["spec"]["tolerations"] = _STAY
        labels = template["metadata"]["labels"]
        name = f"{labels['release']}-{labels['component']}"
        spec = {"replicas": len(image_ids), "selector": {"matchLabels": labels}, "template": template}
        if kind == "StatefulSet":
            spec |= {"serviceName": name, "podManagementPolicy": "Parallel"}
        body = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
        good(self.cluster.call("POST", f"/apis/apps/v1/namespaces/{self.namespace}/{kind.lower()}s", body=body))
        pods = until(lambda: self._made_by(name, len(image_ids)), "the Deployment's pods")
        for made, (node, image_id) in zip(pods, image_ids.items(), strict=True):
            self.place(made, node)
            own = pod["status"]["containerStatuses"]
            self.report(made, pod["status"] | {"containerStatuses": [{**one, "imageID": image_id} for one in own]})
        return name

    def _made_by(self, name: str, number: int) -> list[str]:
        names = self._pods(name)
        return names if len(names) == number else []

    def _pods(self, name: str) -> list[str]:
        items = good(self.cluster.call("GET", self.path)).body["items"]
        return [item["metadata"]["name"] for item in items if item["metadata"]["name"].startswith(f"{name}-")]

    @property
    def deployments(self) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments"

    def place(self, name: str, node: str) -> None:
        """Bind the pod *name* to *node*, as the scheduler does."""
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name}, "target": target}
        good(self.cluster.call("POST", f"{self.path}/{name}/binding", body=body))

    def scale(self, name: str, replicas: int) -> None:
        """Have the Deployment *name* keep so many pods."""
        path, body = f"{self.deployments}/{name}", {"spec": {"replicas": replicas}}
        good(self.cluster.call("PATCH", path, body=body, content_type=MERGE_PATCH))
        if replicas == 0:
            until(lambda: self._is_down(name), f"the pods of {name} to be gone")

    def _is_down(self, name: str) -> bool:
        """End the pods of *name* that are left; return whether none is, and no controller still makes one."""
        told = good(self.cluster.call("GET", f"{self.deployments}/{name}")).body
        left = self._pods(name)
        for pod in left:
            self.end(pod)  # nobody else would, without a kubelet
        seen = told["status"].get("observedGeneration") == told["metadata"]["generation"]
        return seen and not left and not told["status"].get("replicas")

    def report(self, name: str, status: dict[str, Any]) -> None:
        """Write *status*, as a kubelet does."""
        path = f"{self.path}/{name}/status"
        good(self.cluster.call("PATCH", path, body={"status": status}, content_type=MERGE_PATCH))

    def end(self, name: str) -> None:
        """Have the pod *name* go at once."""
        body = {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0}
        answer = self.cluster.call("DELETE", f"{self.path}/{name}", body=body)
        assert answer.ok or answer.status == HTTPStatus.NOT_FOUND, answer.why

    def leave(self) -> None:
        """Have the namespace go, and its pods at once: they would wait for nodes that are not there."""
        self.cluster.call("DELETE", f"/api/v1/namespaces/{self.namespace}")  # from now on nothing makes a pod there
        for item in good(self.cluster.call("GET", self.path)).body["items"]:
            self.end(item["metadata"]["name"])


@contextmanager
def nodes(cluster: Cluster, *names: str, runtime: str = "containerd://1.7.1") -> Iterator[None]:
    """Have nodes called *names*, until the block ends."""
    info = {"architecture": "amd64", "operatingSystem": "linux", "containerRuntimeVersion": runtime}
    info |= dict.fromkeys(
        ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeletVersion", "kubeProxyVersion"), "x"
    )
    for name in names:
        good(cluster.call("POST", "/api/v1/nodes", body={"metadata": {"name": name}}))
        path, body = f"/api/v1/nodes/{name}/status", {"status": {"nodeInfo": info}}
        good(cluster.call("PATCH", path, body=body, content_type=MERGE_PATCH))
    try:
        yield
    finally:
        for name in names:
            cluster.call("DELETE", f"/api/v1/nodes/{name}")


def good(answer: Answer) -> Answer:
    assert answer.ok, answer.why
    return answer


def since(**span: float) -> str:
    """Return the time *span* before now, as the API server writes it."""
    return f"{datetime.now(UTC) - timedelta(**span):%Y-%m-%dT%H:%M:%SZ}"


def fresh_name() -> str:
    """Return a name that no node has."""
    return f"node-{uuid.uuid4().hex[:8]}"


def requests(plane: ControlPlane, user: str) -> list[tuple[str, str]]:
    """Return verb and resource of everything that *user* wrote so far, Events included."""
    found = []
    for event in plane.audit():
        if event["user"]["username"].endswith(user) and event["verb"] in ("create", "update", "patch", "delete"):
            ref = event.get("objectRef", {})
            found.append((event["verb"], f"{ref.get('resource')}/{ref.get('namespace')}/{ref.get('name', '')}"))
    return found
