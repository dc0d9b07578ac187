"""The dashboard: what Grafana needs to show it, and queries that Prometheus can parse and that find what is there."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.chart.rendering import CHART, Object, of_kind, one, render, values_of
from tests.harness.monitoring.charted import Query, alerts, dashboard, objects, panels, queries, selectors, shown
from tests.harness.monitoring.programs import promtool

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
KINDS = {"stat", "timeseries", "table", "bargauge"}  # panels that every Grafana of these years has
COLUMNS = 24
BY_NAMESPACE = {"airlock_audit_findings", "airlock_audit_would_not_return"}
PROCESS = {"process_resident_memory_bytes", "process_cpu_seconds_total"}


def test_every_query_is_one_that_prometheus_parses(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": query.filled()} for number, query in enumerate(queries())]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    code, told = promtool("check", "rules", str(tmp_path / "rules.yaml"))
    assert code == 0, told
    assert f"{len(queries())} rules found" in told


@pytest.mark.parametrize("broken", ["sum(", 'rate(a{job=~"$job"})', "$datasource"])
def test_a_query_that_is_none_would_be_noticed(broken: str, tmp_path: Path) -> None:
    rules = [{"record": "panel:0", "expr": Query("", broken, "").filled()}]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    assert promtool("check", "rules", str(tmp_path / "rules.yaml"))[0] != 0


def test_queries_leave_no_variable_of_grafana_unknown() -> None:
    known = {"datasource", "cluster", "job", "namespace", "__rate_interval", "__range", "1"}  # $1 is label_replace's
    assert {name for query in queries() for name in re.findall(r"\$(\w+)", query.expr)} <= known
    assert [variable["name"] for variable in dashboard()["templating"]["list"]] == [
        "datasource",
        "cluster",
        "job",
        "namespace",
    ]


def test_queries_speak_of_metrics_that_there_are_and_of_the_chosen_job() -> None:
    there = shown()
    assert there >= PROCESS
    for query in queries():
        found = [*selectors(query.expr)]
        assert found, query
        for metric, matchers in found:
            assert metric.removesuffix("_bucket") in there, query
            assert 'job=~"$job", cluster=~"$cluster"' in matchers, query
            assert ("$namespace" in matchers) == (metric in BY_NAMESPACE), query


def test_the_dashboard_shows_every_metric_but_those_that_another_tells_better() -> None:
    named = {metric.removesuffix("_bucket") for query in queries() for metric, _ in selectors(query.expr)}
    ours = {
        name for name in shown() if name.startswith("airlock_") and not name.endswith(("_bucket", "_sum", "_count"))
    }
    # The one is a revision in force, but for new replicas; the other names what `airlock_sources` counts.
    assert ours - named == {"airlock_accepted_info", "airlock_source"}


def test_a_legend_names_labels_that_the_query_keeps() -> None:
    for query in queries():
        for label in re.findall(r"{{(\w+)}}", query.legend):
            assert re.search(rf"by \([^)]*\b{label}\b[^)]*\)", query.expr), query


def test_several_series_have_a_legend_that_tells_them_apart() -> None:
    for panel in panels():
        for target in panel["targets"]:
            grouped = re.match(r"^\(?(?:sum|max|min|count|time\(\) - \w+) by \(([^)]*)\)", target["expr"])
            if grouped and panel["type"] != "table":
                assert all(f"{{{{{label.strip()}}}}}" in target["legendFormat"] for label in grouped[1].split(","))


# What Grafana needs


def test_ids_are_different_and_panels_do_not_overlap() -> None:
    every = dashboard()["panels"]
    ids = [panel["id"] for panel in every]
    assert len(ids) == len({*ids})
    taken = [
        (x, y)
        for grid in (panel["gridPos"] for panel in every)
        for x, y in itertools.product(range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"]))
    ]
    assert len(taken) == len({*taken})
    assert max(x for x, _ in taken) < COLUMNS
    assert {*taken} == {*itertools.product(range(COLUMNS), range(max(y for _, y in taken) + 1))}  # and leave no hole


def test_rows_head_the_panels_below_them() -> None:
    rows = [panel["title"] for panel in dashboard()["panels"] if panel["type"] == "row"]
    assert rows == [
        "Now",
        "Admission",
        "Documents",
        "Events",
        "Certificates",
        "Controller and registration",
        "Audit of what runs",
        "Processes",
    ]
    tops = [panel["gridPos"]["y"] for panel in dashboard()["panels"]]
    assert tops == sorted(tops)
    assert all(row["panels"] == [] for row in dashboard()["panels"] if row["type"] == "row")


def test_every_panel_says_what_it_shows_in_which_unit_and_from_where() -> None:
    titles = [panel["title"] for panel in panels()]
    assert len(titles) > 30
    for panel in panels():
        assert panel["type"] in KINDS
        assert panel["description"].endswith(".")
        assert panel["datasource"] == SOURCE
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert len(references) == len({*references})
        for target in panel["targets"]:
            assert target["datasource"] == SOURCE
            assert target["range"] is not target["instant"]
            assert target["instant"] is (panel["type"] != "timeseries")


def test_overrides_name_series_that_the_legend_can_make() -> None:
    known = {"denied", "warned", "audited", "allowed", "ignored", "refused", "failed"}
    known |= {"written", "repeated", "dropped", "other", "silent"}
    named = {each["matcher"]["options"] for panel in panels() for each in panel["fieldConfig"]["overrides"]}
    assert named == known


def test_columns_of_a_table_are_what_its_query_keeps() -> None:
    for panel in panels():
        if panel["type"] == "table":
            (target,) = panel["targets"]
            grouped = re.match(r"^\w+ by \(([^)]*)\)", target["expr"])
            assert grouped is not None, target
            (organize,) = panel["transformations"]
            assert target["format"] == "table"
            assert organize["options"]["renameByName"].keys() == {*grouped[1].split(", "), "Value"}
            (sort,) = panel["options"]["sortBy"]
            assert sort["displayName"] in organize["options"]["renameByName"].values()


def test_the_dashboard_can_be_imported_anywhere() -> None:
    assert dashboard()["schemaVersion"] >= 39
    assert dashboard()["uid"] == "airlock"
    assert dashboard()["id"] is None
    text = json.dumps(dashboard())
    assert "http" not in text  # it loads nothing, and leads nowhere unless the values say where to
    assert "__inputs" not in text
    (source,) = (v for v in dashboard()["templating"]["list"] if v["type"] == "datasource")
    assert (source["name"], source["query"]) == ("datasource", "prometheus")


@pytest.mark.parametrize("name", ["cluster", "namespace"])
def test_everything_shows_what_has_no_such_label_too(name: str) -> None:
    (variable,) = (v for v in dashboard()["templating"]["list"] if v["name"] == name)
    assert variable["includeAll"]
    assert variable["allValue"] == ".*"


def test_the_job_is_chosen_among_those_that_have_airlocks_metrics() -> None:
    (job,) = (v for v in dashboard()["templating"]["list"] if v["name"] == "job")
    metric = re.fullmatch(r'label_values\((\w+)\{cluster=~"\$cluster"\}, job\)', job["query"]["query"])
    assert metric is not None
    assert metric[1] in shown()
    assert job["includeAll"]
    assert "allValue" not in job  # "all" is the jobs of airlock, not every job there is


def test_the_file_is_written_as_it_would_be_again() -> None:
    text = (CHART / "files/dashboard.json").read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"


# The audit's namespaces, whatever Prometheus calls the label


def mistakes(folder: Path, series: dict[str, str], expr: str, samples: list[dict[str, Any]]) -> str:
    """Return what promtool finds different between *samples* and what *expr* has over *series* after ten minutes."""
    found = {"expr": expr, "eval_time": "10m", "exp_samples": samples}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [found],
    }
    (folder / "test.yaml").write_text(yaml.safe_dump({"tests": [test]}))
    code, told = promtool("test", "rules", str(folder / "test.yaml"))
    return told if code else ""


@pytest.mark.parametrize("own", ['namespace="airlock", exported_namespace', "namespace"])
def test_findings_are_told_by_the_namespace_they_are_in(own: str, tmp_path: Path) -> None:
    (query,) = (q for q in queries() if q.panel == "Audit findings by namespace")
    labels = 'job="airlock-metrics", rule="image-drift", mode="warn", component="worker"'
    series = {
        f'airlock_audit_findings{{{labels}, {own}="{name}"}}': f"{count}x10" for name, count in [("a", 3), ("b", 0)]
    }
    sample = {"labels": '{found_in="a", rule="image-drift", mode="warn", component="worker"}', "value": 3}
    assert mistakes(tmp_path, series, query.filled(), [sample]) == ""


@pytest.mark.parametrize("own", ['namespace="airlock", exported_namespace', "namespace"])
def test_pods_that_would_not_return_are_told_by_the_namespace_they_are_in(own: str, tmp_path: Path) -> None:
    (query,) = (q for q in queries() if q.panel == "Running pods that would not come back, by namespace")
    series = {f'airlock_audit_would_not_return{{job="airlock-metrics", {own}="a"}}': "2x10"}
    assert mistakes(tmp_path, series, query.filled(), [{"labels": '{found_in="a"}', "value": 2}]) == ""


@pytest.mark.parametrize("own", ['namespace="airlock", exported_namespace', "namespace"])
def test_a_chosen_namespace_is_that_of_the_pods_and_not_airlocks(own: str, tmp_path: Path) -> None:
    (query,) = (q for q in queries() if q.panel == "Findings of image drift")
    series = {
        f'airlock_audit_findings{{job="airlock-metrics", rule="image-drift", {own}="{name}"}}': f"{count}x10"
        for name, count in [("a", 3), ("airlock", 4)]
    }
    for chosen, value in (("a", 3), ("airlock", 4), (".*", 7)):
        expr = query.expr.replace("$namespace", chosen)
        expr = Query("", expr, "").filled()
        assert mistakes(tmp_path, series, expr, [{"labels": "{}", "value": value}]) == ""


def test_a_chosen_cluster_is_the_only_one_that_counts(tmp_path: Path) -> None:
    (query,) = (q for q in queries() if q.panel == "Namespaces with airlock switched off")
    metric = "airlock_break_glass_namespaces"
    series = {f'{metric}{{job="airlock-metrics", cluster="{name}"}}': f"{n}x10" for name, n in [("eu", 1), ("us", 5)]}
    expr = Query("", query.expr.replace("$cluster", "eu"), "").filled()
    assert mistakes(tmp_path, series, expr, [{"labels": "{}", "value": 1}]) == ""


@pytest.mark.parametrize(("findings", "value"), [({}, 0), ({"image-drift": 2}, 2), ({"mutable-tag": 5}, 0)])
def test_no_drift_is_shown_as_none_where_there_is_an_audit(
    findings: dict[str, int], value: int, tmp_path: Path
) -> None:
    (query,) = (q for q in queries() if q.panel == "Findings of image drift")
    series = {
        f'airlock_audit_findings{{job="airlock-metrics", rule="{rule}", namespace="a"}}': f"{count}x10"
        for rule, count in findings.items()
    }
    series['airlock_audit_pods{job="airlock-metrics"}'] = "40x10"
    assert mistakes(tmp_path, series, query.filled(), [{"labels": "{}", "value": value}]) == ""


# As the chart makes it


def test_there_is_a_dashboard_only_on_request_and_grafanas_sidecar_finds_it() -> None:
    assert "airlock-dashboard" not in [each["metadata"]["name"] for each in of_kind(render(), "ConfigMap")]
    made = one(objects(), "ConfigMap", "airlock-dashboard")
    assert made["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert "annotations" not in made["metadata"]
    assert [*made["data"]] == ["airlock.json"]
    assert made["data"]["airlock.json"] == (CHART / "files/dashboard.json").read_text(encoding="utf-8")


def test_a_folder_can_be_told_and_another_label() -> None:
    made: Object = one(render(values_of("production")), "ConfigMap", "airlock-dashboard")
    assert made["metadata"]["annotations"] == values_of("production")["dashboard"]["annotations"]
    labels = {"grafana_dashboard": None, "dashboards": "platform"}
    made = one(render({"dashboard": {"enabled": True, "labels": labels}}), "ConfigMap", "airlock-dashboard")
    assert made["metadata"]["labels"]["dashboards"] == "platform"
    assert "grafana_dashboard" not in made["metadata"]["labels"]


def test_a_title_means_something_alone_and_is_the_only_one_of_its_name() -> None:
    """As a link, in a search and in an alert's picture, a title stands without its row."""
    titles = [panel["title"] for panel in panels()]
    assert len({*titles}) == len(titles)
    assert [title for title in titles if len(title.split()) < 2] == []


def test_panels_name_the_alerts_about_what_they_show() -> None:
    named = {name for panel in panels() for name in re.findall(r"Airlock[A-Z]\w+", panel["description"])}
    assert alerts().keys() - named == {"AirlockUnanswered", "AirlockPassedOver"}  # the API server's own metrics
    assert named <= alerts().keys()


def test_panels_lead_to_the_runbooks_of_their_alerts_where_a_url_is_known() -> None:
    page = "https://wiki.example.com/airlock"
    made = one(objects(prometheusRule={"runbooks": page}), "ConfigMap", "airlock-dashboard")
    found = json.loads(made["data"]["airlock.json"])
    assert [(link["title"], link["url"]) for link in found["links"]] == [("Runbooks", page)]
    (panel,) = (each for each in found["panels"] if each["title"] == "Webhook registration")
    (link,) = panel["links"]
    assert (link["title"], link["url"]) == ("AirlockRegistrationMissing", f"{page}#airlockregistrationmissing")
    for each in found["panels"]:
        named = re.findall(r"Airlock[A-Z]\w+", each.get("description", ""))
        assert [link["title"] for link in each.pop("links", [])] == named
    found["links"] = []
    assert found == dashboard()


def test_changes_of_documents_and_denials_are_marked_on_every_graph(tmp_path: Path) -> None:
    marks = [each for each in dashboard()["annotations"]["list"] if "expr" in each]
    assert [each["name"] for each in marks] == ["Policy changes", "Denials"]
    series = {
        'airlock_policy_reloads_total{job="airlock-metrics", document="policy", outcome="accepted"}': "1x5 2x5",
        'airlock_policy_reloads_total{job="airlock-metrics", document="policy", outcome="rejected"}': "0+1x10",
    }
    denied = 'airlock_admission_reviews_total{job="airlock-metrics", path="/validate", verdict="denied", dry_run='
    series |= {f'{denied}"false"}}': "0x10", f'{denied}"true"}}': "0+1x10"}
    changes, denials = (Query("", each["expr"], "").filled() for each in marks)
    assert all(each["datasource"] == SOURCE and each["enable"] for each in marks)
    assert mistakes(tmp_path, series, f"({changes}) > bool 0", [{"labels": '{document="policy"}', "value": 1}]) == ""
    assert mistakes(tmp_path, series, denials, []) == ""
    series[f'{denied}"false"}}'] = "0+1x10"
    assert mistakes(tmp_path, series, f"({denials}) > bool 0", [{"labels": "{}", "value": 1}]) == ""
