"""What each format of `airlock lint` prints, against files; `REWRITE=1` writes them again."""

import json
import os
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree as ET

import click.testing
import pytest
import yaml

from tests.harness import places
from tests.harness.schemas import assert_junit, assert_sarif
from webhook.__main__ import main
from webhook.lint.finding import Also, Fault, Finding
from webhook.lint.linted import Linted
from webhook.lint.values import Place
from webhook.report import lint_json, lint_junit, lint_sarif
from webhook.report.wording import Options

CASES = places.CASES / "lint" / "formats"
PRINTED = {
    "table.txt": ["--no-fixes"],
    "table-full.txt": ["--show-exempted"],
    "summary.txt": ["--summary"],
    "report.json": ["-o", "json"],
    "report.sarif": ["-o", "sarif", "--show-exempted"],
    "report.xml": ["-o", "junit", "--show-exempted"],
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in yaml.safe_load((CASES / "dags.yaml").read_text()).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)


def printed(*arguments: str) -> str:
    result = click.testing.CliRunner().invoke(main, ["lint", *arguments, "dags"])
    assert (result.exit_code, result.stderr) == (2, ""), result.output
    return result.stdout


@pytest.mark.parametrize("name", PRINTED)
def test_a_format_prints_what_its_file_says(name: str) -> None:
    shown = printed(*PRINTED[name]).replace(f'"version": "{version("airlock-airflow")}"', '"version": "VERSION"')
    if os.environ.get("REWRITE"):
        (CASES / name).write_text(shown)
    assert shown == (CASES / name).read_text()


def test_every_format_says_the_same_sentences_and_counts_the_same_findings() -> None:
    findings = json.loads(printed("-o", "json"))["findings"]
    results = json.loads(printed("-o", "sarif"))["runs"][0]["results"]
    cases = list(ET.fromstring(printed("-o", "junit", "--fail-on", "audit")).iter("failure"))  # noqa: S314 - our own
    shown = printed()
    assert len(findings) == len(results) == len(cases) == 4
    for finding, result, case in zip(findings, results, cases, strict=True):
        assert finding["sentence"] in result["message"]["text"]
        assert finding["fix"] in result["message"]["text"]
        assert finding["sentence"] in (case.text or "")
        assert finding["sentence"] in shown
        assert finding["fix"] in shown


def test_sarif_is_valid_by_its_schema_and_has_the_manual_page() -> None:
    log = json.loads(printed("-o", "sarif", "--show-exempted"))
    assert_sarif(log)
    [rule] = log["runs"][0]["tool"]["driver"]["rules"]
    assert rule["id"] == "callback"
    assert "Passes::" in rule["help"]["text"]


def test_junit_is_valid_by_its_schema() -> None:
    assert_junit(printed("-o", "junit", "--show-exempted"))


def test_a_run_without_anything_to_say_is_valid_too() -> None:
    assert_junit(lint_junit.render(Linted(files=3), Options()))
    assert json.loads(lint_sarif.render(Linted(files=3), Options()))["runs"][0]["results"] == []


def test_a_fingerprint_stays_while_lines_move() -> None:
    before = {finding["fingerprint"] for finding in json.loads(printed("-o", "json"))["findings"]}
    assert len(before) == 4
    for path in Path("dags").glob("[a-n]*.py"):
        path.write_text("# moved\n\n" + path.read_text())
    assert {finding["fingerprint"] for finding in json.loads(printed("-o", "json"))["findings"]} == before


def test_names_of_files_and_dags_break_no_format() -> None:
    place = Place("a\x1b[31m\n<b>&\udcff:c.py", 3)
    text = "is the string '\x00\x1b[31m'"
    finding = Finding(Fault.NOT_CALLABLE, place, place, "DAG '\x07<'", "n\x0b", text, "fix \x00", str(place))
    strange = Linted(1, 1, (finding,), (), (Also(place, "is\x00odd"),))
    ET.fromstring(lint_junit.render(strange, Options()))  # noqa: S314 - our own
    json.loads(lint_json.render(strange))
    uri = json.loads(lint_sarif.render(strange, Options()))["runs"][0]["results"][0]["locations"][0]
    assert "%1B" in uri["physicalLocation"]["artifactLocation"]["uri"]
