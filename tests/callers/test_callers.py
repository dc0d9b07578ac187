"""Lint's cases, run by the real callers of Airflow: what lint calls wrong fails there, and what it passes does not."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lint.cases import FILES, Case, facts, linted, load
from webhook.lint.finding import Fault, Finding
from webhook.lint.versions import ANY, Versions, of_imports, versions

pytestmark = pytest.mark.callers

AIRFLOWS = {
    2: ("2.11.2", ("apache-airflow==2.11.2",)),
    3: ("3.3.2", ("apache-airflow==3.3.2", "apache-airflow-providers-cncf-kubernetes==10.25.0")),
}
CACHE = Path.home() / ".cache" / "airlock" / "callers"
HERE = Path(__file__).parent


def majors(case: Case) -> Iterator[int]:
    """Yield the Airflows that the files of *case* are written for."""
    if "unreal" in case.data:
        return
    text = "\n".join(case.files.values())
    written = versions(str(case.data["airflow"])) if "airflow" in case.data else ANY
    if written == ANY and "airflow.sdk" in text:
        written = of_imports(["airflow.sdk.DAG"])
    elif written == ANY and "sla" in text:
        written = versions("2")
    for major, (version, _) in AIRFLOWS.items():
        if written.meets(versions(version)) is not None:
            yield major


CASES = [(major, case) for path in FILES for case in [load(path)] for major in majors(case)]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[int, str], dict[str, Any]]:
    """What came of every case: import errors, and each callback's run."""
    found = {}
    for major in AIRFLOWS:
        folder = tmp_path_factory.mktemp(f"airflow{major}")
        asked = [written(folder, case) for at, case in CASES if at == major]
        for one in called(major, folder, asked):
            found[major, str(one["folder"])] = one
    return found


def written(folder: Path, case: Case) -> str:
    """Write the files of *case*, and return what the program is asked."""
    for name, text in case.files.items():
        path = folder / case.name / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    declared = case.data.get("manifests", {}).get("scheduler", {}).get("names", [])
    required = case.data.get("required", {}).get("scheduler", [])
    given = [f"AIRFLOW_VAR_{name.upper()}" for name in case.data.get("variables", [])]
    return json.dumps({"folder": str(folder / case.name), "env": dict.fromkeys([*declared, *required, *given], "x")})


def called(major: int, folder: Path, asked: list[str]) -> Iterator[dict[str, Any]]:
    """Yield what the program of Airflow *major* says of what it is *asked*."""
    python = installed(major)
    env = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "AIRFLOW_HOME": str(folder / "home"),
        "PYTHONWARNINGS": "ignore", "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }  # fmt: skip
    command = [str(python.parent / "airflow"), "db", "migrate"]
    subprocess.run(command, env=env, check=True, capture_output=True, timeout=300)
    program = [str(python), str(HERE / f"airflow{major}.py")]
    ended = subprocess.run(
        program, env=env, check=False, capture_output=True, timeout=600, text=True, input="\n".join(asked)
    )
    assert ended.returncode == 0, ended.stderr[-4000:]
    for line in ended.stdout.splitlines():
        if line.startswith("RESULT "):
            yield json.loads(line.removeprefix("RESULT "))


def installed(major: int) -> Path:
    """Return the Python of a venv with Airflow *major*, made once."""
    version, packages = AIRFLOWS[major]
    venv = CACHE / version
    python = venv / "bin" / "python"
    if not (venv / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "uv>=0.9"], check=True)
        command = [str(venv / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(python), *packages]
        subprocess.run(command, check=True, timeout=900)
        (venv / "ready").touch()
    return python


@pytest.mark.parametrize(("major", "case"), CASES, ids=lambda one: one.name if isinstance(one, Case) else str(one))
def test_what_lint_calls_wrong_fails_by_the_real_caller_and_what_it_passes_does_not(
    major: int, case: Case, results: dict[tuple[int, str], dict[str, Any]]
) -> None:
    result = results[major, case.name]
    findings = found(case, versions(AIRFLOWS[major][0]))
    unproved = [one.sentence for one in findings if not fails(one, result, case.data.get("gibberish", ""))]
    assert not unproved, result["runs"]
    for run in result["runs"]:
        assert not run["raised"] or any(is_about(one, run) for one in findings), run
    for file in result["errors"]:
        named = {Path(place.file).name for one in findings for place in (one.given, *one.places)}
        assert file in named | {Path(one.partition(":")[0]).name for one in case.data.get("unusable", ())}


def test_both_airflows_run_cases_that_are_wrong_and_cases_that_are_right() -> None:
    for major in AIRFLOWS:
        mine = [case for at, case in CASES if at == major]
        assert {bool(case.marks) for case in mine} == {True, False}
    shown = {
        fault for major, case in CASES for fault in (one.fault for one in found(case, versions(AIRFLOWS[major][0])))
    }
    assert shown == set(Fault)


def found(case: Case, version: Versions) -> tuple[Finding, ...]:
    known = facts({**case.data, "airflow": ".".join(map(str, version.low))})
    outcome = linted(case.files, known)
    return (*outcome.findings, *(spared.finding for spared in outcome.spared))


def is_about(finding: Finding, run: dict[str, Any]) -> bool:
    """Return whether *finding* is about the callback that *run* called."""
    if "line" in run:
        return any(place.line == run["line"] for place in (finding.given, *finding.places))
    if finding.callback:
        return finding.callback == str(run["name"])
    return finding.what.startswith(str(run["parameter"]))


def fails(finding: Finding, result: dict[str, Any], gibberish: str) -> bool:
    """Return whether *result* shows what *finding* says."""
    runs = [run for run in result["runs"] if is_about(finding, run)]
    if finding.fault is Fault.EXECUTOR_CANNOT:
        return bool(runs) and all("NotImplementedError" in str(run["queued"]) for run in runs)
    if {Path(place.file).name for place in (finding.given, *finding.places)} & set(result["errors"]):
        return True
    if finding.fault is Fault.REMOVED:
        return not runs
    if finding.fault in (Fault.NEVER_CALLED, Fault.CALLED):
        return not runs or any(not run["output"] for run in runs)
    if finding.fault is Fault.UNDECLARED_ENV and "None" in finding.text:
        return any("None" in run["output"] for run in runs)
    # BaseNotifier of Airflow 2 logs what notify raises, and says nothing to its caller.
    return any(
        run["raised"] or "ERROR" in run["output"] or (gibberish and re.search(gibberish, run["output"])) for run in runs
    )
