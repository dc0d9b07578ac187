"""Whose pod is it: the table of charts against real pods of every chart."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.places import CORPUS
from webhook.pods.airflow import CHARTS, Chart, Component, claim, custom_row, with_rows


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
        role = claim(labels)
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
    bitnami = claim({"app.kubernetes.io/name": "airflow", "app.kubernetes.io/component": "web"})
    composer = claim({"run": "airflow-scheduler", "config_id": "0f6b"})
    assert bitnami is not None
    assert composer is not None
    assert (bitnami.chart, bitnami.component) == (Chart.BITNAMI, Component.WEBSERVER)
    assert (composer.chart, composer.component) == (Chart.COMPOSER, Component.SCHEDULER)
    assert claim({"run": "airflow-scheduler"}) is None  # what `kubectl run airflow-scheduler` makes


def test_a_row_names_each_component_once() -> None:
    for row in CHARTS:
        assert len(row.roles) == len({role.main for role in row.roles.values()})
