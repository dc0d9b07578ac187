"""Documents that stand for an Airflow: each kind is told apart from what has nothing to do with Airflow."""

from datetime import date

import pytest
import yaml

from webhook.documents.policy import DEFAULT
from webhook.documents.required_env import EMPTY
from webhook.manifests.check import Asked, Check
from webhook.manifests.outcome import Outcome


def seen(*documents: object, file: str = "x.yaml") -> Outcome:
    check = Check(Asked(DEFAULT, EMPTY, date(2026, 11, 23)))
    check.take(file, yaml.safe_dump_all(documents).encode())
    return check.outcome()


def notes(*documents: object, file: str = "x.yaml") -> list[str]:
    return [remark.text for remark in seen(*documents, file=file).notes]


def custom(api_version: str, kind: str, **spec: object) -> dict[str, object]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "etl", "namespace": "jobs"}, "spec": spec}


AIRFLOW = {"chart": "airflow", "repo": "https://airflow.apache.org", "version": "1.18.0"}
SOURCE = {"repoURL": "https://airflow.apache.org", "chart": "airflow", "targetRevision": "1.18.0"}


@pytest.mark.parametrize(
    ("document", "command"),
    [
        (custom("helm.cattle.io/v1", "HelmChart", **AIRFLOW), "helm template etl airflow --repo https://airflow"),
        (
            custom("helm.toolkit.fluxcd.io/v2", "HelmRelease",
                   chart={"spec": {"chart": "airflow", "sourceRef": {"kind": "HelmRepository", "name": "apache"}}}),
            "helm template etl airflow --repo URL -n jobs",
        ),
        (
            custom("helm.crossplane.io/v1beta1", "Release", forProvider={"chart": {"name": "airflow"}}),
            "helm template etl airflow -n jobs",
        ),
        (
            custom("argoproj.io/v1alpha1", "Application", sources=[{"ref": "values"}, SOURCE],
                   destination={"namespace": "prod"}),
            "--version 1.18.0 -n prod",
        ),
        (
            custom("argoproj.io/v1alpha1", "ApplicationSet", generators=[], template={"spec": {"source": SOURCE}}),
            "--version 1.18.0",
        ),
        (
            custom("argoproj.io/v1alpha1", "Application", source={"path": "apps/airflow", "repoURL": "https://git"}),
            "argocd app manifests etl | airlock check",
        ),
        (custom("kustomize.config.k8s.io/v1beta1", "Kustomization", resources=["airflow.yaml"]), "kustomize build"),
        (custom("airflow.k8s.io/v1alpha1", "AirflowBase"), "kubectl get deployments,statefulsets,configmaps -n jobs"),
        (custom("data.example.com/v1", "AirflowCluster"), "kubectl get deployments"),
    ],
)  # fmt: skip
def test_what_something_else_renders_is_noted_with_a_command(document: object, command: str) -> None:
    [note] = notes(document)
    assert command in note


@pytest.mark.parametrize(
    "document",
    [
        custom("helm.toolkit.fluxcd.io/v2", "HelmRelease", chart={"spec": {"chart": "redis"}}),
        custom("argoproj.io/v1alpha1", "Application", source={"path": "apps/shop"}),
        custom("kustomize.config.k8s.io/v1beta1", "Kustomization", resources=["shop.yaml"]),
        custom("apps.example.com/v1", "Release", airflow="not ours"),
        {"image": {"repository": "shop", "tag": "1"}, "replicas": 2},
    ],
)
def test_what_has_nothing_to_do_with_airflow_is_not(document: object) -> None:
    assert notes(document) == []


@pytest.mark.parametrize(
    "values",
    [
        {"executor": "KubernetesExecutor", "images": {"airflow": {"tag": "latest"}}},
        {"airflow": {"image": {"tag": "latest"}, "executor": "CeleryExecutor", "config": {}}},
        {"airflow": {"executor": "CeleryExecutor"}, "redis": {}},
        {"dagProcessor": {"enabled": True}, "defaultAirflowTag": "3.0.2"},
        {"image": {"repository": "bitnami/airflow"}, "web": {}, "scheduler": {}, "worker": {}},
        {"airflow": {"image": {"tag": "latest"}}},
        {"executor": "CeleryExecutor", "config": {"core": {"dags_folder": '{{ include "airflow_dags" . }}'}},
         "airflowHome": "/opt/airflow"},
    ],
)  # fmt: skip
def test_values_of_a_chart_given_by_mistake_are_called_that(values: object) -> None:
    [note] = notes(values, file="deploy/values-prod.yaml")
    assert "looks like Helm values of an Airflow chart" in note
    assert "-f values-prod.yaml" in note


def test_other_files_of_deployment_tools_are_called_what_they_are() -> None:
    helmfile = {"releases": [{"name": "airflow", "chart": "apache-airflow/airflow"}]}
    chart = {"apiVersion": "v2", "name": "etl", "dependencies": [{"name": "airflow", "version": "1.18.0"}]}
    compose = {"services": {"scheduler": {"image": "apache/airflow:latest"}}}
    told = notes(helmfile, chart, compose)
    assert [text.split()[2] for text in told] == ["helmfile", "chart", "Compose"]


def test_a_kustomization_without_a_kind_is_known_by_its_name() -> None:
    listed = {"resources": ["airflow.yaml"]}
    assert "kustomize build" in notes(listed, file="base/kustomization.yaml")[0]
    assert notes(listed, file="base/other.yaml") == []


def test_objects_that_another_object_creates_are_judged() -> None:
    pod = {"containers": [{"name": "scheduler", "image": "a/b:latest", "imagePullPolicy": "IfNotPresent"}]}
    labels = {"labels": {"tier": "airflow", "component": "scheduler"}}
    deployment = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "s"},
        "spec": {"template": {"metadata": labels, "spec": pod}},
    }  # fmt: skip
    work = custom("work.open-cluster-management.io/v1", "ManifestWork", workload={"manifests": [deployment]})
    [workload] = seen(work).workloads
    assert [len(workload.reported), workload.kind, workload.name] == [1, "Deployment", "s"]
