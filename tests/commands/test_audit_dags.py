"""`airlock audit --dags`: every format tells the same faults of callbacks, at their files."""

import json
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.harness.livepods import running
from tests.harness.scanning import listed, report, run
from tests.harness.schemas import assert_junit, assert_sarif

DAG = """
from datetime import datetime
from airflow import DAG

def notify(dag, task_list, blocking_task_list, slas, blocking_tis):
    for task in task_list:
        print(task.task_id)

with DAG("{dag}", start_date=datetime(2026, 1, 1), sla_miss_callback=notify{end}):{comment}
    pass
"""


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "pods.json"
    path.write_text(listed({"apiVersion": "v1", "kind": "Pod", **running(image="apache/airflow:latest")}))
    return path


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    folder = tmp_path / "dags"
    folder.mkdir()
    (folder / "a.py").write_text(DAG.format(dag="a", end="", comment=""))
    (folder / "b.py").write_text(DAG.format(dag="b", end=", on_failure_callback=notify()", comment=""))
    (folder / "c.py").write_text(
        DAG.format(dag="c", end="", comment="").replace(
            "for task in task_list:", "for task in task_list:  # airlock: ignore[callback] known"
        )
    )
    return folder


def test_sarif_junit_json_and_table_count_the_same_faults(dump: Path, dags: Path) -> None:
    arguments = ("-f", dump, "--dags", dags)
    found = report(*arguments)
    expected = Counter((one["mode"], one["place"]) for one in found["callbacks"]["faults"])
    assert len(expected) > 1

    log = json.loads(run(*arguments, "-o", "sarif").stdout)
    assert_sarif(log)
    levels = {"error": "enforce", "warning": "warn", "note": "audit"}
    driver, results = log["runs"][0]["tool"]["driver"], log["runs"][0]["results"]
    callbacks = [one for one in results if one["ruleId"] == "callback"]
    assert Counter(place(one, levels) for one in callbacks) == expected
    assert {driver["rules"][one["ruleIndex"]]["id"] for one in callbacks} == {"callback"}
    assert {one["ruleId"] for one in results} == {"callback", "mutable-tag"}
    assert all(driver["rules"][one["ruleIndex"]]["id"] == one["ruleId"] for one in results)

    text = run(*arguments, "-o", "junit", "--fail-on", "audit").stdout
    assert_junit(text)
    failures = ET.fromstring(text).findall(".//testcase/failure")  # noqa: S314 - our own
    told = [one for one in failures if (one.text or "").partition(": ")[2].startswith("callback: ")]
    assert Counter((one.get("type"), (one.text or "").partition(": ")[0]) for one in told) == expected

    table = run(*arguments).stdout
    assert all(where.rpartition("/")[2] in table for _, where in expected)


def place(result: dict[str, object], levels: dict[str, str]) -> tuple[str, str]:
    physical = result["locations"][0]["physicalLocation"]  # type: ignore[index]  # JSON
    uri = physical["artifactLocation"]["uri"].removeprefix("file://")
    return levels[str(result["level"])], f"{uri}:{physical['region']['startLine']}"


def test_what_a_comment_spares_is_shown_as_suppressed_on_request(dump: Path, dags: Path) -> None:
    arguments = ("-f", dump, "--dags", dags)
    results = json.loads(run(*arguments, "-o", "sarif", "--show-exempted").stdout)["runs"][0]["results"]
    (spared,) = [one for one in results if one.get("suppressions")]
    assert (spared["ruleId"], spared["suppressions"][0]["justification"]) == ("callback", "known")
    assert "exempted by a comment (known)" in run(*arguments, "-o", "junit", "--show-exempted").stdout
    assert '"suppressions"' not in run(*arguments, "-o", "sarif").stdout
    assert "exempted by" not in run(*arguments, "-o", "junit").stdout


def test_a_file_that_cannot_be_read_is_an_error_in_both_and_exit_code_2(dump: Path, dags: Path) -> None:
    (dags / "torn.py").write_text("<<<<<<< HEAD\nx = 1\n")
    for output in ("sarif", "junit"):
        result = run("-f", dump, "--dags", dags, "-o", output)
        assert result.exit_code == 2
        assert "torn.py" in result.stdout
    invocation = json.loads(run("-f", dump, "--dags", dags, "-o", "sarif").stdout)["runs"][0]["invocations"][0]
    assert invocation["executionSuccessful"] is False
    suites = ET.fromstring(run("-f", dump, "--dags", dags, "-o", "junit").stdout)  # noqa: S314 - our own
    assert [one.get("classname") for one in suites.findall(".//testcase[error]")] == [str(dags / "torn.py")]
