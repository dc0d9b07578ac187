"""What `helm test` runs, against a real airlock."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.chart.rendering import CHART, one, render
from tests.server import Server, serving

SCRIPT = CHART / "files/ask.py"
POLICY = "{apiVersion: airlock/v1, kind: Policy, mode: %s}\n"
MANIFEST = """\
apiVersion: airlock/v1
kind: RequiredEnv
env: [{name: DEPLOY_ENV, value: prod, onConflict: deny}]
"""


def ask(server: Server, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the pod of the chart does."""
    fixed = {
        "SERVICE": "air-lock",
        "SERVICE_NAMESPACE": "airlock",
        "AIR_LOCK_SERVICE_HOST": "127.0.0.1",
        "AIR_LOCK_SERVICE_PORT": str(server.port),
        "NAMESPACE": "airlock-helm-test",
        "CA": str(server.ca),
        "PATIENCE": "5",
    }
    text = SCRIPT.read_text(encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-c", text], env=fixed | environ, capture_output=True, text=True, check=False, timeout=60
    )


@contextmanager
def airlock(folder: Path, mode: str) -> Iterator[Server]:
    policy, manifest = folder / "policy.yaml", folder / "required-env.yaml"
    policy.write_text(POLICY % mode)
    manifest.write_text(MANIFEST)
    name = "air-lock.airlock.svc"
    with serving(folder, "--service-name", name, "--policy", str(policy), "--required-env", str(manifest)) as server:
        yield server


@pytest.fixture(scope="module")
def warning(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return an airlock that warns."""
    with airlock(tmp_path_factory.mktemp("warning"), "warn") as server:
        yield server


@pytest.fixture(scope="module")
def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return an airlock that denies."""
    with airlock(tmp_path_factory.mktemp("enforcing"), "enforce") as server:
        yield server


def passes(server: Server, verdict: str) -> None:
    run = ask(server)
    assert run.returncode == 0, run.stderr
    good, bad = run.stdout.split("a scheduler on apache/airflow:latest")
    assert "is admitted\n" in good
    assert "/mutate changes it: /spec/containers/0/env" in good
    assert verdict in bad
    assert "tag 'latest' is mutable" in bad


def test_an_airlock_that_warns_passes_and_counts_no_violation(warning: Server) -> None:
    passes(warning, "is admitted")
    assert [record for record in warning.records() if record["event"] == "decision"]
    assert warning.metric('airlock_violations_total{component="scheduler",mode="warn",rule="mutable-tag"}') == 0


def test_an_airlock_that_denies_passes(enforcing: Server) -> None:
    passes(enforcing, "is denied")


def test_a_policy_that_says_nothing_fails_and_says_what_to_do(tmp_path: Path) -> None:
    with airlock(tmp_path, "audit") as server:
        run = ask(server)
        assert run.returncode == 1
        assert "Name a namespace in helmTest.namespace where it warns or enforces" in run.stderr


def test_a_certificate_of_another_authority_fails(warning: Server, enforcing: Server) -> None:
    run = ask(warning, CA=str(enforcing.ca), PATIENCE="0.1")
    assert run.returncode == 1
    assert "certificate verify failed" in run.stderr


def test_an_airlock_that_is_away_fails_after_a_while(warning: Server) -> None:
    run = ask(warning, AIR_LOCK_SERVICE_PORT="1", PATIENCE="0.1")
    assert run.returncode == 1
    assert "no answer from https://air-lock.airlock.svc/mutate" in run.stderr


def test_the_pod_of_the_chart_runs_this_script() -> None:
    (container,) = one(render(), "Pod", "airlock-test")["spec"]["containers"]
    assert container["command"] == ["python", "-c"]
    assert container["args"][0].strip() == SCRIPT.read_text(encoding="utf-8").strip()
    names = {variable["name"] for variable in container["env"]}
    assert names == {"SERVICE", "SERVICE_NAMESPACE", "NAMESPACE"}
