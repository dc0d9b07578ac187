"""Reports in the chart's ConfigMaps, until the cluster knows openreports.io."""

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, installation
from tests.harness.controller_rights import ACCOUNT, config_maps
from tests.harness.gate import config_map
from tests.harness.livepods import running
from tests.harness.openreports import known, report_on
from tests.harness.places import ROOT
from tests.harness.running import Kubelets, good, since
from tests.harness.waiting import until
from webhook.controller.audit.shard import shard_of

OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")

AUDIT = ("--audit", "--audit-interval", "0.5", "--no-certificates")


@pytest.fixture(scope="module")
def made(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(control_plane, tmp_path_factory.mktemp("installation")) as found:
        yield found


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
        found = until(lambda: plain(made, faulty.namespace), "the report")
    assert found["namespace"] == faulty.namespace
    (row,) = found["findings"]
    assert "tag 'latest' is mutable" in row["message"]
    assert row["since"].endswith("Z")
    labels = (made.get(shard(faulty.namespace)) or {})["metadata"]["labels"]
    assert labels.items() >= {"team": "platform", "app.kubernetes.io/managed-by": "Helm"}.items()


def test_the_documented_command_prints_the_report_on_one_namespace(made: Installation, faulty: Kubelets) -> None:
    with made.controlled(*AUDIT):
        until(lambda: plain(made, faulty.namespace), "the report")
    (command,) = re.findall(r"^kubectl -n airlock get configmaps -l airlock/report .*$", OPERATIONS, re.MULTILINE)
    command = command.replace("-n airlock", f"-n {made.namespace}").replace("airflow.json", f"{faulty.namespace}.json")
    printed = made.plane.kubectl(*shlex.split(command)[1:])
    assert json.loads(printed) == plain(made, faulty.namespace)


def test_a_finding_keeps_its_age_over_a_restart(made: Installation, faulty: Kubelets) -> None:
    with made.controlled(*AUDIT):
        found = until(lambda: plain(made, faulty.namespace), "the report")
    found["findings"][0]["since"] = "2026-01-02T03:04:05Z"
    good(made.patch(shard(faulty.namespace), {"data": {f"{faulty.namespace}.json": json.dumps(found)}}))
    with made.controlled(*AUDIT) as process:
        process.audits(2)
        pod = running("triggerer", "apache/airflow:main", started=since(hours=1))
        faulty.run(pod | {"spec": pod["spec"] | {"nodeName": ""}})
        until(lambda: len(findings(made, faulty.namespace)) == 3, "the findings on the new pod")
    assert min(row["since"] for row in findings(made, faulty.namespace)) == "2026-01-02T03:04:05Z"


def findings(made: Installation, namespace: str) -> list[dict[str, Any]]:
    return (plain(made, namespace) or {}).get("findings") or []


def test_a_config_map_that_somebody_deletes_is_missed_and_filled_again_when_helm_brings_it(
    made: Installation, faulty: Kubelets
) -> None:
    name = shard(faulty.namespace).partition("/")[2]
    made.delete(shard(faulty.namespace))
    with made.controlled(*AUDIT) as process:
        until(lambda: f"ConfigMap {name} is missing: `helm upgrade`" in process.probe("/readyz")[1], "the trouble")
        assert process.ready
        process.audits(1)
        assert process.metric("airlock_audit_complete") == 1
        made.apply(*config_maps(made.namespace))
        until(lambda: plain(made, faulty.namespace), "the report")
        until(lambda: "is missing" not in process.probe("/readyz")[1], "the trouble to be over")


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
        until(lambda: made.get("configmaps/airlock-report-airflow") is None, "the old report to go")
        until(lambda: plain(made, faulty.namespace), "the new report")
        assert process.ready
    assert (made.get("configmaps/airlock-report-mine") or {})["data"] == {"mine": "yes"}


def test_without_reports_none_is_written(made: Installation, faulty: Kubelets) -> None:
    with made.controlled(*AUDIT, "--no-audit-reports") as process:
        process.audits(3)
        assert process.metric("airlock_audit_pods") >= 1
    assert plain(made, faulty.namespace) is None


def test_a_report_lies_in_the_namespace_it_is_about_and_takes_the_place_of_the_config_map(
    made: Installation, faulty: Kubelets
) -> None:
    with made.controlled(*AUDIT):
        until(lambda: plain(made, faulty.namespace), "the ConfigMap")
    with known(made), made.controlled(*AUDIT, "--audit-window", "2s") as process:
        body = until(lambda: report_on(made, faulty.namespace), "the Report")
        assert body["source"] == "airlock"
        assert body["summary"]["fail"] == 1
        assert "tag 'latest' is mutable" in body["results"][0]["message"]
        until(lambda: plain(made, faulty.namespace) is None, "the ConfigMap to go")
        process.audits(1)
        assert "audit: reports" not in process.probe("/readyz")[1]
        faulty.scale("airflow-scheduler", 0)
        until(lambda: report_on(made, faulty.namespace) is None, "the Report to go with the pods")
