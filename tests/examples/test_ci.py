"""The templates for CI: their own shell lines, run as the CI server would."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.places import CORPUS, ROOT

CI = ROOT / "examples" / "ci"
BAD, GOOD = (CORPUS / f"official-1.22.0/{name}.workloads.yaml" for name in ("k8s-image-latest", "kubernetes-executor"))


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """A folder with manifests, and a `python3 -m venv` that gives out the airlock of these tests."""
    stand_in = tmp_path / "bin" / "python3"
    stand_in.parent.mkdir()
    stand_in.write_text(
        f'#!/bin/sh\nmkdir -p "$3/bin" && ln -sf {Path(sys.executable).parent}/airlock "$3/bin/airlock"\n'
        'printf "#!/bin/sh\\nexit 0\\n" > "$3/bin/pip" && chmod +x "$3/bin/pip"\n'
    )
    stand_in.chmod(0o755)
    (tmp_path / "bad.yaml").write_bytes(BAD.read_bytes())
    (tmp_path / "good.yaml").write_bytes(GOOD.read_bytes())
    return tmp_path


def run(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, **variables, "RUNNER_TEMP": str(folder), "PATH": f"{folder}/bin:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-e", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )


def steps() -> list[dict[str, Any]]:
    action = yaml.safe_load((CI / "github/airlock-check/action.yml").read_text())
    assert action["runs"]["using"] == "composite"
    found: list[dict[str, Any]] = action["runs"]["steps"]
    assert all(step["shell"] == "bash" for step in found)
    return found


@pytest.mark.parametrize(("paths", "codes"), [("good.yaml", [0, 0, 0]), ("bad.yaml good.yaml", [0, 0, 1])])
def test_the_action_leaves_a_report_and_fails_on_findings(workplace: Path, paths: str, codes: list[int]) -> None:
    variables = {"PACKAGE": "airlock-airflow", "PATHS": paths, "AIRLOCK_NAMESPACE": "airflow", "AIRLOCK_POLICY": ""}
    ran = [run(step["run"], workplace, AIRLOCK_FAIL_ON="warn", **variables) for step in steps()]
    assert [one.returncode for one in ran] == codes, ran
    assert (workplace / "airlock.sarif").exists()


def test_the_action_ends_when_something_cannot_be_read(workplace: Path) -> None:
    install, report, _ = steps()
    run(install["run"], workplace, PACKAGE="airlock-airflow")
    assert run(report["run"], workplace, PATHS="absent.yaml", AIRLOCK_POLICY="").returncode != 0


def test_without_a_package_nothing_of_somebody_elses_is_installed(workplace: Path) -> None:
    ran = run(steps()[0]["run"], workplace, PACKAGE="")
    assert ran.returncode != 0
    assert "the input package is missing" in ran.stderr
    job = yaml.safe_load((CI / "gitlab/airlock-check.yml").read_text())[".airlock-check"]
    ran = run("\n".join(job["script"]), workplace, **job["variables"])
    assert ran.returncode != 0
    assert "AIRLOCK_PACKAGE: is missing" in ran.stderr
    assert not (workplace / "airlock").exists()
    assert not (workplace / ".airlock").exists()


@pytest.mark.parametrize(("paths", "fails"), [("good.yaml", False), ("bad.yaml", True)])
def test_the_job_fails_on_findings_and_leaves_its_report_either_way(workplace: Path, paths: str, fails: bool) -> None:  # noqa: FBT001 - a case's value
    job = yaml.safe_load((CI / "gitlab/airlock-check.yml").read_text())[".airlock-check"]
    named = {"AIRLOCK_PACKAGE": "airlock-airflow", "AIRLOCK_PATHS": paths, "AIRLOCK_NAMESPACE": "airflow"}
    variables = {**job["variables"], **named}
    assert (run("\n".join(job["script"]), workplace, **variables).returncode != 0) is fails
    run("\n".join(job["after_script"]), workplace, **variables)
    assert (workplace / job["artifacts"]["reports"]["junit"]).exists()
