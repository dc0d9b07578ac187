"""Five thousand pods of twenty Airflows on a dozen nodes, for a real API server; we know which of them are wrong.

What is wrong: fifty tasks on a moving tag that a node may serve from its cache, and twenty references that run as two
images, told in each way in which runtimes tell digests. What only looks like it: one image in two names, on two
platforms, on two runtimes, or in ways that tell no digest that can be compared.
"""

import hashlib
import http.client
import itertools
import json
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.harness.control_plane import ControlPlane
from tests.harness.reviews import owned
from webhook.cluster import JSON, MERGE_PATCH

PODS, VIOLATORS, DRIFTS, LURES = 5000, 50, 20, 30
NAMESPACES = [f"airflow-{number:02}" for number in range(20)]
RELEASE = "apache/airflow:2.10.5"
OTHERS = "nginx:latest"  # of pods that are not Airflow's, whose status nobody looks at
STARTED = f"{datetime.now(UTC) - timedelta(hours=5):%Y-%m-%dT%H:%M:%SZ}"

# Nodes by runtime and platform.
NODES = {
    "containerd://1.7.1 amd64": ("c1", "c2", "c3", "c4"),
    "containerd://1.7.1 arm64": ("a1", "a2"),
    "docker://20.10.7 amd64": ("d1", "d2", "d3"),
    "cri-o://1.29.1 amd64": ("o1", "o2", "o3"),
}


def digest(text: str) -> str:
    """Return the digest of *text*."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def pullable(image: str, seed: str) -> str:
    """Return an `imageID` as dockershim says it."""
    return f"docker-pullable://{image.partition(':')[0]}@{digest(seed)}"


def plain(image: str, seed: str) -> str:
    """Return an `imageID` as containerd and CRI-O say it."""
    return f"{image.partition(':')[0]}@{digest(seed)}"


@dataclass
class Crowd:
    """The pods and nodes, and what is to be found among them."""

    pods: list[dict[str, Any]] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    violators: set[str] = field(default_factory=set)  # names of tasks
    drifting: set[str] = field(default_factory=set)  # references


def crowd() -> Crowd:
    """Return the crowd; the same each time."""
    made = Crowd()
    _violate(made)
    _drift(made)
    _lure(made)
    _fill(made)
    made.nodes = [
        _node(name, runtime.partition(" ")[0], runtime.partition(" ")[2], _names(name))
        for runtime, names in NODES.items()
        for name in names
    ]
    return made


def _violate(made: Crowd) -> None:
    for number, namespace in zip(range(VIOLATORS), itertools.cycle(NAMESPACES)):
        name, image = f"violator-{number:02}", f"registry.example.com/team/job-{number:02}:latest"
        made.pods.append(task(name, namespace, image, "c1", plain(image, name)))
        made.violators.add(name)


def _drift(made: Crowd) -> None:
    tellers: list[tuple[tuple[str, str], Callable[[str, str], str]]] = [
        (("c1", "c2"), plain),
        (("o1", "o2"), plain),
        (("d1", "d2"), pullable),
        (("c3", "c3"), plain),  # one node, before and after a pull
    ]
    for number, (nodes, teller) in zip(range(DRIFTS), itertools.cycle(tellers)):
        image = f"registry.example.com/team/drift-{number:02}:1.0.{number}"
        for copy, node in enumerate(nodes):
            name, namespace = f"drift-{number:02}-{copy}", NAMESPACES[number]
            made.pods.append(task(name, namespace, image, node, teller(image, f"{image}-{copy}"), policy="Always"))
        made.drifting.add(image)


def _lure(made: Crowd) -> None:
    pairs: list[tuple[tuple[str, str], Callable[[str, int], str]]] = [
        (("c1", "c2"), lambda image, copy: digest(f"{image} configuration {copy}")),
        (("d1", "d2"), lambda image, copy: f"docker://{digest(f'{image} configuration {copy}')}"),
        (("c1", "c2"), lambda image, copy: plain(image, image) if copy else ""),
        (("c4", "c2"), lambda image, copy: plain(image, f"{image} {'index' if copy else 'platform'}")),
        (("c1", "a1"), lambda image, copy: plain(image, f"{image} {copy}")),
        (("c1", "o1"), lambda image, copy: plain(image, f"{image} {copy}")),
    ]
    for number, (nodes, teller) in zip(range(LURES), itertools.cycle(pairs)):
        image = f"registry.example.com/team/lure-{number:02}:1.0.{number}"
        for copy, node in enumerate(nodes):
            name = f"lure-{number:02}-{copy}"
            made.pods.append(task(name, NAMESPACES[number % 20], image, node, teller(image, copy), policy="Always"))


def _names(node: str) -> Iterator[list[str]]:
    """Yield the names of each image that *node* lists: c4 knows index and platform of the fourth lures as one."""
    for number in range(3, LURES, 6) if node == "c4" else ():
        image = f"registry.example.com/team/lure-{number:02}:1.0.{number}"
        yield [image, plain(image, f"{image} index"), plain(image, f"{image} platform")]


def _fill(made: Crowd) -> None:
    """Fill up with components that agree, with tasks, and with pods of others, one in five."""
    parts = itertools.cycle(("scheduler", "worker", "triggerer", "dag-processor"))
    nodes = itertools.cycle(NODES["containerd://1.7.1 amd64"])
    for number, namespace in zip(range(PODS - len(made.pods)), itertools.cycle(NAMESPACES)):
        node = next(nodes)
        if number % 5 == 0:
            made.pods.append(_pod(f"web-{number}", namespace, {"app": "web"}, "web", OTHERS, node, "", "Always"))
        elif number % 5 in (1, 2):
            made.pods.append(_component(next(parts), number, namespace, node))
        else:
            image = "docker.io/apache/airflow:2.10.5"
            made.pods.append(task(f"task-{number}", namespace, RELEASE, node, plain(image, "release")))


def task(
    name: str, namespace: str, image: str, node: str, image_id: str, *, policy: str = "IfNotPresent"
) -> dict[str, Any]:
    """Return a pod of a KubernetesPodOperator."""
    labels = {"kubernetes_pod_operator": "True", "dag_id": name.partition("-")[0], "task_id": name, "try_number": "1"}
    return _pod(name, namespace, labels, "base", image, node, image_id, policy)


def _component(component: str, number: int, namespace: str, node: str) -> dict[str, Any]:
    labels = {"tier": "airflow", "component": component, "release": namespace, "pod-template-hash": "6d4cf"}
    image_id = plain("docker.io/apache/airflow:2.10.5", "release")
    pod = _pod(f"{component}-{number}", namespace, labels, component, RELEASE, node, image_id, "IfNotPresent")
    return owned(pod, "ReplicaSet", f"{namespace}-{component}-6d4cf")


def _pod(  # noqa: PLR0917 - what tells one pod from another; all of it is needed
    name: str,
    namespace: str,
    labels: dict[str, str],
    container: str,
    image: str,
    node: str,
    image_id: str,
    policy: str,
) -> dict[str, Any]:
    env = [{"name": f"AIRFLOW__CORE__SETTING_{number}", "value": f"a value of {number}" * 3} for number in range(20)]
    state = {"running": {"startedAt": STARTED}}
    status = {"name": container, "image": image, "imageID": image_id, "ready": True, "restartCount": 0, "state": state}
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "nodeName": node,
            "tolerations": [{"operator": "Exists"}],
            "automountServiceAccountToken": False,
            "containers": [{"name": container, "image": image, "imagePullPolicy": policy, "env": env}],
        },
        "status": {"phase": "Running", "containerStatuses": [status]} if image != OTHERS else {},
    }


def _node(name: str, runtime: str, architecture: str, images: Iterable[list[str]]) -> dict[str, Any]:
    info = {"containerRuntimeVersion": runtime, "architecture": architecture, "operatingSystem": "linux"}
    rest = ("machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "kubeletVersion", "kubeProxyVersion")
    listed = [{"names": names, "sizeBytes": 1} for names in images]
    return {"metadata": {"name": name}, "status": {"nodeInfo": dict.fromkeys(rest, "") | info, "images": listed}}


def settle(plane: ControlPlane, made: Crowd, *, threads: int = 8) -> None:
    """Put *made* into *plane*, whose namespaces must be there: pods are created, and their status is patched.

    With the plainest client that there is, since any other takes longer than the server.
    """
    local = threading.local()
    tls = ssl.create_default_context(cafile=plane.site.file("ca.crt"))
    tls.load_cert_chain(plane.site.file("admin.crt"), plane.site.file("admin.key"))

    def send(method: str, path: str, body: dict[str, Any], content_type: str) -> None:
        if not hasattr(local, "connection"):
            local.connection = http.client.HTTPSConnection(plane.url.removeprefix("https://"), context=tls)
            stack.callback(local.connection.close)
        local.connection.request(method, path, json.dumps(body), {"Content-Type": content_type})
        response = local.connection.getresponse()
        text = response.read()
        assert response.status < 300, text

    def put(path: str, body: dict[str, Any]) -> None:
        send("POST", path, body, JSON)
        if "containerStatuses" in body["status"]:  # which a pod does not keep when it is created
            send("PATCH", f"{path}/{body['metadata']['name']}/status", {"status": body["status"]}, MERGE_PATCH)

    with ExitStack() as stack, ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda node: put("/api/v1/nodes", node), made.nodes))
        list(pool.map(lambda pod: put(f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods", pod), made.pods))
