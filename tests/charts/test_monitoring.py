"""A real Prometheus looks at a real installation: the metrics and labels that dashboard and alerts name are there."""

import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.harness.chart.rendering import one
from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, installation
from tests.harness.livepods import REPOSITORY, digest, running
from tests.harness.monitoring.charted import JOB, Query, objects, queries
from tests.harness.monitoring.prometheus import Prometheus, prometheus
from tests.harness.running import Kubelets, fresh_name, nodes, since
from tests.harness.waiting import until

WINDOW = "5s"


@pytest.fixture
def made(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Installation]:
    with installation(control_plane, tmp_path) as found:
        yield found


def make_pods(made: Installation, namespace: str) -> None:
    """Have pods made that airlock denies and admits; both claim to be what their creator does not make."""
    for image in ("apache/airflow:latest", "apache/airflow:2.10.5"):
        containers = [{"name": "scheduler", "image": image, "imagePullPolicy": "IfNotPresent"}]
        labels = {"tier": "airflow", "component": "scheduler", "release": "airflow"}
        pod = {"metadata": {"generateName": "x-", "labels": labels}, "spec": {"containers": containers}}
        answer = made.cluster.call("POST", f"/api/v1/namespaces/{namespace}/pods", body=pod)
        assert answer.status == (422 if image.endswith("latest") else 201), answer.why


def run_pods(kubelets: Kubelets, node: str, other: str) -> None:
    """Have pods run in which every rule of the audit finds something."""
    images = {name: f"{REPOSITORY}@{digest(letter)}" for name, letter in ((node, "1"), (other, "2"))}
    kubelets.deploy(running("scheduler", "apache/airflow:latest", started=since(hours=1)), images)
    behind = running("worker", "apache/airflow:2.10.4", started=since(hours=1))
    kubelets.deploy(behind, {node: f"{REPOSITORY}@{digest('3')}"})


def silent(watched: Prometheus, asked: list[Query]) -> list[Query]:
    """Return those of *asked* that find nothing."""
    return [query for query in asked if not watched.query(query.filled(WINDOW))]


def states(watched: Prometheus) -> dict[str, str]:
    """Return what each alert is: inactive, pending or firing; the rules must work."""
    rules = [rule for group in watched.get("rules")["groups"] for rule in group["rules"]]
    assert all(rule["health"] in ("ok", "unknown") for rule in rules), rules
    return {rule["name"]: rule["state"] for rule in rules}


def test_every_query_of_the_dashboard_finds_series_and_no_alert_is_about_to_fire(
    made: Installation, tmp_path: Path
) -> None:
    rules = one(objects(), "PrometheusRule")["spec"]
    asked = queries()
    audit = ("--audit", "--audit-interval", "0.5")
    with (
        nodes(made.cluster, *(names := (fresh_name(), fresh_name()))),
        made.controlled("--propagation", "1", "--settling", "2", *audit) as controller,
        made.served() as (first, second),
    ):
        until(lambda: controller.ready, "the controller to be ready")
        run_pods(Kubelets(made.cluster, made.plane.namespace()), *names)
        targets = {"first": first.metrics_port, "second": second.metrics_port, "controller": controller.probes()}
        with prometheus(tmp_path, JOB, rules, **targets) as watched:
            until(lambda: len(watched.query("up == 1")) == len(targets), "the first scrapes")
            until(lambda: watched.query("airlock_reconciles_total > 1"), "the controller to be seen at work")
            made.delete("secrets/airlock-tls")  # so that there are steps to see
            namespace = made.plane.namespace(labels={"airlock-test": made.namespace})
            left = asked

            def found() -> bool:
                nonlocal left
                make_pods(made, namespace)
                left = silent(watched, left)
                return not left

            try:
                until(found, "every query to find something")
            finally:
                sys.stdout.write(f"{len(asked) - len(left)} of {len(asked)} queries found series; not: {left}\n")
            until(lambda: states(watched)["AirlockDenies"] == "firing", "the denials to be told")
            told = {f"Airlock{word}" for word in ("Denies", "DeniesMost", "ImageDrift", "ImageSkew", "WouldNotReturn")}
            until(lambda: {name for name, state in states(watched).items() if state != "inactive"} <= told, "silence")


def test_a_query_for_what_is_not_there_would_be_noticed(made: Installation, tmp_path: Path) -> None:
    wrong = [Query("", 'airlock_policy_infos{job=~"$job"}', ""), Query("", 'up{job=~"$job"} == 1', "")]
    with made.controlled() as controller:
        until(controller.probes, "the controller")
        with prometheus(tmp_path, JOB, {"groups": []}, controller=controller.probes()) as watched:
            until(lambda: watched.query("up == 1"), "the first scrape")
            assert silent(watched, wrong) == wrong[:1]


def test_the_api_server_counts_what_it_could_not_ask_under_the_names_of_the_alert(made: Installation) -> None:
    namespace = made.plane.namespace(labels={"airlock-test": made.namespace})
    pod = {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "x", "image": "example.com/x:1.0.0"}]}}

    def failed() -> float:
        """Return how often the API server could not ask, by the labels of the alert; other tests have that, too."""
        text = made.plane.kubectl("get", "--raw", "/metrics")
        lines = re.findall(r"^apiserver_admission_webhook_rejection_count\{(.*)\} (\S+)$", text, re.MULTILINE)
        labels = ('error_type="calling_webhook_error"', 'name="mutate.airlock.example.com"')
        return sum(float(count) for found, count in lines if all(label in found for label in labels))

    before = failed()
    asked = partial(
        made.cluster.call, "POST", f"/api/v1/namespaces/{namespace}/pods", query={"dryRun": "All"}, body=pod
    )
    refused = until(lambda: None if (answer := asked()).ok else answer, "the webhooks to be called")
    assert "failed calling webhook" in refused.why  # nobody listens there
    until(lambda: failed() > before, "the count")
