"""What looks like Airflow: one distinctive sign is enough, and of signs that others have too it takes two."""

import pytest

from webhook.pods.airflow import Component
from webhook.pods.lookalike import Traits, likeness


@pytest.mark.parametrize(
    ("container", "component"),
    [
        (Traits("main", "registry.example.com/data/airflow:1.2", words=("scheduler",)), "scheduler"),
        (Traits("main", "puckel/docker-airflow:1.10", words=("webserver",)), "webserver"),
        (Traits("main", "quay.io/astronomer/ap-airflow:2.4", words=("airflow", "celery", "worker")), "worker"),
        (Traits("main", "quay.io/astronomer/astro-runtime:12.1.0"), "other"),
        (Traits("main", "data/etl:1", words=("airflow", "edge", "worker", "-q", "gpu")), "worker"),
        (Traits("main", "data/etl:1", words=("bash", "-c", "exec airflow edge worker")), "worker"),
        (Traits("main", "data/etl:1", words=("airflow", "kubernetes", "cleanup-pods")), "job"),
        (Traits("main", "data/etl:1", ("AIRFLOW__CORE__EXECUTOR",)), "other"),
        (Traits("main", "data/etl:1", words=("bash", "-c", "exec airflow scheduler")), "scheduler"),
        (Traits("main", "data/etl:1", words=("/usr/bin/dumb-init", "--", "/entrypoint", "triggerer")), "triggerer"),
        (Traits("main", "data/etl:1", words=("airflow", "db", "migrate")), "job"),
        (Traits("main", "data/etl:1", words=("sh", "-c", "airflow db upgrade && airflow webserver")), "job"),
        (Traits("airflow-dag-processor", "data/etl:1"), "dag-processor"),
        (Traits("dag_processor", "data/etl:1", words=("dag-processor",)), "dag-processor"),
        (Traits("worker", "data/etl:1", words=("worker",)), "worker"),
    ],
)
def test_a_container_of_airflow_is_known_by_what_it_shows(container: Traits, component: str) -> None:
    like = likeness([Traits("istio-proxy", "istio/proxyv2:1"), container])
    assert like is not None
    assert (like.component, like.container) == (component, container.name)


@pytest.mark.parametrize(
    "container",
    [
        Traits("postgres", "postgres:15"),
        Traits("worker", "shop/sidekiq:1"),
        Traits("main", "shop/web:1", words=("worker",)),
        Traits("main", "airflow-mirror.example.com/redis:7"),
        Traits("web", "nginx:1.27", ("AIRFLOW_URL",)),
        Traits("postgresql", "registry.example.com/data/airflow-postgresql:16"),
    ],
)
def test_what_others_have_too_is_not_enough(container: Traits) -> None:
    assert likeness([container], ("shop",)) is None


def test_a_name_adds_to_a_weak_sign_and_tells_the_component() -> None:
    like = likeness([Traits("worker", "data/etl:1")], ("my-airflow-worker",))
    assert like is not None
    assert (like.component, like.why[-1]) == (Component.WORKER, "its name or labels")
    assert likeness([Traits("postgres", "postgres:15")], ("airflow-postgres",)) is None


def test_a_bare_pod_with_the_executors_container_is_a_task() -> None:
    like = likeness([Traits("base", "data/etl:1")], bare=True)
    assert like is not None
    assert like.component is Component.TASK
    assert likeness([Traits("base", "data/etl:1")]) is None
