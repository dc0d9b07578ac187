"""One report on several clusters: every format names the cluster of whatever it tells."""

import json
from io import StringIO
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from tests.harness import schemas, surveys
from webhook.report import audit_files, audit_json, audit_table, markdown, page
from webhook.report.wording import Options

CLUSTERS = ("prod-eu", "arn:aws:eks:eu-west-1:123456789012:cluster/prod", "gone")


def table(options: Options) -> str:
    text = StringIO()
    audit_table.show(
        Console(file=text, width=160, highlight=False, markup=False, emoji=False), surveys.several(), options
    )
    return text.getvalue()


@pytest.mark.parametrize("summary", [False, True])
def test_the_table_has_a_line_for_each_cluster_first(summary: bool) -> None:  # noqa: FBT001 - a parameter
    lines = table(Options(summary=summary)).splitlines()
    first = next(nth for nth, line in enumerate(lines) if line.startswith("cluster "))
    assert lines[first].split() == ["cluster", "pods", "lost", "findings", "airlock;", "policy"]
    for line, name in zip(lines[first + 1 :], CLUSTERS, strict=False):
        assert line.startswith(f"{name} ")
    assert lines[first + 3].split()[:7] == ["gone", *("not", "known") * 3]
    assert "not all could be seen" in lines[first + 3]


def test_the_table_names_the_cluster_of_every_workload_and_remark() -> None:
    text = table(Options())
    assert "scheduler Deployment prod-eu/airflow/airflow-scheduler" in text
    assert "gone: cluster: connection refused" in text
    assert " in prod-eu/airflow, by " in text


def test_json_names_the_cluster_of_every_object_and_has_each_clusters_own_figures() -> None:
    found = json.loads(audit_json.render(surveys.several()))
    assert [one["cluster"] for one in found["clusters"]] == list(CLUSTERS)
    assert sum(one["pods"] for one in found["clusters"]) == found["summary"]["pods"]
    named = [*found["workloads"], *found["drifts"], *found["skews"], *found["outside"]]
    named += [workload for finding in found["findings"] for workload in finding["workloads"]]
    assert {one["cluster"] for one in named} == set(CLUSTERS[:2])
    assert found["unusable"][-1] == {"place": "gone: cluster", "text": "connection refused"}


def test_a_report_on_one_cluster_has_no_field_for_it() -> None:
    assert '"cluster"' not in audit_json.render(surveys.story())


def test_sarif_keeps_workloads_of_two_clusters_apart_and_fits_its_schema() -> None:
    log = json.loads(audit_files.render_sarif(surveys.several(), Options()))
    schemas.assert_sarif(log)
    found = {
        result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in log["runs"][0]["results"]
    }
    assert "prod-eu/airflow/Deployment/airflow-scheduler" in found
    assert any(uri.startswith("arn%3Aaws%3Aeks") for uri in found)


def test_junit_has_a_suite_for_each_namespace_of_each_cluster() -> None:
    root = ET.fromstring(audit_files.render_junit(surveys.several(), Options()))  # noqa: S314 - our own
    names = [suite.get("name") for suite in root]
    assert len(set(names)) == len(names)
    assert {"prod-eu/airflow", f"{CLUSTERS[1]}/airflow", "gone: cluster"} <= set(names)


def test_markdown_has_a_row_for_each_cluster() -> None:
    lines = markdown.render_audit(surveys.several(), Options()).splitlines()
    rows = [line for line in lines if line.startswith(("| prod\\-eu", "| prod-eu", "| arn", "| gone"))]
    assert len(rows) == 3
    assert "not all could be seen" in rows[2]


def test_names_of_contexts_are_shown_as_text() -> None:
    told = page.render(surveys.several(surveys.HOSTILE))
    assert "<img" not in told
