"""Example surveys for the formats of an audit: a fleet with many faults, and large ones."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import yaml

from tests.harness import places
from tests.harness.livepods import NOW, ago, digest, live, node, running, status, task
from tests.harness.reviews import owned
from webhook.audit.assessment import Law, judge
from webhook.audit.clusters import together, unread
from webhook.audit.coverage import Coverage, Registration, Selector
from webhook.audit.survey import Basis, Survey
from webhook.audit.taking import Look
from webhook.documents.policy import Policy, read_policy
from webhook.documents.required_env import RequiredEnv, read_manifest
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods.live import LivePod
from webhook.pods.nodes import Nodes, known

TEAM = "registry.example.com/data/airflow"
SKIP = "airlock/skip"
BASIS = Basis(
    "context prod-eu",
    "ConfigMap airlock/airlock-policy, revision 45bd7d719826",
    "ConfigMap airlock/airlock-required-env, revision 0c1f5d2a9b77",
    installed=True,
)
HOSTILE = "</script><img src=x onerror=document.title='pwned'>"


def policy(mode: str = "warn", production: str = "enforce") -> Policy:
    """Return a policy that has its own mode in *production*, and elsewhere *mode*."""
    exemption = {
        "name": "legacy-etl",
        "reason": "rebuilt weekly until the migration",
        "owner": "data-platform",
        "expires": "2027-03-31",
        "rules": ["mutable-tag"],
        "namespaces": ["legacy"],
    }
    body = {
        "apiVersion": "airlock/v1",
        "kind": "Policy",
        "mode": mode,
        "namespaces": [
            {"names": ["airflow", "airflow-*"], "mode": production},
            {"names": ["sandbox"], "mode": "audit"},
        ],
        "exemptions": [exemption],
    }
    return read_policy(yaml.safe_dump(body))


def manifest() -> RequiredEnv:
    """Return a manifest with the variable of the story."""
    variable = {
        "name": "MESSAGE_CALLBACK_ENDPOINT",
        "value": "https://callbacks.example.com",
        "components": ["scheduler", "dag-processor"],
    }
    return read_manifest(yaml.safe_dump({"apiVersion": "airlock/v1", "kind": "RequiredEnv", "env": [variable]}))


def story(mode: str = "warn", production: str = "enforce") -> Survey:
    """Return what is seen on the afternoon of the story, with a month of neglect around it; modes as in `policy`."""
    look = Look(
        tuple(live(pod) for pod in _story()),
        _nodes("a", "b", "c"),
        _coverage("airflow", "airflow-reports", "team-ml", "legacy", "sandbox", outside=("lab",)),
        remarks=(
            Remark(Place("namespaces/finance/pods", 0), "pods is forbidden: User cannot list resource"),
            Remark(Place("namespaces/old", 0), "is being deleted", usable=True),
        ),
    )
    return judge(look, (), Law(policy(mode, production), manifest()), BASIS, NOW)


def six(image: str = "registry.example.com/data/airflow:latest") -> Survey:
    """Return a namespace of six pods on one bad tag: four components as the official chart renders them, two tasks."""
    pods = [_rendered(body, image) for body in _official()]
    pods += [task(image, _id("1"), dag=dag) for dag in ("sales_daily", "etl_nightly")]
    look = Look(tuple(live(pod) for pod in pods), _nodes("a"), _coverage("airflow"))
    return judge(look, (), Law(policy()), BASIS, NOW)


def _official() -> Iterator[dict[str, Any]]:
    text = (places.CORPUS / "official-1.22.0" / "k8s-image-latest.workloads.yaml").read_text(encoding="utf-8")
    wanted = {f"airflow-{name}" for name in ("api-server", "dag-processor", "scheduler", "triggerer")}
    return (body for body in yaml.safe_load_all(text) if body and body["metadata"]["name"] in wanted)


def _rendered(workload: dict[str, Any], image: str) -> dict[str, Any]:
    """Return a pod of *workload* that runs *image* in every container."""
    name, template = workload["metadata"]["name"], workload["spec"]["template"]
    spec = template["spec"]
    statuses = {
        field: [status(one["name"], _id("1"), ago(hours=5)) for one in spec[kind]]
        for field, kind in (("initContainerStatuses", "initContainers"), ("containerStatuses", "containers"))
    }
    for container in (*spec["initContainers"], *spec["containers"]):
        container["image"] = image
    labels = template["metadata"]["labels"] | {"pod-template-hash": "6d4cf"}
    pod = {
        "metadata": {"name": f"{name}-6d4cf-x2x9z", "namespace": "airflow", "uid": name, "labels": labels},
        "spec": spec | {"nodeName": "node-a"},
        "status": {"phase": "Running", **statuses},
    }
    kind = workload["kind"]
    return owned(pod, *(("ReplicaSet", f"{name}-6d4cf") if kind == "Deployment" else (kind, name)))


def empty() -> Survey:
    """Return what is seen where no Airflow runs and airlock is not installed."""
    basis = Basis("dump pods.json", "the built-in policy", "no manifest", installed=None)
    return judge(Look(()), (), Law(), basis, NOW)


def healthy() -> Survey:
    """Return a survey without a finding."""
    pods = (live(running()), live(running("triggerer")), live(running("api-server")))
    return judge(Look(pods, _nodes("a"), _coverage("airflow")), (), Law(policy()), BASIS, NOW)


def several(name: str = "prod-eu") -> Survey:
    """Return a survey of three clusters: the story in *name*, another with a fault, and one that does not answer."""
    arn = "arn:aws:eks:eu-west-1:123456789012:cluster/prod"
    surveys = {name: story(), arn: story("audit", "warn"), "gone": unread("context gone", "connection refused", NOW)}
    return together(surveys)


def wide(nodes: int = 40) -> Survey:
    """Return one tag that runs as three images on as many *nodes*."""
    letters = "123"
    pods = (
        live(
            running(
                "worker",
                f"{TEAM}:main",
                _id(letters[nth % 3]),
                name=f"airflow-worker-6d4cf-{nth}",
                node=f"gke-prod-eu-west4-pool-{nth:02}",
                started=ago(hours=1 + nth),
            )
        )
        for nth in range(nodes)
    )
    names = [f"gke-prod-eu-west4-pool-{nth:02}" for nth in range(nodes)]
    look = Look(tuple(pods), known(node(name) for name in names), _coverage("airflow"))
    return judge(look, (), Law(policy()), BASIS, NOW)


def large(findings: int = 10_000) -> Survey:
    """Return a survey with as many *findings*: tasks of forty teams, each with one moving tag."""
    pods = tuple(_many(findings))
    namespaces = sorted({pod.namespace for pod in pods})
    return judge(Look(pods, _nodes("a", "b", "c"), _coverage(*namespaces)), (), Law(policy()), BASIS, NOW)


def hostile(name: str = HOSTILE) -> Survey:
    """Return a survey in which everything is called *name*, by default an attack on the page that shows it."""
    pods = [
        running("scheduler", f"{TEAM}:latest", name=name, node=name, release=name, namespace=name),
        task(f"{TEAM}:latest", dag=name, namespace=name, node=name),
        task(name, dag="odd", namespace="airflow"),
        running("worker", f"{TEAM}:main", _id("1"), release=name, node=name),
        running("worker", f"{TEAM}:main", _id("2"), release=name, node="b", name="other"),
        running("scheduler", "apache/airflow:2.10.4", _id("3"), release=name),
    ]
    look = Look(
        tuple(live(pod) for pod in pods),
        known([node(name), node("b")]),
        remarks=(Remark(Place(name, 0), name),),
    )
    return judge(look, (), Law(policy("enforce"), manifest()), Basis(name, name, name, installed=False), NOW)


def _id(letter: str) -> str:
    return f"{TEAM}@{digest(letter)}"


def _nodes(*letters: str) -> Nodes:
    return known(node(f"node-{letter}") for letter in letters)


def _coverage(*namespaces: str, outside: tuple[str, ...] = ()) -> Coverage:
    registration = Registration("airlock", (Selector(((SKIP, "DoesNotExist", frozenset()),)),))
    labels: dict[str, dict[str, str]] = {name: {} for name in namespaces}
    return Coverage(registration, known=True, namespaces=labels | {name: {SKIP: "true"} for name in outside})


def _story() -> Iterator[dict[str, Any]]:
    endpoint = [{"name": "MESSAGE_CALLBACK_ENDPOINT", "value": "https://callbacks.example.com"}]
    # Layer 2: the same tag, pushed again; node-a serves what it has in its cache. Layer 3: the variable is not there.
    for letter, where, since in (("1", "node-a", {"days": 9}), ("2", "node-b", {"hours": 5})):
        yield running("scheduler", f"{TEAM}:main", _id(letter), node=where, started=ago(**since))
        yield running("triggerer", f"{TEAM}:main", _id(letter), node=where, started=ago(**since))
    for nth in range(5):
        yield task(
            f"{TEAM}:main",
            _id("1"),
            dag="sales_daily",
            name=f"sales-daily-load-{nth}",
            node="node-a",
            started=ago(minutes=3 + nth),
        )
    # Layer 1: the scheduler was rolled out, the workers were left behind.
    reports = {"namespace": "airflow-reports", "release": "reports"}
    new, old = (
        ("apache/airflow:2.10.5", f"apache/airflow@{digest('5')}"),
        ("apache/airflow:2.10.4", f"apache/airflow@{digest('4')}"),
    )
    scheduler = running("scheduler", *new, **reports, started=ago(hours=7))
    scheduler["spec"]["containers"][0]["env"] = endpoint
    yield scheduler
    yield running("webserver", *new, **reports, started=ago(hours=7))
    for letter in "abc":
        worker = running("worker", *old, **reports, node=f"node-{letter}", started=ago(days=30))
        yield owned(worker, "StatefulSet", "reports-worker")
    # The community chart, which warns; its image says no digest that can be compared.
    web = running("web", f"{TEAM}-ml:3.1", "sha256:" + "9" * 64, namespace="team-ml", release="ml", started=ago(days=2))
    for pod in (web, running("scheduler", f"{TEAM}-ml:3.1.4", "sha256:" + "8" * 64, namespace="team-ml", release="ml")):
        pod["metadata"]["labels"]["app"] = "airflow"
        del pod["metadata"]["labels"]["tier"]
        name = f"airflow-{pod['metadata']['labels']['component']}"
        pod["spec"]["containers"][0]["name"] = pod["status"]["containerStatuses"][0]["name"] = name
        yield pod
    yield task("docker.io/legacy/etl:weekly", _id("6"), dag="etl_nightly", namespace="legacy", started=ago(minutes=40))
    yield task(f"{TEAM}:feature-x", _id("7"), dag="try_things", namespace="sandbox", started=ago(minutes=9))
    yield running("scheduler", f"{TEAM}:latest", _id("8"), namespace="lab", release="lab", started=ago(days=1))
    yield running("scheduler", f"{TEAM}@{digest('a')}", _id("a"), namespace="lab", release="lab2", started=ago(days=1))
    yield {"metadata": {"name": "coredns", "namespace": "kube-system"}, "spec": {"containers": []}}


def _many(count: int) -> Iterator[LivePod]:
    for nth in range(count):
        team = nth % 40
        yield live(
            task(
                f"registry.example.com/team-{team:02}/jobs:latest",
                f"registry.example.com/team-{team:02}/jobs@{digest('b')}",
                dag=f"dag_{nth:05}",
                name=f"dag-{nth:05}-load-1",
                namespace=f"airflow-team-{team:02}" if team % 3 else f"team-{team:02}",
                node=f"node-{'abc'[nth % 3]}",
                started=f"{NOW - timedelta(minutes=nth % 50):%Y-%m-%dT%H:%M:%SZ}",
            )
        )
