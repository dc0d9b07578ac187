"""Reports, as openreports.io where that is served; the definition made here has the fields that are used."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, installation
from tests.harness.livepods import REPOSITORY, digest, running
from tests.harness.running import Kubelets, fresh_name, good, nodes, since
from tests.harness.server import wait_for
from webhook.controller.api import Api
from webhook.controller.audit.draft import Draft
from webhook.controller.audit.publisher import Pace, Publisher

AUDIT = ("--audit", "--audit-interval", "0.5", "--no-certificates")
TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}


def of(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return schema | ({"required": list(required)} if required else {})


REFERENCE = of(apiVersion=TEXT, kind=TEXT, namespace=TEXT, name=TEXT)
RESULT = of(
    ("policy",),
    policy=TEXT,
    rule=TEXT,
    category=TEXT,
    message=TEXT,
    scored={"type": "boolean"},
    severity={"type": "string", "enum": ["critical", "high", "low", "medium", "info"]},
    result={"type": "string", "enum": ["pass", "fail", "warn", "error", "skip"]},
    resources={"type": "array", "items": REFERENCE},
    properties={"type": "object", "additionalProperties": TEXT},
)
SUMMARY = {"type": "object", "properties": dict.fromkeys(("pass", "fail", "warn", "error", "skip"), COUNT)}
SCHEMA = of(
    apiVersion=TEXT,
    kind=TEXT,
    metadata={"type": "object"},
    source=TEXT,
    scope=REFERENCE,
    summary=SUMMARY,
    results={"type": "array", "items": RESULT},
)
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "reports.openreports.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, a definition for tests"},
    },
    "spec": {
        "group": "openreports.io",
        "scope": "Namespaced",
        "names": {"plural": "reports", "singular": "report", "kind": "Report", "listKind": "ReportList"},
        "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}],
    },
}


@pytest.fixture(scope="module")
def made(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(control_plane, tmp_path_factory.mktemp("installation")) as found:
        for path in found.hooks:
            found.delete(path)
        yield found


@pytest.fixture(scope="module")
def served(made: Installation) -> Iterator[None]:
    """Have the cluster know openreports.io."""
    made.apply(DEFINITION)
    wait_for(lambda: made.get("/apis/openreports.io/v1alpha1/reports"), 30, "the API to be served")
    yield
    made.delete("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/reports.openreports.io")
    wait_for(lambda: made.get("/apis/openreports.io/v1alpha1") is None, 30, "the API to be gone")


@pytest.fixture
def faulty(made: Installation, namespace: str) -> Iterator[Kubelets]:
    """Have a scheduler with a finding run in a namespace."""
    kubelets, node = Kubelets(made.cluster, namespace), fresh_name()
    with nodes(made.cluster, node):
        pod = running("scheduler", "apache/airflow:latest", started=since(hours=1))
        kubelets.deploy(pod, {node: f"{REPOSITORY}@{digest('1')}"})
        yield kubelets


def open_report(made: Installation, namespace: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = made.get(f"/apis/openreports.io/v1alpha1/namespaces/{namespace}/reports/airlock")
    return found


def plain(made: Installation, namespace: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = made.get(f"configmaps/airlock-report-{namespace}")
    return found


def test_what_somebody_else_calls_so_is_left_alone(made: Installation, faulty: Kubelets) -> None:
    name = f"airlock-report-{faulty.namespace}"
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": made.namespace}}
    made.apply(body | {"data": {"mine": "yes"}})
    with made.controlled(*AUDIT) as process:
        wait_for(lambda: "is somebody else's" in process.probe("/readyz")[1], 30, "the trouble to be told")
        assert process.ready
        assert process.metric("airlock_audit_complete") == 1
    assert (plain(made, faulty.namespace) or {})["data"] == {"mine": "yes"}


def test_without_reports_none_is_written(made: Installation, faulty: Kubelets) -> None:
    with made.controlled(*AUDIT, "--no-audit-reports") as process:
        wait_for(lambda: process.metric('airlock_audit_runs_total{outcome="done"}') >= 3, 30, "three audits")
        assert process.metric("airlock_audit_pods") >= 1
    assert plain(made, faulty.namespace) is None


def test_a_report_lies_in_the_namespace_it_is_about_and_takes_the_place_of_the_config_map(
    made: Installation, faulty: Kubelets, request: pytest.FixtureRequest
) -> None:
    with made.controlled(*AUDIT):
        wait_for(lambda: plain(made, faulty.namespace), 30, "the ConfigMap")
    request.getfixturevalue("served")
    with made.controlled(*AUDIT, "--audit-window", "2s") as process:
        body = wait_for(lambda: open_report(made, faulty.namespace), 30, "the Report")
        assert body["source"] == "airlock"
        assert body["summary"]["fail"] == 1
        assert "tag 'latest' is mutable" in body["results"][0]["message"]
        wait_for(lambda: plain(made, faulty.namespace) is None, 10, "the ConfigMap to go")
        assert "audit: reports" not in process.probe("/readyz")[1]
        faulty.scale("airflow-scheduler", 0)
        wait_for(lambda: open_report(made, faulty.namespace) is None, 30, "the Report to go with the pods")


def test_a_report_that_somebody_changes_meanwhile_is_not_overwritten_blindly(
    made: Installation, faulty: Kubelets, served: None
) -> None:
    del served
    with made.controlled(*AUDIT):
        before = wait_for(lambda: open_report(made, faulty.namespace), 30, "the Report")
    path = f"/apis/openreports.io/v1alpha1/namespaces/{faulty.namespace}/reports/airlock"
    good(made.patch(path, {"results": []}))
    with made.controlled(*AUDIT) as process:
        wait_for(lambda: process.metric('airlock_audit_runs_total{outcome="done"}') >= 2, 30, "two audits")
        pod = running("triggerer", "apache/airflow:main", started=since(hours=1))
        faulty.run(pod | {"spec": pod["spec"] | {"nodeName": ""}})
        wait_for(lambda: len((open_report(made, faulty.namespace) or {})["results"]) == 2, 30, "both findings")
    assert before["metadata"]["uid"] == (open_report(made, faulty.namespace) or {})["metadata"]["uid"]


def test_a_report_that_somebody_deletes_comes_back(made: Installation, faulty: Kubelets, served: None) -> None:
    del served
    publisher = Publisher(Api(made.cluster), made.namespace, time.monotonic, Pace(discovery=0.0))
    draft = Draft(faulty.namespace, "the policy", set())

    def audit() -> None:
        publisher.begin()
        publisher.publish(draft.report())
        publisher.end()

    audit()
    first = open_report(made, faulty.namespace)
    audit()
    assert open_report(made, faulty.namespace) == first is not None
    made.delete(f"/apis/openreports.io/v1alpha1/namespaces/{faulty.namespace}/reports/airlock")
    audit()
    again = open_report(made, faulty.namespace)
    assert again is not None
    assert again["summary"] == first["summary"]
