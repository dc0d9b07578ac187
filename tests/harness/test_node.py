"""The node of the tests is a real one, changes nothing of the machine, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.control_plane.access import KubectlError
from tests.harness.node import Node, network, programs, traces
from tests.harness.node.box import BOX, Box, BoxError
from tests.harness.places import ROOT
from tests.harness.waiting import until

PORT = 8080
USER = 10001


def restricted(image: str, **container: Any) -> dict[str, Any]:
    """Return the spec of a pod as the strictest Pod Security Standard has it, with a root that cannot be written."""
    rights = {
        "runAsUser": USER,
        "runAsNonRoot": True,
        "readOnlyRootFilesystem": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "main", "image": image, "securityContext": rights, **container}],
    }


def pod(name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def deployment(name: str, spec: dict[str, Any], replicas: int = 1) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": spec}
    body = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": body}


def service(name: str) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 80, "targetPort": PORT}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


@pytest.fixture
def apply(node: Node, node_namespace: str) -> Callable[..., None]:
    def apply(*objects: dict[str, Any]) -> None:
        node.kubectl("apply", "-n", node_namespace, "-f", "-", input=yaml.safe_dump_all(objects))

    return apply


@pytest.fixture(scope="session")
def site(node: Node) -> Callable[[str], Path]:
    """Build an image whose containers answer every request with the text."""

    def site(text: str) -> Path:
        return node.build_image(["httpd", "-f", "-p", str(PORT), "-h", "/www"], {"/www/index.html": text})

    return site


@pytest.fixture(scope="session")
def sleeper(node: Node) -> str:
    """Load an image that only waits."""
    node.load_image(node.build_image(), "airlock.test/sleeper:1")
    return "airlock.test/sleeper:1"


def page(address: str) -> str:
    """Return what a pod or Service says; nothing while nobody is there."""
    with suppress(OSError), urllib.request.urlopen(f"http://{address}/", timeout=5) as response:
        return str(response.read().decode())
    return ""


def cluster_ip(node: Node, namespace: str, name: str) -> str:
    return node.kubectl("get", "service", name, "-n", namespace, "-o", "jsonpath={.spec.clusterIP}")


def digest(pod: dict[str, Any]) -> str:
    """Return the digest in the imageID of the only container, after the @."""
    return str(pod["status"]["containerStatuses"][0]["imageID"].partition("@")[2])


def test_a_service_answers_from_pods_without_rights_or_a_root_that_can_be_written(
    node: Node, node_namespace: str, apply: Callable[..., None], site: Callable[[str], Path]
) -> None:
    node.load_image(site("hello"), "airlock.test/web:1")
    apply(deployment("web", restricted("airlock.test/web:1"), replicas=2), service("web"))
    first, second = node.wait_ready("app=web", 2, namespace=node_namespace)
    address = cluster_ip(node, node_namespace, "web")
    assert until(lambda: page(address), "the Service answers this machine") == "hello"
    request = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc {address} 80"
    for one in (first, second):  # also when it leads back to the one that asks
        assert node.exec(node_namespace, one["metadata"]["name"], "sh", "-c", request).endswith("\n\nhello")
    name = first["metadata"]["name"]
    assert node.exec(node_namespace, name, "id", "-u").strip() == str(USER)
    with pytest.raises(KubectlError, match="Read-only file system"):
        node.exec(node_namespace, name, "touch", "/www/new")
    found = node.exec(node_namespace, name, "nslookup", f"web.{node_namespace}.svc.cluster.local")
    assert f"Address: {address}\n" in found


def test_a_pod_reaches_the_api_server_and_nothing_outside(
    node: Node, node_namespace: str, apply: Callable[..., None], sleeper: str
) -> None:
    apply(pod("inside", restricted(sleeper)))
    node.wait_ready("app=inside", namespace=node_namespace)
    api = "nc $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT </dev/null"
    until(lambda: not failure(node, node_namespace, "inside", api), "the API server's Service leads to it")
    assert "unreachable" in failure(node, node_namespace, "inside", "nc 192.0.2.1 443 </dev/null")


def failure(node: Node, namespace: str, name: str, script: str) -> str:
    try:
        node.exec(namespace, name, "sh", "-c", script)
    except KubectlError as error:
        return str(error)
    return ""


def test_a_probe_that_fails_takes_a_pod_out_of_its_service(
    node: Node, node_namespace: str, apply: Callable[..., None], sleeper: str
) -> None:
    probe = {"exec": {"command": ["test", "-e", "/flags/ready"]}, "periodSeconds": 1, "failureThreshold": 1}
    spec = restricted(sleeper, readinessProbe=probe, volumeMounts=[{"name": "flags", "mountPath": "/flags"}])
    apply(pod("probed", {**spec, "volumes": [{"name": "flags", "emptyDir": {"medium": "Memory"}}]}), service("probed"))

    def behind() -> str:
        return node.kubectl(
            "get", "endpoints", "probed", "-n", node_namespace, "-o", "jsonpath={.subsets[*].addresses}"
        )

    until(lambda: node.pods("app=probed", node_namespace)[0]["status"]["phase"] == "Running", "the pod runs")
    assert not behind()
    node.exec(node_namespace, "probed", "touch", "/flags/ready")
    node.wait_ready("app=probed", namespace=node_namespace)
    until(behind, "it is in its Service")
    node.exec(node_namespace, "probed", "rm", "/flags/ready")
    until(lambda: not behind(), "it is out of its Service")


def test_a_mounted_secret_follows_within_seconds(
    node: Node, node_namespace: str, apply: Callable[..., None], sleeper: str
) -> None:
    node.kubectl("create", "secret", "generic", "leaf", "-n", node_namespace, "--from-literal=key=old")
    spec = restricted(sleeper, volumeMounts=[{"name": "leaf", "mountPath": "/leaf"}])
    apply(pod("mounted", {**spec, "volumes": [{"name": "leaf", "secret": {"secretName": "leaf"}}]}))
    node.wait_ready("app=mounted", namespace=node_namespace)

    def mounted() -> str:
        return node.exec(node_namespace, "mounted", "cat", "/leaf/key")

    assert mounted() == "old"
    node.kubectl("patch", "secret", "leaf", "-n", node_namespace, "-p", json.dumps({"stringData": {"key": "new"}}))
    until(lambda: mounted() == "new", "the new key")


def test_a_rolled_deployment_runs_the_new_image_and_says_its_digest(
    node: Node, node_namespace: str, apply: Callable[..., None], site: Callable[[str], Path]
) -> None:
    for version in ("1", "2"):
        node.load_image(site(version), f"airlock.test/rolled:{version}")
    apply(deployment("rolled", restricted("airlock.test/rolled:1")))
    (old,) = node.wait_ready("app=rolled", namespace=node_namespace)
    node.kubectl("set", "image", "deployment/rolled", "-n", node_namespace, "main=airlock.test/rolled:2")
    node.kubectl("rollout", "status", "deployment/rolled", "-n", node_namespace, "--timeout=60s")
    (new,) = node.wait_ready("app=rolled", namespace=node_namespace)
    images = node.containers.images()
    assert (digest(old), digest(new)) == (images["airlock.test/rolled:1"], images["airlock.test/rolled:2"])
    assert digest(old) != digest(new)
    assert page(f"{new['status']['podIP']}:{PORT}") == "2"


def test_a_node_serves_its_cached_image_although_the_tag_was_pushed_again(
    node: Node, node_namespace: str, apply: Callable[..., None], site: Callable[[str], Path]
) -> None:
    image = "registry.example.com/team/airflow:latest"

    def run(name: str, policy: str) -> tuple[str, str]:
        apply(pod(name, restricted(image, imagePullPolicy=policy)))
        (found,) = node.wait_ready(f"app={name}", namespace=node_namespace)
        return page(f"{found['status']['podIP']}:{PORT}"), digest(found)

    with node.registry() as registry:
        old = registry.push(site("old"), image)
        assert run("before", "IfNotPresent") == ("old", old)
        new = registry.push(site("new"), image)
        assert run("cached", "IfNotPresent") == ("old", old)
        assert run("asked", "Always") == ("new", new)
        assert run("after", "IfNotPresent") == ("new", new)


def test_a_drained_node_has_no_pods_until_it_is_opened_again(
    node: Node, node_namespace: str, apply: Callable[..., None], sleeper: str
) -> None:
    apply(deployment("evicted", restricted(sleeper)))
    node.wait_ready("app=evicted", namespace=node_namespace)
    with node.drained("--pod-selector=app=evicted"):
        (waiting,) = node.pods("app=evicted", node_namespace)
        assert waiting["status"]["phase"] == "Pending"
    node.wait_ready("app=evicted", namespace=node_namespace)


def test_what_holds_a_pod_up_is_told(node: Node, node_namespace: str, apply: Callable[..., None]) -> None:
    apply(pod("stuck", restricted("airlock.test/nowhere:1", imagePullPolicy="Never")))
    until(lambda: "ErrImageNeverPull" in json.dumps(node.pods("app=stuck", node_namespace)), "kubelet has looked")
    with pytest.raises(TimeoutError, match=r"stuck: Pending: main .*ErrImageNeverPull"):
        node.wait_ready("app=stuck", namespace=node_namespace, seconds=0)


def test_no_pods_are_awaited_where_there_are_none(node: Node, node_namespace: str) -> None:
    assert node.wait_ready("app=nobody", 0, namespace=node_namespace) == []


def test_containers_outlive_a_kubelet_that_is_killed(
    node: Node, node_namespace: str, apply: Callable[..., None], sleeper: str
) -> None:
    apply(pod("kept", restricted(sleeper)))
    (before,) = node.wait_ready("app=kept", namespace=node_namespace)
    node.stop_kubelet()
    running = node.containers.running()
    node.start_kubelet()
    (after,) = node.wait_ready("app=kept", namespace=node_namespace)
    (container,) = after["status"]["containerStatuses"]
    assert before["status"]["containerStatuses"][0]["containerID"] == container["containerID"]
    assert running[container["containerID"].removeprefix("containerd://")] == sleeper


def test_two_nodes_stand_beside_each_other_and_one_leaves_nothing(node: Node) -> None:
    before = traces.settings()
    with Node() as other:
        assert other.network != node.network
        other.load_image(other.build_image(), "airlock.test/sleeper:1")
        other.kubectl("create", "deployment", "left", "--image=airlock.test/sleeper:1")
        other.wait_ready("app=left", namespace="default")
        assert traces.of(*other.folders)
        folders = other.folders
    assert traces.of(*folders) == []
    assert traces.settings() == before
    node.check()


def test_a_node_of_which_the_owner_is_killed_is_gone_with_all_its_pods(node: Node) -> None:
    command = [sys.executable, "-m", "tests.harness.node"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as owner:
        assert owner.stdout is not None
        kubeconfig = next(line.partition("KUBECONFIG=")[2] for line in owner.stdout if "KUBECONFIG=" in line).strip()
        kubectl = partial(node.kubectl, f"--kubeconfig={kubeconfig}")
        kubectl("create", "deployment", "left", "--image=busybox:1")
        kubectl("wait", "--for=condition=Available", "deployment/left", "--timeout=60s")
        server = yaml.safe_load(Path(kubeconfig).read_text())["clusters"][0]["cluster"]["server"]
        boxes = [Path(file.read_text().splitlines()[-1]) for file in network.STATES.iterdir()]
        (box,) = [box for box in boxes if server in (box / "kubelet.kubeconfig").read_text()]
        folders = [Path(kubeconfig).parent, box]
        assert traces.of(*folders)
        os.killpg(owner.pid, signal.SIGKILL)
    until(lambda: not traces.of(*folders), "nothing is left")


@pytest.mark.usefixtures("node")
def test_what_is_left_of_a_box_whose_keeper_is_killed_goes_with_the_next_start() -> None:
    box = Box()
    box.start({"PATH": programs.SEARCH})
    (keeper,) = subprocess.check_output(["pgrep", "--full", f"{BOX} keep {box.folder}"], text=True).split()
    os.kill(int(keeper), signal.SIGKILL)
    with pytest.raises(BoxError, match="-9"):
        box.stop()
    assert traces.of(box.folder)

    def swept() -> bool:
        other = Box()
        other.start({"PATH": programs.SEARCH})
        other.stop()
        return not traces.of(box.folder)

    until(swept, "what was left is gone")
