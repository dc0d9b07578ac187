"""What each format of an audit prints, against files; `REWRITE=1` writes them again; read them before the commit."""

import json
import os
import re
from collections.abc import Callable
from importlib.metadata import version
from io import StringIO
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace
from rich.console import Console

from tests.harness import places, surveys
from tests.harness.livepods import NOW, live, running
from tests.harness.schemas import assert_junit, assert_sarif
from webhook.audit import taking
from webhook.audit.preview import Preview, preview
from webhook.audit.survey import Survey
from webhook.documents.policy import read_policy
from webhook.judge.gate import Gate
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.report import audit_files, audit_json, audit_table, markdown, page, sarif
from webhook.report.terminal import MOST
from webhook.report.wording import Options
from webhook.rules.finding import Mode

CASES = places.CASES / "audit" / "formats"
PLAIN = Options()
FULL = Options(Mode.AUDIT, exempted=True)


def table(what: Survey | Preview, options: Options = PLAIN) -> str:
    text = StringIO()
    console = Console(file=text, highlight=False, emoji=False, markup=False)
    if isinstance(what, Survey):
        audit_table.show(console, what, options)
    else:
        audit_table.show_preview(console, what, options)
    return text.getvalue()


def skeleton(survey: Survey) -> str:
    """Return the page without its style and script, which are files of their own."""
    text = re.sub(r"sha256-[A-Za-z0-9+/=]+", "sha256-HASH", page.render(survey))
    return re.sub(r"(?s)<(style|script)>.*?</\1>", r"<\1></\1>", text)


def log(survey: Survey) -> str:
    """Return the SARIF log without the manual pages of the rules, which are in that of a check."""
    found = json.loads(audit_files.render_sarif(survey, FULL))
    del found["runs"][0]["tool"]["driver"]["rules"]
    return json.dumps(found, indent=2) + "\n"


def edit() -> Preview:
    """Return what an edit does that enforces everywhere but in production."""
    new = surveys.story("enforce", production="audit")
    return preview(surveys.story(), replace(new, basis=replace(new.basis, policy="policy.yaml")))


PRINTED: dict[str, Callable[[], str]] = {
    "table.txt": lambda: table(surveys.story()),
    "table-full.txt": lambda: table(surveys.story(), FULL),
    "summary.txt": lambda: table(surveys.story(), Options(summary=True)),
    "report.md": lambda: markdown.render_audit(surveys.story(), PLAIN),
    "report.json": lambda: audit_json.render(surveys.story()),
    "report.sarif": lambda: log(surveys.story()),
    "report.xml": lambda: audit_files.render_junit(surveys.story(), FULL),
    "report.html": lambda: skeleton(surveys.story()),
    "preview.txt": lambda: table(edit()),
    "preview.json": lambda: audit_json.render_preview(edit()),
}


@pytest.mark.parametrize("name", PRINTED)
def test_a_format_prints_what_its_file_says(name: str) -> None:
    shown = PRINTED[name]().replace(f'"version": "{version("airlock-airflow")}"', '"version": "VERSION"')
    shown = shown.replace(f"airlock {version('airlock-airflow')}", "airlock VERSION")
    if os.environ.get("REWRITE"):
        (CASES / name).write_text(shown, encoding="utf-8")
    assert shown == (CASES / name).read_text(encoding="utf-8")


def test_every_format_says_the_same_sentences_and_counts() -> None:
    survey = surveys.story()
    report = json.loads(audit_json.render(survey))
    told = [finding["sentence"] for finding in report["findings"]]
    assert len(told) == 13 == survey.counts.total()
    results = json.loads(audit_files.render_sarif(survey, PLAIN))["runs"][0]["results"]
    assert [result["message"]["text"] for result in results] == told
    prints = [result["partialFingerprints"][sarif.FINGERPRINT] for result in results]
    assert prints == [finding["fingerprint"] for finding in report["findings"]]
    failures = "\n".join(one.text or "" for one in ET.fromstring(audit_files.render_junit(survey, FULL)).iter())  # noqa: S314 - our own
    assert all(sentence in failures for sentence in told)
    assert report["summary"]["wouldNotReturn"] == survey.lost == 9
    assert "9 of 20 running pods would not come back" in table(survey)


@pytest.mark.parametrize("make", [surveys.story, surveys.hostile, surveys.empty, surveys.wide])
def test_sarif_of_an_audit_is_valid_and_names_no_source_tree(make: Callable[[], Survey]) -> None:
    text = audit_files.render_sarif(make(), FULL)
    log = json.loads(text)
    if make is not surveys.empty:
        assert_sarif(log)
    assert "uriBaseId" not in text


def test_sarif_names_the_workload_and_a_pod_of_it() -> None:
    results = json.loads(audit_files.render_sarif(surveys.story(), PLAIN))["runs"][0]["results"]
    [result] = [one for one in results if one["ruleId"] == "image-skew" and "2.10.4" in one["message"]["text"]]
    [place] = result["locations"]
    assert place["physicalLocation"]["artifactLocation"] == {"uri": "airflow-reports/StatefulSet/reports-worker"}
    [related] = result["relatedLocations"]
    assert related["message"]["text"] == "one of 3 pods"
    assert related["physicalLocation"]["artifactLocation"]["uri"] == "airflow-reports/Pod/reports-worker-6d4cf-a"


def test_sarif_tells_the_sides_of_a_drift_apart_inside_of_one_result() -> None:
    results = json.loads(audit_files.render_sarif(surveys.story(), PLAIN))["runs"][0]["results"]
    [drift] = [one for one in results if one["ruleId"] == "image-drift"]
    text = drift["message"]["text"]
    assert all(f"runs as sha256:{digit * 12} in" in text for digit in "12")
    related = {one["physicalLocation"]["artifactLocation"]["uri"]: one for one in drift["relatedLocations"]}
    told = {uri: one["message"]["text"] for uri, one in related.items()}
    assert told["airflow/Deployment/airflow-triggerer"] == (
        "triggerer, 2 pods, as sha256:111111111111, as sha256:222222222222"
    )
    assert told["airflow/Pod/sales_daily/load_orders"] == "task, 5 pods, as sha256:111111111111"


@pytest.mark.parametrize("make", [surveys.story, surveys.hostile, surveys.empty, surveys.wide])
def test_junit_of_an_audit_is_valid_and_has_a_suite_for_each_namespace(make: Callable[[], Survey]) -> None:
    survey = make()
    text = audit_files.render_junit(survey, FULL)
    assert_junit(text)
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert root.attrib["name"] == "airlock audit"
    namespaces = {group.namespace for group in survey.groups}
    unseen = {remark.place.file for remark in survey.remarks if not remark.usable}
    assert {suite.attrib["name"] for suite in root} == namespaces | unseen


def test_what_could_not_be_seen_is_in_every_format() -> None:
    survey = surveys.story()
    words = "pods is forbidden"
    assert words in table(survey)
    assert not json.loads(audit_json.render(survey))["complete"]
    assert words in json.loads(audit_json.render(survey))["unusable"][0]["text"]
    invocation = json.loads(audit_files.render_sarif(survey, PLAIN))["runs"][0]["invocations"][0]
    assert not invocation["executionSuccessful"]
    assert words in invocation["toolExecutionNotifications"][0]["message"]["text"]
    assert words in audit_files.render_junit(survey, PLAIN)
    assert words in page.render(survey)
    assert words in markdown.render_audit(survey, PLAIN)


@pytest.mark.parametrize(("workloads", "rest"), [(9, ""), (10, "and 2 more workloads")])
def test_one_workload_more_than_fits_is_named_rather_than_counted(workloads: int, rest: str) -> None:
    pods = [running("worker", "apache/airflow:latest", release=f"r{number}") for number in range(workloads)]
    gate = Gate(read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}"))
    survey = taking.survey(taking.Look(tuple(live(pod) for pod in pods)), gate, surveys.BASIS, NOW)
    shown = table(survey)
    assert shown.count("worker Deployment airflow/r") == (workloads if not rest else 8)
    assert ("more workload" in shown) == bool(rest)
    assert rest in shown


def test_a_table_of_ten_thousand_findings_can_be_read() -> None:
    lines = table(surveys.large(), FULL).splitlines()
    assert len(lines) < 400
    assert lines[5] == "6500 of 10000 running pods would not come back"
    assert f"and {40 - MOST} more causes, which -o json lists" in lines
    assert "    - and 242 more workloads" in lines
    assert lines[-1].startswith("10000 pods looked at, 10000 of Airflow in 10000 workloads, 6500 would not come back")


def test_on_a_terminal_the_table_has_colours_and_wraps_under_its_indent() -> None:
    text = StringIO()
    console = Console(file=text, force_terminal=True, color_system="standard", width=60, record=True, highlight=False)
    audit_table.show(console, surveys.story(), FULL)
    lines = console.export_text(clear=False).splitlines()
    assert max(len(line) for line in lines) <= 60
    begins = next(nth for nth, line in enumerate(lines) if line.startswith("  fix: "))
    assert lines[begins + 1].startswith("    ")
    assert "\x1b[1;31m9 of 20 running pods would not come back" in console.export_text(styles=True)


def test_where_nothing_is_wrong_that_is_said_in_few_words() -> None:
    assert table(surveys.healthy()).splitlines()[4:] == [
        "",
        "3 of 3 running pods would come back",
        "",
        "1 stale image: not found (1 Airflow compared, each runs one image)",
        "2 image cache: not found (no tag runs as two images, and no moving tag is served from a cache)",
        "3 namespace wall: not checked (no variable is declared)",
        "4 callback: not checked (no DAG folder was given)",
        "",
        "3 pods looked at, 3 of Airflow in 3 workloads, 0 would not come back, 0 findings (0 enforce, 0 warn, 0 audit)",
    ]
    assert "no running Airflow pods were seen" in table(surveys.empty())


def test_where_airlock_is_not_installed_the_headline_says_what_would_be() -> None:
    shown = table(surveys.hostile())
    assert "airlock is not installed here: this is what it would do with this policy if it were" in shown
    assert "Outside admission" not in shown


def test_where_documents_of_airlock_are_left_without_a_registration_the_headline_says_so_first() -> None:
    survey = surveys.hostile()
    left = replace(survey, basis=replace(survey.basis, installed=False, left=True))
    shown = table(left)
    assert "airlock judges nothing here: no webhook configuration is registered; " in shown
    assert "airlock's documents are here, but it is not registered: `airlock status` says what is missing" in shown


def test_an_object_that_makes_pods_is_told_without_a_pod() -> None:
    survey = surveys.story()
    group = next(group for group in survey.groups if group.task is not None and group.found)
    found = tuple(replace(one, pods=0, example="") for one in group.found)
    made = replace(group, kind="ConfigMap", name="airflow-config", pods=0, lost=0, found=found)
    survey = replace(survey, groups=(made,))
    assert "task ConfigMap airflow/airflow-config, makes pods" in table(survey)
    assert "such as" not in table(survey) + page.render(survey).partition('id="list"')[2].partition("<script")[0]
    assert_sarif(json.loads(audit_files.render_sarif(survey, PLAIN)))
    assert json.loads(audit_files.render_sarif(survey, PLAIN))["runs"][0]["results"][0]["relatedLocations"] == []


def test_an_edit_that_changes_nothing_says_so() -> None:
    survey = surveys.story()
    assert table(preview(survey, survey)).splitlines()[-1] == (
        "20 running pods of Airflow, 0 newly denied, 0 no longer denied, no finding changes"
    )


def test_an_edit_denies_nothing_where_admission_sees_nothing() -> None:
    changes = {change.group.namespace: change for change in edit().changes}
    assert changes["lab"].denied == 0
    assert [found.violation.mode for found in changes["lab"].new] == [Mode.ENFORCE]
    assert changes["team-ml"].denied == 1


def test_names_of_a_cluster_break_no_format() -> None:
    survey = surveys.hostile("a\x1b[31m\n<b>&\u202e")
    survey = replace(survey, remarks=(Remark(Place("dump\x1b\udcff.json", 0), "is\x00odd"),))
    texts = (table(survey, FULL), page.render(survey), audit_files.render_junit(survey, FULL))
    for text in (*texts, markdown.render_audit(survey, PLAIN)):
        text.encode()
        assert not {"\x1b", "\u202e"} & set(text)
    json.loads(audit_json.render(survey))
    assert_sarif(json.loads(audit_files.render_sarif(survey, FULL)))


def test_docs_name_every_field_of_the_json() -> None:
    page_ = (places.ROOT / "docs" / "report.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([A-Za-z]+)(?:\[\])?`", page_)) | {"apiVersion", "kind", "enforce", "warn", "audit"}

    def keys(value: Any) -> set[str]:
        if isinstance(value, list):
            return {key for one in value for key in keys(one)}
        if isinstance(value, dict):
            return set(value) | {key for one in value.values() for key in keys(one)}
        return set()

    for text in (audit_json.render(surveys.story()), audit_json.render_preview(edit())):
        assert keys(json.loads(text)) <= named


def test_values_of_variables_are_in_no_format() -> None:
    survey: Any = surveys.story()
    for text in (
        table(survey, FULL),
        page.render(survey),
        audit_files.render_junit(survey, FULL),
        audit_files.render_sarif(survey, FULL),
        audit_json.render(survey),
        markdown.render_audit(survey, PLAIN),
    ):
        assert "MESSAGE_CALLBACK_ENDPOINT" in text
        assert "callbacks.example.com" not in text
