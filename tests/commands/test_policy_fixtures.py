"""`airlock policy test`: a policy's own tests."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from click.testing import CliRunner, Result

from tests.harness.places import ROOT
from tests.harness.reviews import EXECUTOR, scheduler, task
from webhook.__main__ import main

ENFORCE = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}\n"
LATEST = {"rule": "mutable-tag", "mode": "enforce", "reason": "tag 'latest' is mutable"}
WORKER = {"name": "a worker", "object": task("r/a:latest"), "user": EXECUTOR}


def run(folder: Path, *cases: dict[str, Any], options: tuple[str, ...] = (), **fields: Any) -> Result:
    """Run *cases* on a policy that enforces."""
    (folder / "policy.yaml").write_text(ENFORCE)
    tests = {"apiVersion": "airlock/v1", "kind": "PolicyTest", "policy": "policy.yaml", "tests": cases, **fields}
    (folder / "tests.yaml").write_text(yaml.safe_dump(tests))
    return CliRunner().invoke(main, ["policy", "test", str(folder / "tests.yaml"), *options])


def test_the_examples_pass() -> None:
    found = CliRunner().invoke(main, ["policy", "test", str(ROOT / "examples/policy-tests/policy-test.yaml")])
    assert (found.exit_code, found.output.splitlines()[-1]) == (0, "5 tests passed"), found.output


@pytest.mark.parametrize("key", ["policy", "requiredEnv"])
def test_a_document_that_is_not_there_is_named_with_the_field_that_names_it(tmp_path: Path, key: str) -> None:
    named: dict[str, Any] = {key: "absent.yaml"}
    found = run(tmp_path, WORKER | {"expect": []}, **named)
    told = f"{tmp_path / 'tests.yaml'}: {key}: {tmp_path / 'absent.yaml'}: no such file or directory\n"
    assert (found.exit_code, found.stderr) == (2, told)


def test_a_finding_that_is_expected_passes(tmp_path: Path) -> None:
    found = run(tmp_path, WORKER | {"expect": [LATEST]})
    assert (found.exit_code, "1 test passed" in found.output) == (0, True), found.output


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ([], "not expected (enforce): mutable-tag"),
        ([LATEST | {"mode": "warn"}], "expected mutable-tag (warn) that says"),
        ([LATEST | {"reason": "of no known class"}], "that says 'of no known class': no such finding"),
        ([LATEST, {"rule": "required-env", "mode": "enforce"}], "expected required-env (enforce): no such finding"),
    ],
)
def test_an_answer_that_differs_fails_and_says_in_what(tmp_path: Path, expect: list[dict[str, str]], said: str) -> None:
    found = run(tmp_path, WORKER | {"expect": expect})
    assert found.exit_code == 1
    assert said in found.output
    assert "1 test, 1 failed" in found.output


def test_an_exemption_and_an_injection_that_nobody_expects_fail(tmp_path: Path) -> None:
    (tmp_path / "env.yaml").write_text(
        "{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: TEAM, value: s3cret-value}]}"
    )
    exempting = yaml.safe_load(ENFORCE) | {
        "exemptions": [
            {"name": "old", "reason": "r", "owner": "o", "expires": "2026-11-26", "components": ["scheduler"]}
        ]
    }
    (tmp_path / "exempting.yaml").write_text(yaml.safe_dump(exempting))
    case = {"name": "a scheduler", "object": scheduler("r/a:latest"), "expect": []}
    options = ("--policy", str(tmp_path / "exempting.yaml"))
    found = run(tmp_path, case, options=options, today="2026-11-26", requiredEnv="env.yaml")
    assert "exempted by old, and nothing expected" in found.output
    ended = run(tmp_path, case, options=options, today="2026-11-27", requiredEnv="env.yaml")
    assert "injected: TEAM, and nothing expected" in ended.output
    assert "not expected (enforce): mutable-tag" in ended.output
    assert "s3cret" not in found.output + ended.output


def test_an_update_is_judged_as_one(tmp_path: Path) -> None:
    case = {"name": "labels change", "object": scheduler("r/a:latest"), "old": scheduler("r/a:latest"), "expect": []}
    assert run(tmp_path, case).exit_code == 0


def test_junit_has_a_case_for_each_test(tmp_path: Path) -> None:
    good, bad = WORKER | {"expect": [LATEST]}, WORKER | {"name": "another", "expect": []}
    root = ET.fromstring(run(tmp_path, good, bad, options=("-o", "junit")).output)  # noqa: S314 - we wrote it
    assert (root.attrib["tests"], root.attrib["failures"]) == ("2", "1")
    assert [case.attrib["name"] for case in root.iter("testcase")] == ["a worker", "another"]


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ({"name": "x", "expect": []}, "give exactly one of object and file"),
        ({"name": "x", "file": "absent.yaml", "expect": []}, "absent.yaml"),
        ({"name": "x", "object": {"kind": "Pod"}}, "expect"),
        ({"name": "x", "object": {}, "expect": [{"rule": "mutable-tags", "mode": "warn"}]}, "'mutable-tags'"),
    ],
)
def test_tests_that_cannot_be_used_exit_with_2_and_a_sentence(tmp_path: Path, case: dict[str, Any], said: str) -> None:
    found = run(tmp_path, case)
    assert found.exit_code == 2
    assert said in found.stderr


def test_a_name_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    found = run(tmp_path, WORKER | {"expect": [LATEST]}, WORKER | {"expect": []})
    assert (found.exit_code, "is the name of tests[0] too" in found.stderr) == (2, True)
