"""The words of a fix go by the evidence: the chart, the container, its list, and where its value came from."""

from typing import Any

import pytest
import yaml
from msgspec.structs import replace

from webhook.documents.policy import read_policy
from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.image import parse
from webhook.pods.provenance import Provenance
from webhook.rules.advice import digest_fix, image_fix, missing_fix, settable
from webhook.rules.keys import Site

OWN = "registry.example.com/data/airflow:latest"
ITSELF = Provenance(under="")


def fix(container: str = "scheduler", *, component: str = "scheduler", chart: str = "official", **facts: Any) -> str:
    role = Role(Component(component), Chart(chart), facts.pop("main", container))
    unrecognised = facts.pop("unrecognised", False)
    image = parse(facts.pop("image", OWN))
    return image_fix(Site(role, container, image, **{"provenance": ITSELF} | facts), unrecognised=unrecognised)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"field": "ephemeralContainers"}, "kubectl debug --image=repository@sha256:..."),
        ({"field": "volumes"}, "pullPolicy: Always, where the image volume is declared"),
        ({"container": "airflow-xcom-sidecar", "component": "task"}, "extras of the Kubernetes connection"),
        ({"container": "istio-proxy", "main": "scheduler"}, "another webhook adds this container"),
        ({"container": "vault-agent-init", "main": "scheduler", "field": "initContainers"}, "exempt it by images"),
        ({"container": "helper", "main": "scheduler"}, "list this container (scheduler.extraContainers)"),
        ({"container": "helper", "main": "scheduler", "field": "initContainers"}, "(scheduler.extraInitContainers)"),
        (
            {"container": "helper", "component": "task", "main": "base"},
            "(workers.kubernetes.extraContainers or workers.extraContainers)",
        ),
        (
            {"container": "helper", "component": "worker", "main": "worker", "chart_version": "1.22.0"},
            "(workers.celery.extraContainers or workers.extraContainers)",
        ),
        (
            {"container": "helper", "component": "task", "main": "base", "chart_version": "1.18.0"},
            "container (workers.extraContainers)",
        ),
        (
            {"container": "helper", "component": "support", "main": "flower", "chart_version": "1.18.0"},
            "(flower.extraContainers)",
        ),
        ({"container": "helper", "chart": "bitnami", "main": "x"}, "(scheduler.sidecars or sidecars)"),
        ({"container": "helper", "chart": "community", "main": "x"}, "(airflow.extraContainers or scheduler.extra"),
        ({"chart": "bitnami", "chart_version": "18.3.17"}, "set scheduler.image.tag"),
        ({"chart": "bitnami", "image": "docker.io/bitnami/airflow:latest"}, "with its revision (-rN)"),
        ({"chart": "custom", "image": "hub.example.com/mirror/bitnami/airflow:3.0.5"}, "with its revision (-rN) or a"),
        ({"image": "cgr.dev/chainguard/airflow:3.0.2"}, "set images.airflow.tag to a tag with a timestamp"),
        ({"chart": "custom", "image": "docker.io/chainguard/airflow:3.0.2"}, "name a tag with a timestamp or a digest"),
        ({"chart": "operator", "image": "cgr.dev/a/python:3.12.1"}, "timestamp or a digest in the operator's image"),
        ({"chart": "custom"}, "name a full version or a digest, or set imagePullPolicy: Always"),
    ],
)
def test_a_fix_speaks_of_where_the_image_is_set(facts: dict[str, Any], words: str) -> None:
    assert words in fix(**facts)


def test_the_keys_stand_below_the_name_of_the_subchart() -> None:
    assert "set platform.airflow.images.airflow.tag" in fix(provenance=Provenance(under="platform.airflow"))
    assert fix(provenance=Provenance()).endswith(" (all under the subchart's name, if it is one)")


def test_a_workers_tag_is_that_of_what_gave_it() -> None:
    def worker(**known: Any) -> str:
        return fix("base", component="task", provenance=Provenance(under="", composed=True, **known))

    assert worker().startswith("set images.airflow.tag")
    assert worker(scheduler="registry.example.com/data/airflow:1.0.0").startswith(
        "set config.kubernetes_executor.worker_container_tag"
    )
    name = "AIRFLOW__KUBERNETES_EXECUTOR__WORKER_CONTAINER_TAG"
    assert worker(variable=name).startswith(f"set {name} under env to")


def test_a_dag_author_is_told_of_the_executor_config_first_and_the_chart_after_that() -> None:
    text = fix("base", component="task")
    assert text.startswith("name a full version or a digest in the DAG's executor_config (pod_override)")
    assert "else set images.airflow.tag" in text


def test_another_repository_than_the_schedulers_is_the_sign_of_a_pod_override() -> None:
    elsewhere = fix("base", component="task", elsewhere=True)
    assert "executor_config (pod_override), which seems to set the image: the scheduler runs another" in elsewhere
    assert fix("base", component="task", elsewhere=False).startswith("set images.airflow.tag")
    role = Role(Component.TASK, Chart.OFFICIAL, "base")
    site = Site(role, "base", parse(OWN), provenance=ITSELF)
    assert settable(site) is not None
    assert settable(replace(site, elsewhere=True)) is None  # no chart's value would make the finding go


def test_an_unrecognised_tag_comes_with_an_entry_that_the_policy_takes() -> None:
    text = fix(image="registry.example.com/data/airflow:3.0.2-etl", unrecognised=True)
    entry = text.partition("under rules.mutable-tag.tags: - ")[2].partition("; else")[0]
    policy = {"apiVersion": "airlock/v1", "kind": "Policy", "rules": {"mutable-tag": {"tags": [yaml.safe_load(entry)]}}}
    assert read_policy(yaml.safe_dump(policy))
    assert yaml.safe_load(entry) == {"match": "3.0.2-etl", "is": "immutable"}


def test_a_setting_of_airflow_has_its_place_in_the_community_charts_values() -> None:
    role = Role(Component.SCHEDULER, Chart.COMMUNITY, "airflow-scheduler")
    assert "by airflow.config.AIRFLOW__CORE__FERNET_KEY in the chart's" in missing_fix(
        role, "AIRFLOW__CORE__FERNET_KEY"
    )
    assert "by airflow.extraEnv in the chart's" in missing_fix(role, "DEPLOY_ENV")


@pytest.mark.parametrize("chart", ["official", "community", "bitnami", "operator", "custom"])
@pytest.mark.parametrize("component", ["scheduler", "task"])
@pytest.mark.parametrize("field", ["containers", "initContainers", "volumes"])
@pytest.mark.parametrize("container", ["own", "helper"])
def test_no_fix_names_always_where_the_policy_lists_it(chart: str, component: str, field: str, container: str) -> None:
    facts: dict[str, Any] = {"component": component, "chart": chart, "main": "own", "field": field}
    assert "Always" in fix(container, **facts)
    text = fix(container, always=False, **facts)
    assert "Always" not in text
    assert "full version" in text


def digest(container: str, component: str, chart: Chart, *, under: str | None = "", **facts: Any) -> str:
    role = Role(Component(component), chart, container if container != "helper" else "own")
    return digest_fix(Site(role, container, parse(OWN), provenance=Provenance(under=under), **facts))


def test_where_only_a_digest_passes_the_fix_says_which_value_of_the_chart_takes_it() -> None:
    assert digest("scheduler", "scheduler", Chart.OFFICIAL) == (
        "set images.airflow.digest to the image's digest (sha256:...)"
    )
    assert digest("scheduler", "scheduler", Chart.OFFICIAL, under=None).endswith("subchart's name, if it is one)")
    worker = digest("base", "task", Chart.OFFICIAL, elsewhere=False)
    assert "worker_container_repository to the repository with @sha256 behind it, and config.kubernetes" in worker
    assert "worker_container_tag to the digits of the digest; images.airflow.pullPolicy and images.airfl" in worker
    assert digest("base", "task", Chart.OFFICIAL).startswith("name a digest in the DAG's executor_config")
    assert digest("airflow-worker", "worker", Chart.BITNAMI).startswith("set image.digest to")
    assert digest("helper", "scheduler", Chart.OFFICIAL).endswith("list this container (scheduler.extraContainers)")
    nobodys = digest("scheduler", "scheduler", Chart.CUSTOM)
    assert nobodys == "name the image by its digest: repository@sha256:..., with or without a tag before the @"
