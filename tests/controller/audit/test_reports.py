"""Reports, in the chart's ConfigMaps or as openreports.io; the definition made here has the fields that are used."""

import json
import re
import shlex
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, installation
from tests.harness.controller_rights import ACCOUNT, config_maps
from tests.harness.gate import config_map
from tests.harness.livepods import REPOSITORY, digest, running
from tests.harness.openreports import DEFINITION
from tests.harness.places import ROOT
from tests.harness.running import Kubelets, fresh_name, good, nodes, since
from tests.harness.server import wait_for
from webhook.controller.api import Api
from webhook.controller.audit.draft import Draft
from webhook.controller.audit.pace import Pace
from webhook.controller.audit.publisher import Publisher
from webhook.controller.audit.shard import shard_of

OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

AUDIT = ("--audit", "--audit-interval", "0.5", "--no-certificates")


@pytest.fixture(scope="module")
def made(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(control_plane, tmp_path_factory.mktemp("installation")) as found:
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
        kubelets.leave()


def open_report(made: Installation, namespace: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = made.get(f"/apis/openreports.io/v1alpha1/namespaces/{namespace}/reports/airlock")
    return found


def shard(namespace: str) -> str:
    return f"configmaps/airlock-report-{shard_of(namespace)}"


def plain(made: Installation, namespace: str) -> dict[str, Any] | None:
    data = (made.get(shard(namespace)) or {}).get("data") or {}
    return json.loads(data[f"{namespace}.json"]) if f"{namespace}.json" in data else None


def test_a_report_is_one_key_of_a_config_map_that_keeps_whatever_else_it_has(
    made: Installation, faulty: Kubelets
) -> None:
    good(made.patch(shard(faulty.namespace), {"metadata": {"labels": {"team": "platform"}}}))
    with made.controlled(*AUDIT):
        found = wait_for(lambda: plain(made, faulty.namespace), 30, "the report")
    assert found["namespace"] == faulty.namespace
    (row,) = found["findings"]
    assert "tag 'latest' is mutable" in row["message"]
    assert row["since"].endswith("Z")
    labels = (made.get(shard(faulty.namespace)) or {})["metadata"]["labels"]
    assert labels.items() >= {"team": "platform", "app.kubernetes.io/managed-by": "Helm"}.items()


def test_the_documented_command_prints_the_report_on_one_namespace(made: Installation, faulty: Kubelets) -> None:
    with made.controlled(*AUDIT):
        wait_for(lambda: plain(made, faulty.namespace), 30, "the report")
    (command,) = re.findall(r"^kubectl -n airlock get configmaps -l airlock/report .*$", OPERATIONS, re.MULTILINE)
    command = command.replace("-n airlock", f"-n {made.namespace}").replace("airflow.json", f"{faulty.namespace}.json")
    printed = made.plane.kubectl(*shlex.split(command)[1:])
    assert json.loads(printed) == plain(made, faulty.namespace)


def test_a_finding_keeps_its_age_over_a_restart(made: Installation, faulty: Kubelets) -> None:
    with made.controlled(*AUDIT):
        found = wait_for(lambda: plain(made, faulty.namespace), 30, "the report")
    found["findings"][0]["since"] = "2026-01-02T03:04:05Z"
    good(made.patch(shard(faulty.namespace), {"data": {f"{faulty.namespace}.json": json.dumps(found)}}))
    with made.controlled(*AUDIT) as process:
        process.audits(2)
        pod = running("triggerer", "apache/airflow:main", started=since(hours=1))
        faulty.run(pod | {"spec": pod["spec"] | {"nodeName": ""}})
        wait_for(lambda: len(findings(made, faulty.namespace)) == 3, 30, "the findings on the new pod")
    assert min(row["since"] for row in findings(made, faulty.namespace)) == "2026-01-02T03:04:05Z"


def findings(made: Installation, namespace: str) -> list[dict[str, Any]]:
    return (plain(made, namespace) or {}).get("findings") or []


def test_a_config_map_that_somebody_deletes_is_missed_and_filled_again_when_helm_brings_it(
    made: Installation, faulty: Kubelets
) -> None:
    name = shard(faulty.namespace).partition("/")[2]
    made.delete(shard(faulty.namespace))
    with made.controlled(*AUDIT) as process:
        wait_for(
            lambda: f"ConfigMap {name} is missing: `helm upgrade`" in process.probe("/readyz")[1], 30, "the trouble"
        )
        assert process.ready
        process.audits(1)
        assert process.metric("airlock_audit_complete") == 1
        made.apply(*config_maps(made.namespace))
        wait_for(lambda: plain(made, faulty.namespace), 30, "the report")
        wait_for(lambda: "is missing" not in process.probe("/readyz")[1], 30, "the trouble to be over")


def test_reports_of_an_earlier_version_go_and_nothing_else_does(made: Installation, faulty: Kubelets) -> None:
    ours = {"app.kubernetes.io/managed-by": "airlock-controller", "airlock/report": ""}
    old = config_map(made.namespace, "airlock-report-airflow", {"report.json": "{}"})
    mine = config_map(made.namespace, "airlock-report-mine", {"mine": "yes"})
    old["metadata"]["labels"] = ours
    made.apply(old, mine)
    # The chart grants this while such ConfigMaps are there: tests/charts/test_upgrade.py.
    grant = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "delete"]}
    grant["resourceNames"] = ["airlock-report-airflow", "airlock-report-mine"]
    role = made.get(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{made.namespace}/roles/{ACCOUNT}")
    role["rules"].append(grant)
    made.apply(
        {"apiVersion": role["apiVersion"], "kind": "Role"}
        | {"metadata": {"name": ACCOUNT, "namespace": made.namespace}, "rules": role["rules"]}
    )
    named = ("--old-report", "airlock-report-airflow", "--old-report", "airlock-report-mine")
    with made.controlled(*AUDIT, *named, "--old-report", "airlock-report-gone") as process:
        wait_for(lambda: made.get("configmaps/airlock-report-airflow") is None, 30, "the old report to go")
        wait_for(lambda: plain(made, faulty.namespace), 30, "the new report")
        assert process.ready
    assert (made.get("configmaps/airlock-report-mine") or {})["data"] == {"mine": "yes"}


def test_without_reports_none_is_written(made: Installation, faulty: Kubelets) -> None:
    with made.controlled(*AUDIT, "--no-audit-reports") as process:
        process.audits(3)
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
        process.audits(1)
        assert "audit: reports" not in process.probe("/readyz")[1]
        faulty.scale("airflow-scheduler", 0)
        wait_for(lambda: open_report(made, faulty.namespace) is None, 30, "the Report to go with the pods")


def test_a_report_of_an_earlier_version_gets_its_label_and_keeps_those_of_others(
    made: Installation, faulty: Kubelets, request: pytest.FixtureRequest
) -> None:
    request.getfixturevalue("served")
    path = f"/apis/openreports.io/v1alpha1/namespaces/{faulty.namespace}/reports/airlock"
    with made.controlled(*AUDIT):
        wait_for(lambda: open_report(made, faulty.namespace), 30, "the Report")
    good(made.patch(path, {"metadata": {"labels": {"team": "platform", "airlock/installation": None}}}))

    def labels() -> dict[str, str]:
        found: dict[str, str] = (open_report(made, faulty.namespace) or {})["metadata"]["labels"]
        return found

    with made.controlled(*AUDIT):
        wait_for(lambda: labels().get("airlock/installation") == made.namespace, 30, "the label")
    assert labels()["team"] == "platform"
    before = (open_report(made, faulty.namespace) or {})["metadata"]["resourceVersion"]
    with made.controlled(*AUDIT) as process:
        process.audits(3)
    assert (open_report(made, faulty.namespace) or {})["metadata"]["resourceVersion"] == before


def test_a_report_that_somebody_changes_meanwhile_is_not_overwritten_blindly(
    made: Installation, faulty: Kubelets, served: None
) -> None:
    del served
    with made.controlled(*AUDIT):
        before = wait_for(lambda: open_report(made, faulty.namespace), 30, "the Report")
    path = f"/apis/openreports.io/v1alpha1/namespaces/{faulty.namespace}/reports/airlock"
    good(made.patch(path, {"results": []}))
    with made.controlled(*AUDIT) as process:
        process.audits(2)
        pod = running("triggerer", "apache/airflow:main", started=since(hours=1))
        faulty.run(pod | {"spec": pod["spec"] | {"nodeName": ""}})

        def findings() -> int:
            results = (open_report(made, faulty.namespace) or {})["results"]
            return sum("rule" in one for one in results)  # the others say what was not checked

        wait_for(lambda: findings() == 3, 30, "the findings on the new pod")
    assert before["metadata"]["uid"] == (open_report(made, faulty.namespace) or {})["metadata"]["uid"]


def test_a_report_that_somebody_deletes_comes_back(made: Installation, faulty: Kubelets, served: None) -> None:
    del served
    publisher, now = (
        Publisher(Api(made.cluster), made.namespace, time.monotonic, Pace(discovery=0.0)),
        datetime.now(UTC),
    )
    draft = Draft(faulty.namespace, "the policy", set())

    def audit() -> None:
        publisher.begin()
        publisher.publish(draft.report(), now)
        publisher.end(complete=True)

    audit()
    first = open_report(made, faulty.namespace)
    audit()
    assert open_report(made, faulty.namespace) == first is not None
    made.delete(f"/apis/openreports.io/v1alpha1/namespaces/{faulty.namespace}/reports/airlock")
    audit()
    again = open_report(made, faulty.namespace)
    assert again is not None
    assert again["summary"] == first["summary"]


def test_what_somebody_else_calls_so_is_left_alone(made: Installation, faulty: Kubelets, served: None) -> None:
    del served
    body = {"apiVersion": "openreports.io/v1alpha1", "kind": "Report", "source": "mine"}
    made.apply(body | {"metadata": {"name": "airlock", "namespace": faulty.namespace}})
    with made.controlled(*AUDIT) as process:
        wait_for(lambda: "is somebody else's" in process.probe("/readyz")[1], 30, "the trouble to be told")
        assert process.ready
        process.audits(1)
        assert process.metric("airlock_audit_complete") == 1
    assert (open_report(made, faulty.namespace) or {})["source"] == "mine"
