"""The alerts: each fires when it should and not otherwise, by the real promtool; cases are files."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.chart.rendering import CHART, Object, helm, of_kind, one, render, values_of
from tests.harness.chart.schema import read
from tests.harness.monitoring.charted import (
    API_SERVER,
    JOB,
    MONITORING,
    ON,
    alerts,
    alerts_of,
    objects,
    selectors,
    shown,
)
from tests.harness.monitoring.programs import promtool
from tests.harness.places import ROOT

FOLDER = ROOT / "tests/harness/monitoring"
CASES = sorted((FOLDER / "cases").glob("*/*.yaml"))
HEALTHY = sorted((FOLDER / "healthy").glob("*.yaml"))
SEVERITIES = ("critical", "warning", "info")
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")


def mistakes(folder: Path, series: dict[str, str], expected: list[Object]) -> str:
    """Return where promtool finds that the alerts do not do what is *expected* over *series*, a sample a minute."""
    rules = {"groups": [{"name": "all", "rules": [*alerts().values()]}]}
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": expected,
    }
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
    (folder / "test.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "tests": [test]}))
    code, told = promtool("test", "rules", str(folder / "test.yaml"))
    return told if code else ""


def expectation(alert: str, fires: Object) -> Object:
    """Return what promtool is to find, from what a case says that *alert* tells."""
    told = {name: fires[name] for name in ("summary", "description")}
    runbook = alerts()[alert]["annotations"]["runbook"]
    return {"exp_labels": fires["labels"], "exp_annotations": told | {"runbook": runbook}}


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_alert_does_what_its_case_says(path: Path, tmp_path: Path) -> None:
    """Quiet is for every minute; what fires does so in the last."""
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    alert, last = path.parent.name, case["minutes"]
    assert case.keys() == {"series", "minutes", "fires"}
    assert bool(case["fires"]) == path.stem.startswith("fires_")
    found = [expectation(alert, fires) for fires in case["fires"]]
    moments = [last] if found else range(last + 1)
    expected = [{"eval_time": f"{m}m", "alertname": alert, "exp_alerts": found} for m in moments]
    assert mistakes(tmp_path, case["series"], expected) == ""


@pytest.mark.parametrize("path", HEALTHY, ids=lambda path: path.stem)
def test_nothing_fires_in_a_healthy_installation(path: Path, tmp_path: Path) -> None:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    moments = [*range(0, case["minutes"], max(5, case["minutes"] // 36))]
    silence = [{"eval_time": f"{m}m", "alertname": alert, "exp_alerts": []} for alert in alerts() for m in moments]
    assert mistakes(tmp_path, case["series"], silence) == ""


def test_an_alert_that_does_something_else_would_be_noticed(tmp_path: Path) -> None:
    open_ = {f'airlock_fails_open{{job="{JOB}"}}': "1x130"}
    silence = [{"eval_time": "120m", "alertname": "AirlockFailsOpen", "exp_alerts": []}]
    assert "AirlockFailsOpen" in mistakes(tmp_path, open_, silence)


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    kinds: dict[str, set[str]] = {}
    for path in CASES:
        kinds.setdefault(path.parent.name, set()).add(path.stem.split("_")[0])
    assert kinds == {alert: {"fires", "is"} for alert in alerts()}
    assert all(path.stem.startswith(("fires_", "is_quiet_")) for path in CASES)


def test_the_file_is_a_file_of_rules_as_it_is() -> None:
    code, told = promtool("check", "rules", str(CHART / "files/alerts.yaml"))
    assert code == 0, told
    assert f"{len(alerts())} rules found" in told


def test_every_alert_says_what_it_is_how_grave_and_where_to_read_on() -> None:
    for name, rule in alerts().items():
        assert rule.keys() - {"for"} == {"alert", "expr", "labels", "annotations"}, name
        assert name.startswith("Airlock")
        assert rule["labels"]["severity"] in SEVERITIES
        assert rule["labels"].keys() - {"namespace"} == {"severity"}
        assert rule["annotations"].keys() == {"summary", "description", "runbook"}
        assert len(rule["annotations"]["description"]) > 60
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"


def test_every_alert_has_the_labels_cluster_and_namespace() -> None:
    """Where the metrics have them; an alert that is about what is not there has its namespace from the chart."""
    for name, rule in alerts().items():
        grouped = re.findall(r"\b(?:by|on) \(([^)]*)\)", rule["expr"])
        fixed = "namespace" in rule["labels"]
        wanted = ["cluster"] if fixed else ["cluster", "namespace"]
        assert all(kept.split(", ")[: len(wanted)] == wanted for kept in grouped), name
        assert grouped or fixed, name
        assert fixed == (
            name in {"AirlockNotServing", "AirlockUnanswered", "AirlockPassedOver", "AirlockControllerMissing"}
        )


def test_who_is_woken_has_waited_for_minutes_that_it_passes() -> None:
    for name, rule in alerts().items():
        if rule["labels"]["severity"] == "critical":
            assert re.fullmatch(r"[1-9]\d*[mh]", rule["for"]), name


def test_operations_explain_every_alert_and_no_other() -> None:
    headings = re.findall(r"^#### (Airlock\w+)$", OPERATIONS, re.MULTILINE)
    assert headings == [*alerts()]
    assert set(re.findall(r"\bAirlock[A-Z]\w+", OPERATIONS)) == {*alerts()}


def test_alerts_speak_of_metrics_that_there_are() -> None:
    there = shown() | API_SERVER
    for name, rule in alerts().items():
        found = [*selectors(rule["expr"])]
        assert found, name
        for metric, matchers in found:
            assert metric.removesuffix("_bucket") in there, f"{name}: {metric}"
            assert (f'job=~"{JOB}"' in matchers) == (metric not in API_SERVER), f"{name}: {metric}"


# As the chart makes them


def test_a_prometheus_rule_is_built_as_the_operator_wants_it() -> None:
    rule = one(objects(), "PrometheusRule")
    assert rule["apiVersion"] == "monitoring.coreos.com/v1"
    assert rule.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert rule["spec"].keys() == {"groups"}
    names = [group["name"] for group in rule["spec"]["groups"]]
    assert len(names) == len({*names})
    for group in rule["spec"]["groups"]:
        assert group.keys() == {"name", "rules"}
        for each in group["rules"]:
            texts = [*each["labels"].values(), *each["annotations"].values(), each["alert"], each["expr"]]
            assert all(isinstance(text, str) and text for text in texts)
            assert re.fullmatch(r"\d+[smhd]", each.get("for", "1m"))


def test_there_are_alerts_only_on_request_and_where_the_cluster_knows_them() -> None:
    on = {"prometheusRule": {"enabled": True}}
    assert of_kind(render(arguments=MONITORING), "PrometheusRule") == []
    assert of_kind(render(on), "PrometheusRule") == []
    assert one(render(on, arguments=MONITORING), "PrometheusRule")


def test_alerts_ask_for_the_job_of_the_release_and_its_replicas() -> None:
    release = render(
        {"prometheusRule": {"enabled": True, "level": "all"}, "serve": {"replicas": 3}},
        release="gate",
        arguments=MONITORING,
    )
    (rule,) = of_kind(release, "PrometheusRule")
    text = yaml.safe_dump(rule, width=10_000)
    assert one(release, "Service", "gate-airlock-metrics")
    assert 'job=~"gate-airlock-metrics"' in text
    assert JOB not in text.replace("gate-airlock-metrics", "")
    made = alerts_of(release)
    different = [n for n in made if made[n]["expr"].replace("gate-airlock-metrics", JOB) != alerts()[n]["expr"]]
    assert different == ["AirlockReplicasMissing"]
    assert made["AirlockNotServing"]["labels"] == {"severity": "critical", "namespace": "airlock"}
    assert made["AirlockReplicasMissing"]["expr"].endswith("< 3")


def test_alerts_can_be_left_out_led_elsewhere_and_asked_of_another_job() -> None:
    values = values_of("production")["prometheusRule"]
    production = render(values_of("production"), arguments=MONITORING)
    assert values["labels"].items() <= one(production, "PrometheusRule")["metadata"]["labels"].items()
    made = alerts_of(production)
    assert alerts().keys() - made.keys() == {*values["without"]}
    assert all(r["annotations"]["runbook_url"] == f"{values['runbooks']}#{name.lower()}" for name, r in made.items())
    elsewhere = alerts_of(
        objects(prometheusRule={"enabled": True, "level": "all", "job": "airlock/(serve|controller)"})
    )
    matchers = [found for rule in elsewhere.values() for _, found in selectors(rule["expr"]) if "job" in found]
    assert all('job=~"airlock/(serve|controller)"' in found for found in matchers)


def test_a_group_whose_alerts_are_all_left_out_is_left_out() -> None:
    (rule,) = of_kind(
        objects(prometheusRule={**ON["prometheusRule"], "without": ["AirlockEventsLost"]}), "PrometheusRule"
    )
    assert "airlock-events" not in [group["name"] for group in rule["spec"]["groups"]]


def test_the_values_know_the_alerts_by_name() -> None:
    known: Any = read()["properties"]["prometheusRule"]["properties"]["without"]["items"]["enum"]
    assert known == [*alerts()]


# Which alerts, and where they lead


def test_by_default_there_are_the_essential_alerts_which_operations_mark() -> None:
    marked = re.findall(r"^#### (Airlock\w+)\n\n(?:critical|warning), essential\. ", OPERATIONS, re.MULTILINE)
    made = alerts_of(objects(prometheusRule={"enabled": True}))
    assert [*made] == marked
    assert len(made) == 11
    assert made.keys() >= {name for name, rule in alerts().items() if rule["labels"]["severity"] == "critical"}


def test_an_alert_that_would_burn_for_ever_is_left_out_where_pods_pass_on_purpose() -> None:
    """A default installation ignores failures; once its policy enforces, it fails open from then on."""
    assert alerts().keys() - alerts_of(objects()).keys() == {"AirlockFailsOpen"}
    strict = {"failurePolicy": "Fail", "failNamespaces": ["airflow"], "allowFailAtInstall": True}
    strict |= {"failurePolicyForOthers": "Fail"}
    assert alerts_of(objects(webhooks=strict)).keys() == alerts().keys()


@pytest.mark.parametrize(
    ("lives", "soon", "late"),
    [
        ({}, "30 * 86400", "7 * 86400"),
        ({"leafLife": "90d"}, "30 * 86400", "7 * 86400"),
        ({"leafLife": "30d"}, "864000", "201600"),  # renewed when 10 days are left
        ({"leafLife": "12h", "caLife": "15h"}, "10800", "2520"),  # the CA, when 3 hours are left
    ],
)
def test_a_certificate_of_a_short_life_is_not_late_before_it_is_due(
    lives: dict[str, str], soon: str, late: str
) -> None:
    made = alerts_of(objects(certificates=lives))
    assert made["AirlockCertificateExpiresSoon"]["expr"].endswith(f"< {soon}")
    assert made["AirlockCertificateExpires"]["expr"].endswith(f"< {late}")


def test_where_cert_manager_renews_the_lives_in_the_values_change_no_alert() -> None:
    made = alerts_of(objects(certificates={"leafLife": "12h"}, certManager={"enabled": True}))
    assert made["AirlockCertificateExpires"]["expr"] == alerts()["AirlockCertificateExpires"]["expr"]


def test_an_autoscaler_may_go_below_the_replicas_of_the_values_but_not_to_one() -> None:
    made = alerts_of(objects(serve={"replicas": 5, "autoscaled": True}))
    assert made["AirlockReplicasMissing"]["expr"].endswith("< 2")


def test_an_alert_has_a_runbook_url_only_where_one_is_known() -> None:
    for name, rule in alerts_of(objects()).items():
        assert "runbook_url" not in rule["annotations"]
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
    page = "https://wiki.example.com/airlock"
    for name, rule in alerts_of(objects(prometheusRule={**ON["prometheusRule"], "runbooks": page})).items():
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"{page}#{name.lower()}"


def test_the_publisher_of_a_chart_says_where_runbooks_are_in_one_line(tmp_path: Path) -> None:
    copy = tmp_path / "airlock"
    shutil.copytree(CHART, copy)
    text = (copy / "Chart.yaml").read_text(encoding="utf-8")
    line = "# airlock/runbooks: https://..."
    assert text.count(line) == 1
    (copy / "Chart.yaml").write_text(text.replace(line, "airlock/runbooks: https://airlock.example/operations"))
    made = yaml.safe_load_all(
        helm("template", "airlock", str(copy), *MONITORING, "--set", "prometheusRule.enabled=true")
    )
    rule = alerts_of([each for each in made if each])["AirlockNotServing"]
    assert rule["annotations"]["runbook_url"] == "https://airlock.example/operations#airlocknotserving"


def test_every_alert_takes_more_labels_and_keeps_its_own() -> None:
    labels = {"cluster": "prod-eu", "severity": "none"}
    made = alerts_of(objects(prometheusRule={**ON["prometheusRule"], "alertLabels": labels}))
    for name, rule in made.items():
        assert rule["labels"] == alerts()[name]["labels"] | {"cluster": "prod-eu"}
