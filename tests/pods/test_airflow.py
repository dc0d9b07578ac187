"""Whose pod is it: the table of charts against real pods of every chart."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.places import CORPUS
from webhook.pods.airflow import Chart, Component, Role, Row, custom_row
from webhook.pods.charts import CHARTS, with_rows
from webhook.pods.claim import claim as claimed
from webhook.pods.workload import OwnerReference, Workload, decode


def claim(labels: dict[str, str], rows: tuple[Row, ...] = CHARTS) -> Role | None:
    """Return the role that labels alone claim."""
    return claimed(labels, None, rows).role


def role_of(pod: dict[str, Any]) -> Role | None:
    """Return the role that labels and containers of *pod* claim."""
    workload = decode(json.dumps(pod, default=str).encode(), "batch" if pod["kind"] == "Job" else "", pod["kind"])
    assert isinstance(workload, Workload)
    return claimed(workload.template.labels or {}, workload.spec).role


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.load_all(path.read_text(), yaml.CSafeLoader) if document]


def pods() -> list[tuple[str, dict[str, Any]]]:
    files = [path for path in sorted(CORPUS.glob("*/*.yaml")) if path.name.count(".") == 1 or "provider" in str(path)]
    return [(path.parent.name, document) for path in files for document in documents(path)]


def test_every_pod_of_a_chart_is_known_and_nothing_is_other() -> None:
    seen: set[tuple[str, str]] = set()
    for folder, pod in pods():
        if folder.startswith("provider") or pod["kind"] != "Pod":
            continue
        labels = pod["metadata"].get("labels", {})
        role = role_of(pod)
        name = pod["metadata"].get("generateName") or pod["metadata"]["name"]
        if "postgresql" in name or "redis-master" in name:  # charts of their own, with labels of their own
            assert role is None
            continue
        assert role is not None, labels
        assert role.component is not Component.OTHER, labels
        chart = Chart.OFFICIAL if folder.startswith("official") else Chart.COMMUNITY
        assert role.chart is chart
        assert role.main in [container["name"] for container in pod["spec"]["containers"]]
        seen.add((role.chart, role.component))
    assert {component for chart, component in seen if chart == "official"} >= set(Component) - {"task", "other"}


def test_every_pod_of_the_executor_and_the_operators_is_a_task() -> None:
    for folder, document in pods():
        if folder.startswith("provider"):
            template = document if document["kind"] == "Pod" else document["spec"]["template"]
            role = claim(template["metadata"]["labels"])
            assert role is not None
            assert role.component is Component.TASK


def test_every_owner_in_the_corpus_fits_its_component() -> None:
    for path in sorted(CORPUS.glob("*/*.workloads.yaml")):
        for workload in documents(path):
            spec = workload["spec"].get("jobTemplate", workload)["spec"]
            if role := claim(spec["template"]["metadata"].get("labels", {})):
                assert role.fits(workload["kind"]), f"{path}: {workload['metadata']['name']}"


@pytest.mark.parametrize(
    ("component", "kind", "fits"),
    [
        ("scheduler", "ReplicaSet", True),
        ("scheduler", "StatefulSet", True),
        ("scheduler", "Job", False),
        ("scheduler", None, False),
        ("redis", "DaemonSet", True),
        ("redis", "Job", False),
        ("run-airflow-migrations", "Job", True),
        ("edge-worker", "CloneSet", True),
    ],
)
def test_a_component_comes_only_from_kinds_that_fit(component: str, kind: str | None, *, fits: bool) -> None:
    role = claim({"tier": "airflow", "component": component})
    assert role is not None
    assert role.fits(kind) is fits


def test_an_installations_own_rows_come_before_the_charts() -> None:
    rows = with_rows([custom_row(Component.SUPPORT, {"tier": "airflow", "component": "scheduler"}, None, ())])
    role = claim({"tier": "airflow", "component": "scheduler"}, rows)
    assert role is not None
    assert role.component is Component.SUPPORT


def test_a_row_for_deployments_takes_the_pods_of_their_replica_sets() -> None:
    (row,) = [custom_row(Component.SCHEDULER, {"app": "x"}, "main", ["Deployment", "CronJob"])]
    role = claim({"app": "x"}, (row,))
    assert role is not None
    assert [kind for kind in ("Deployment", "ReplicaSet", "CronJob", "Job", "StatefulSet") if role.fits(kind)] == [
        "Deployment", "ReplicaSet", "CronJob", "Job",
    ]  # fmt: skip


def test_bitnami_and_composer_are_known_by_their_labels() -> None:
    labels = {"app.kubernetes.io/name": "airflow", "app.kubernetes.io/component": "web"}
    bitnami = role_of(pod("airflow-web", labels | {"helm.sh/chart": "airflow-25.1.0"}))
    composer = claim({"run": "airflow-scheduler", "config_id": "0f6b"}, with_rows((), managed=True))
    assert bitnami is not None
    assert composer is not None
    assert (bitnami.chart, bitnami.component) == (Chart.BITNAMI, Component.WEBSERVER)
    assert (composer.chart, composer.component) == (Chart.COMPOSER, Component.SCHEDULER)
    # What `kubectl run airflow-scheduler` makes.
    assert claim({"run": "airflow-scheduler"}, with_rows((), managed=True)) is None
    assert claim({"run": "airflow-scheduler", "config_id": "0f6b"}) is None  # no policy says that Composer lives there


def test_a_row_names_each_component_once() -> None:
    for row in CHARTS:
        assert len(row.roles) == len({role.main for role in row.roles.values()})


def pod(
    container: str, labels: dict[str, str], image: str = "registry.example.com/data/airflow:1.4.2"
) -> dict[str, Any]:
    """Return a pod of one container."""
    spec = {"containers": [{"name": container, "image": image}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"labels": labels}, "spec": spec}


@pytest.mark.parametrize("row", CHARTS, ids=lambda row: row.chart)
@pytest.mark.parametrize(
    ("words", "component"),
    [
        ("scheduler airflow-scheduler Scheduler", Component.SCHEDULER),
        ("dag-processor dag_processor dagprocessor airflow-dag-processor", Component.DAG_PROCESSOR),
        ("api-server apiserver api_server", Component.API_SERVER),
        ("web webserver web-server airflow-webserver", Component.WEBSERVER),
        ("worker workers celery-worker", Component.WORKER),
        ("migrations db-migrations setup-db create-user run-airflow-migrations", Component.JOB),
        ("postgres postgresql mysql mariadb redis statsd pgbouncer flower rabbitmq", Component.SUPPORT),
        ("kerberos edge-worker quarantine", Component.OTHER),
    ],
)
def test_every_row_knows_components_by_the_same_words(row: Row, words: str, component: Component) -> None:
    for word in words.split():
        role = claim({**{key: value or "x" for key, value in row.labels.items()}, row.key: word})
        assert role is not None, word
        assert role.component is component, word


@pytest.mark.parametrize("image", ["postgres:15", "docker.io/library/mariadb:11.2", "registry.example.com/hub/redis:7"])
def test_a_database_beside_airflow_is_support_by_its_image(image: str) -> None:
    role = role_of(pod("db", {"app": "airflow", "tier": "db"}, image))
    assert role is not None
    assert role.component is Component.SUPPORT
    other = role_of(pod("db", {"app": "airflow", "tier": "db"}))
    assert other is not None
    assert other.component is Component.OTHER


@pytest.mark.parametrize(
    ("labels", "container", "chart"),
    [
        ({"app": "airflow", "component": "scheduler"}, "scheduler", Chart.CUSTOM),
        ({"app": "airflow", "component": "scheduler"}, "airflow-scheduler", Chart.CUSTOM),
        ({"app": "airflow", "component": "scheduler", "release": "prod"}, "airflow-scheduler", Chart.COMMUNITY),
        ({"app.kubernetes.io/name": "airflow", "app.kubernetes.io/component": "scheduler"}, "scheduler", Chart.CUSTOM),
        (
            {"app.kubernetes.io/name": "airflow", "app.kubernetes.io/component": "scheduler"},
            "airflow-scheduler",
            Chart.BITNAMI,
        ),
        ({"tier": "airflow", "component": "scheduler"}, "main", Chart.CUSTOM),
        ({"tier": "airflow", "component": "scheduler"}, "scheduler", Chart.OFFICIAL),
        ({"tier": "airflow", "component": "scheduler", "release": "prod"}, "main", Chart.OFFICIAL),
    ],
)
def test_a_chart_takes_evidence_that_not_everybody_writes(labels: dict[str, str], container: str, chart: Chart) -> None:
    role = role_of(pod(container, labels))
    assert role is not None
    assert (role.component, role.chart, role.main) == (Component.SCHEDULER, chart, container)


@pytest.mark.parametrize(
    ("labels", "container", "component"),
    [
        (
            {
                "app.kubernetes.io/name": "etl",
                "app.kubernetes.io/component": "scheduler",
                "helm.sh/chart": "airflow-25.1.0",
            },
            "anything",
            Component.SCHEDULER,
        ),
        (
            {
                "app.kubernetes.io/name": "etl",
                "app.kubernetes.io/component": "api-server",
                "helm.sh/chart": "airflow-26.0.0",
            },
            "anything",
            Component.API_SERVER,
        ),
        ({"app.kubernetes.io/name": "etl", "app.kubernetes.io/component": "web"}, "airflow-web", Component.WEBSERVER),
        ({"app.kubernetes.io/name": "etl", "app.kubernetes.io/component": "setup-db"}, "setup-db", Component.JOB),
        ({"app": "etl", "component": "triggerer", "release": "x"}, "airflow-triggerer", Component.TRIGGERER),
    ],
)
def test_a_chart_under_another_name_is_known_by_its_evidence(
    labels: dict[str, str], container: str, component: Component
) -> None:
    role = role_of(pod(container, labels))
    assert role is not None
    assert role.component is component


@pytest.mark.parametrize(
    "labels",
    [
        {"app.kubernetes.io/name": "etl", "app.kubernetes.io/component": "scheduler"},
        {"app": "etl", "component": "worker"},
        {"helm.sh/chart": "airflow-exporter-1.0.0", "app.kubernetes.io/component": "scheduler"},
        {"helm.sh/chart": "airflow-25.1.0"},
    ],
)
def test_other_peoples_schedulers_and_workers_are_not_airflows(labels: dict[str, str]) -> None:
    assert role_of(pod("scheduler", labels, "registry.example.com/etl:1")) is None


@pytest.mark.parametrize("key", ["kubernetes_executor", "kubernetes_pod_operator", "spark_kubernetes_operator"])
def test_a_tasks_label_is_true_however_it_is_written(key: str) -> None:
    for value in ("True", "true", "TRUE", "1", "yes"):
        role = claim({key: value})
        assert role is not None
        assert role.component is Component.TASK
    assert claim({key: "False"}) is None
    assert claim({key: ""}) is None


@pytest.mark.parametrize(
    ("labels", "containers", "main"),
    [
        ("tier: airflow, component: scheduler", "istio-proxy scheduler", "scheduler"),
        ("tier: airflow, component: scheduler", "istio-proxy main", "main"),
        ("tier: airflow, component: scheduler", "git-sync airflow-scheduler helper", "airflow-scheduler"),
        ("tier: airflow, component: scheduler", "main helper", None),
        ("tier: airflow, component: scheduler", "scheduler-log-groomer", None),
        ("app: airflow, component: dag_processor", "dag-processor vault-agent", "dag-processor"),
        ("app: airflow, component: web", "webserver linkerd-proxy cloud-sql-proxy", "webserver"),
        ("kubernetes_executor: 'True'", "istio-proxy base extra", "base"),
        ("kubernetes_executor: 'True'", "airflow-xcom-sidecar worker extra", "worker"),
        ("kubernetes_pod_operator: 'True'", "linkerd-proxy job extra", "job"),
        ("spark_kubernetes_operator: 'True'", "spark-kubernetes-driver", "spark-kubernetes-driver"),
    ],
)
def test_the_main_container_is_the_rows_or_named_like_the_component_or_no_sidecar(
    labels: str, containers: str, main: str | None
) -> None:
    spec = {"containers": [{"name": name, "image": "x/y:1.2.3"} for name in containers.split()]}
    role = role_of({"kind": "Pod", "metadata": {"labels": yaml.safe_load(f"{{{labels}}}")}, "spec": spec})
    assert role is not None
    assert role.main == main


@pytest.mark.parametrize(
    ("kind", "version", "kinds", "owns"),
    [
        ("ReplicaSet", "apps/v1", (), True),
        ("ReplicaSet", "example.com/v1", (), False),
        ("ReplicaSet", "v1", (), False),
        ("ReplicationController", "v1", (), True),
        ("Deployment", "apps/v1", (), False),
        ("Deployment", "apps/v1", ("Deployment",), False),
        ("ReplicaSet", "apps/v1", ("Deployment",), True),
        ("ReplicaSet", "example.com/v1", ("Deployment",), False),
        ("StatefulSet", "apps.kruise.io/v1beta1", ("StatefulSet",), True),
        ("CloneSet", "apps.kruise.io/v1alpha1", ("CloneSet",), True),
        ("CloneSet", "apps.kruise.io/v1alpha1", (), False),
        ("Job", "batch/v1", (), False),
    ],
)
def test_a_schedulers_pod_has_an_owner_of_the_right_kind_and_group(
    kind: str, version: str, kinds: tuple[str, ...], *, owns: bool
) -> None:
    (role,) = custom_row(Component.SCHEDULER, {"app": "x"}, None, kinds).roles.values()
    assert role.is_owned_by(OwnerReference(version, kind, "x", "1", controller=True)) is owns
    assert not role.is_owned_by(None)
