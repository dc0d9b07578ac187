"""What each format prints, against files; `REWRITE=1` writes them again; read them before the commit."""

import json
import os
from datetime import date
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import click.testing
import pytest
from jsonschema import ValidationError
from rich.console import Console
from xmlschema import XMLSchemaValidationError

from tests.harness import places
from tests.harness.schemas import assert_junit, assert_sarif
from webhook.__main__ import main
from webhook.documents.policy import DEFAULT
from webhook.documents.required_env import EMPTY
from webhook.judge.bounds import UNREADABLE
from webhook.manifests.check import Asked, Check
from webhook.manifests.outcome import Outcome, Remark
from webhook.manifests.place import Place
from webhook.report import check_json, check_table, junit, sarif
from webhook.report.wording import Options
from webhook.rules.catalogue import RULES

CASES = places.CASES / "check" / "formats"
INPUT = ("airflow.yaml", "pods.yaml", "broken.yaml", "absent.yaml")
PRINTED = {
    "table-full.txt": ["--show-exempted"],
    "table-no-fixes.txt": ["--no-fixes"],
    "summary.txt": ["--summary"],
    "report.md": ["-o", "markdown"],
    "report.json": ["-o", "json"],
    "report.sarif": ["-o", "sarif", "--show-exempted"],
    "report.xml": ["-o", "junit", "--show-exempted"],
}


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CASES)


def run(*arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["check", "--policy", "policy.yaml", *arguments, *INPUT])


def printed(*arguments: str) -> str:
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (2, ""), result.output
    return result.stdout


@pytest.mark.parametrize("name", PRINTED)
def test_a_format_prints_what_its_file_says(name: str) -> None:
    shown = printed(*PRINTED[name]).replace(f'"version": "{version("airlock-airflow")}"', '"version": "VERSION"')
    if os.environ.get("REWRITE"):
        Path(name).write_text(shown)
    assert shown == Path(name).read_text()


def test_every_format_says_the_same_sentences() -> None:
    told = [finding["sentence"] for finding in json.loads(printed("-o", "json"))["findings"]]
    assert len(told) == 4
    results = json.loads(printed("-o", "sarif"))["runs"][0]["results"]
    assert [result["message"]["text"] for result in results] == told
    failures = "\n".join(one.text or "" for one in ET.fromstring(printed("-o", "junit", "--fail-on", "audit")).iter())  # noqa: S314 - our own
    assert all(sentence in failures for sentence in told)


def test_the_table_has_what_every_finding_says_under_its_image() -> None:
    shown, markdown = printed(), printed("-o", "markdown")
    for finding in json.loads(printed("-o", "json"))["findings"]:
        why = finding["text"].partition("': ")[2]
        assert f"{finding['mode']} {finding['rule']}: {finding['image']}\n" in shown
        assert f"  1 workload: {why}\n" in shown
        assert f"  fix: {finding['fix']}\n" in shown
        assert f"{finding['file']}:{finding['line']}: {finding['component']} " in shown
        assert f"`{finding['image']}`" in markdown
        assert f"`{finding['file']}:{finding['line']}`: {finding['component']} " in markdown


def test_what_is_printed_goes_to_a_file_on_request(tmp_path: Path) -> None:
    path = tmp_path / "out.sarif"
    result = run("-o", "sarif", "--output-file", str(path))
    assert result.stdout == ""
    assert result.stderr.startswith(f"{path}: 5 objects, 3 Airflow workloads, 4 findings")
    assert path.read_text() == printed("-o", "sarif")


def test_sarif_is_valid_by_its_schema() -> None:
    log = json.loads(printed("-o", "sarif", "--show-exempted"))
    assert_sarif(log)
    [run] = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == [*RULES, UNREADABLE]
    assert all([*RULES, UNREADABLE][result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    assert run["invocations"][0]["executionSuccessful"] is False


def test_a_log_that_is_no_sarif_is_refused() -> None:
    log = json.loads(printed("-o", "sarif"))
    log["runs"][0]["results"][0]["level"] = "bad"
    with pytest.raises(ValidationError, match="'bad' is not one of"):
        assert_sarif(log)


def test_junit_is_valid_by_its_schema() -> None:
    assert_junit(printed("-o", "junit", "--show-exempted"))


def test_xml_that_is_no_junit_is_refused() -> None:
    with pytest.raises(XMLSchemaValidationError):
        assert_junit(printed("-o", "junit").replace("<testcase", "<case").replace("</testcase", "</case"))


def test_a_fingerprint_stays_while_lines_move_and_containers_change_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {finding["fingerprint"] for finding in json.loads(printed("-o", "json"))["findings"]}
    assert len(before) == 4
    for name in ("airflow.yaml", "pods.yaml", "policy.yaml", "broken.yaml"):
        text = Path(name).read_text()
        more = "      # moved\n      initContainers:\n        - {name: n, image: 'a:1.0.0'}"
        (tmp_path / name).write_text(text.replace("      initContainers:", more))
    monkeypatch.chdir(tmp_path)
    assert {finding["fingerprint"] for finding in json.loads(printed("-o", "json"))["findings"]} == before


TWICE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: airflow-scheduler, namespace: airflow}
spec:
  template:
    metadata: {labels: {tier: airflow, component: scheduler, release: airflow}}
    spec:
      containers:
        - {name: scheduler, image: "apache/airflow:main", imagePullPolicy: IfNotPresent}
        - {name: mine, image: "apache/airflow:main", imagePullPolicy: IfNotPresent}
"""
GROOMER = '        - {name: scheduler-log-groomer, image: "apache/airflow:main", imagePullPolicy: IfNotPresent}\n'


def results(text: str) -> list[dict[str, Any]]:
    """Return the results of SARIF for *text*, always in the same file."""
    check = Check(Asked(DEFAULT, EMPTY, date(2026, 11, 26)))
    check.take("x.yaml", text.encode())
    found: list[dict[str, Any]] = json.loads(sarif.render(check.outcome(), Options()))["runs"][0]["results"]
    return found


def test_a_fingerprint_stays_when_a_container_joins_and_two_findings_of_one_image_have_two() -> None:
    before, after = results(TWICE), results(TWICE + GROOMER)
    prints = [[one["partialFingerprints"] for one in found] for found in (before, after)]
    assert len(before) == 2  # what to change differs
    assert prints[0][0] != prints[0][1]
    assert prints[0] == prints[1]
    assert [one["properties"]["containers"] for one in after] == [["scheduler", "scheduler-log-groomer"], ["mine"]]


def test_one_result_stands_at_its_first_place_and_has_the_further_ones_as_related_locations() -> None:
    first, _ = results(TWICE + GROOMER)
    assert first["locations"][0]["physicalLocation"]["region"] == {"startLine": 9}
    (related,) = first["relatedLocations"]
    assert related["physicalLocation"]["region"] == {"startLine": 11}
    assert related["logicalLocations"][0]["name"] == "spec.template.spec.containers[2].image"
    assert related["message"]["text"] == "in container 'scheduler-log-groomer'"


def test_names_of_files_break_no_format() -> None:
    strange = Outcome(remarks=(Remark(Place("a\x1b[31m\n<b>&\udcff:c.yaml", 3), "is\x00odd"),))
    options = Options()
    ET.fromstring(junit.render(strange, options))  # noqa: S314 - our own
    json.loads(check_json.render(strange))
    uri = json.loads(sarif.render(strange, options))["runs"][0]["invocations"][0]["toolExecutionNotifications"][0]
    assert "%1B" in uri["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    with Console(file=StringIO(), record=True, width=80) as console:
        check_table.show(console, strange, options)
    assert "\x1b" not in console.export_text()
    assert "\x00" not in console.export_text()


def test_on_a_terminal_the_table_has_colours_and_wraps_under_its_indent() -> None:
    console = Console(
        file=StringIO(), force_terminal=True, color_system="standard", width=60, record=True, highlight=False
    )
    check_table.show(console, Outcome(remarks=(Remark(Place("a.yaml", 3), "is odd " * 20),)), Options())
    assert max(len(line) for line in console.export_text(clear=False).splitlines()) <= 60
    assert "\x1b[31m" in console.export_text(styles=True)
