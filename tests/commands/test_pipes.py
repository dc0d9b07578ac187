"""Standard input, pipes and what cannot be read, in every command that takes a file."""

import os
import subprocess
import sys
from pathlib import Path

import click.testing
import pytest

from tests.harness.places import ROOT
from tests.harness.scanning import listed
from webhook.__main__ import main

POD = "examples/pods/worker-on-a-moving-tag.yaml"
ENFORCE = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
BAD = "{apiVersion: airlock/v1, kind: Policy, mode: enforced}"


def run(*arguments: str | Path, stdin: str = "") -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, [*map(str, arguments)], input=stdin)


def shell(line: str) -> subprocess.CompletedProcess[str]:
    """Run *line* in bash, where `airlock` is the program."""
    program = f'airlock() {{ "{sys.executable}" -m webhook "$@"; }}\n{line}'
    return subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)


def test_a_policy_comes_from_standard_input_too() -> None:
    assert "standard input: line 1: mode" in run("check", "--policy", "-", ROOT / POD, stdin=BAD).stderr
    assert "enforce mutable-tag" in run("check", "--policy", "-", ROOT / POD, stdin=ENFORCE).stdout


def test_policy_and_manifests_come_from_process_substitutions() -> None:
    ended = shell(f"airlock check --policy <(echo '{ENFORCE}') <(cat {POD})")
    assert "enforce mutable-tag" in ended.stdout, ended.stderr


@pytest.mark.parametrize("command", ["policy check", "policy show"])
def test_documents_come_from_process_substitutions(command: str) -> None:
    ended = shell(f"airlock {command} <(echo '{ENFORCE}')")
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "arguments", [("check", "--policy", "-", "-"), ("audit", "-f", "-", "--policy", "-"), ("policy", "check", "-", "-")]
)
def test_standard_input_given_twice_is_refused_and_never_read_as_empty(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, stdin=ENFORCE if arguments[0] != "audit" else listed())
    assert result.exit_code == 2
    assert "standard input can be read only once" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        *(f"check -o {output} {POD}" for output in ("table", "json", "sarif", "junit", "markdown")),
        *("policy show", "policy schema", f"fix {POD}", "lint examples", "--help"),
    ],
)
def test_output_that_finds_no_room_is_said_and_is_no_finding(command: str) -> None:
    ended = shell(f"airlock {command} > /dev/full")
    assert (ended.returncode, ended.stderr) == (2, "standard output: no space left on device\n")


@pytest.mark.parametrize("command", ["check -", "policy check -", "check --policy - x.yaml", "audit -f -"])
def test_a_closed_standard_input_is_said(command: str) -> None:
    ended = shell(f"airlock {command} <&-")
    assert (ended.returncode, "standard input, and it is closed; name a file" in ended.stderr) == (2, True)


def test_a_pipe_in_a_folder_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    result = run("check", tmp_path)
    assert result.exit_code == 2
    assert "pipe.yaml: is not a regular file" in result.stdout


def test_an_audit_of_a_missing_dump_says_one_thing(tmp_path: Path) -> None:
    result = run("audit", "-f", tmp_path / "missing.json")
    assert (result.exit_code, result.output) == (2, f"{tmp_path}/missing.json: no such file or directory\n")


def test_an_audit_of_two_dumps_of_which_one_is_missing_judges_the_other(tmp_path: Path) -> None:
    (tmp_path / "pods.json").write_text(listed())
    result = run("audit", "-f", tmp_path / "pods.json", "-f", tmp_path / "missing.json")
    assert result.exit_code == 2
    assert "missing.json: no such file or directory" in result.stdout


@pytest.mark.parametrize("form", ["table", "json", "html", "markdown", "sarif", "junit"])
def test_a_report_in_a_file_is_told_by_its_name_and_headline(tmp_path: Path, form: str) -> None:
    (tmp_path / "pods.json").write_text(listed())
    result = run("audit", "-f", tmp_path / "pods.json", "-o", form, "--output-file", tmp_path / "report")
    assert result.stdout == ""
    assert f"{tmp_path}/report: no running Airflow pods were seen; 1 thing could not be seen\n" in result.stderr


def test_a_context_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        "{apiVersion: v1, kind: Config, current-context: prod, clusters: [{name: c, cluster: {server: 'https://h'}}],"
        " users: [{name: u, user: {}}], contexts: [{name: prod, context: {cluster: c, user: u}},"
        " {name: staging, context: {cluster: c, user: u}}]}"
    )
    result = run("audit", "--kubeconfig", tmp_path / "config", "--context", "stagin")
    assert result.exit_code == 2
    assert "'stagin' is neither 'prod' nor 'staging'" in result.stderr


def test_choices_are_shown_as_they_are_typed() -> None:
    shown = " ".join(run("serve", "--help").stdout.split())
    assert "[auto|cluster|log|off]" in shown
    assert "default: auto]" in shown
