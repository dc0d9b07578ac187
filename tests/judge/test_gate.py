"""The gate tells of pods that look like Airflow and match no row, and of exemptions that have ended."""

from datetime import date, timedelta
from typing import Any

import pytest

from tests.harness.reviews import owned, review, scheduler
from webhook.admission.review import decode
from webhook.documents.policy import read_policy
from webhook.judge.gate import Gate

TODAY = date(2026, 11, 23)


def looks(pod: dict[str, Any], operation: str = "CREATE") -> bool:
    old = pod if operation == "UPDATE" else None
    return Gate().validate(decode(review(pod, old=old, operation=operation)), TODAY).lookalike


def pod(image: str = "data/etl:1", name: str = "main", variable: str = "URL", **labels: str) -> dict[str, Any]:
    container = {"name": name, "image": image, "env": [{"name": variable, "value": "x"}]}
    metadata = {"name": "x", "namespace": "airflow", "labels": labels}
    return owned({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}})


def test_a_new_pod_that_looks_like_airflow_and_matches_no_row_is_told() -> None:
    assert looks(pod("registry.example.com/data/airflow:1.2"))
    assert looks(pod("quay.io/astronomer/astro-runtime:12.1.0"))
    assert looks(pod(variable="AIRFLOW__CORE__EXECUTOR"))
    assert looks(pod(name="wait-for-airflow-migrations"))


@pytest.mark.parametrize(
    "words",
    [
        {"args": ["scheduler"]},
        {"command": ["/usr/bin/dumb-init", "--"], "args": ["airflow", "triggerer"]},
        {"command": ["bash", "-c"], "args": ["airflow db migrate && exec airflow celery worker"]},
        {"command": ["airflow", "edge"], "args": ["worker"]},
        {"command": ["airflow"], "args": ["celery", "worker"]},
        {"command": ["airflow", "edge", "worker"]},
    ],
)
@pytest.mark.parametrize("kind", ["Pod", "Deployment"])
def test_so_is_one_that_only_its_command_gives_away(kind: str, words: dict[str, list[str]]) -> None:
    made = pod()
    made["spec"]["containers"][0] |= words
    if kind == "Deployment":
        template = {"metadata": {"labels": {"app": "etl"}}, "spec": made["spec"]}
        metadata = {"name": "x", "namespace": "airflow"}
        made = {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": {"template": template}}
    assert looks(made)
    assert not looks(made, "UPDATE")


@pytest.mark.parametrize("words", [{"args": ["worker"]}, {"command": ["kube-scheduler"]}, {"args": ["--set=airflow"]}])
def test_words_that_other_commands_have_too_give_nothing_away(words: dict[str, list[str]]) -> None:
    made = pod(role="scheduler")
    made["spec"] |= {"schedulerName": "scheduler"}
    made["spec"]["containers"][0] |= words
    assert not looks(made)


def test_others_pods_known_ones_and_updates_are_not() -> None:
    assert not looks(pod())
    assert not looks(pod("airflow-mirror.example.com/redis:7"))
    assert not looks(owned(scheduler()))
    assert not looks(pod("registry.example.com/data/airflow:1.2"), "UPDATE")


def test_a_gate_that_has_answered_under_an_exemption_denies_once_that_has_ended() -> None:
    exemption = "{name: old, reason: x, owner: me, expires: 2026-11-23, namespaces: [airflow]}"
    gate = Gate(read_policy(f"{{apiVersion: airlock/v1, kind: Policy, mode: enforce, exemptions: [{exemption}]}}"))
    asked = decode(review(owned(scheduler("apache/airflow:latest"))))
    assert gate.validate(asked, TODAY).verdict.allowed
    after = gate.validate(asked, TODAY + timedelta(days=1)).verdict
    assert not after.allowed
    assert after.violations[0].note == "exemption 'old' of 'me' expired on 2026-11-23"
