"""`airlock probe`, which `helm test` runs, against a real airlock."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tests.harness.chart.rendering import one, render
from tests.harness.server import Server, serving
from webhook.__main__ import main

POLICY = "{apiVersion: airlock/v1, kind: Policy, mode: %s}\n"
MANIFEST = """\
apiVersion: airlock/v1
kind: RequiredEnv
env: [{name: DEPLOY_ENV, value: prod, onConflict: deny}]
"""
NAME = "air-lock.airlock.svc"


def probed(server: Server, *, ca: Path | None = None, connect: str | None = None) -> Result:
    """Run the command as the pod of the chart does."""
    arguments = ["--ca", str(ca or server.ca), "--connect", connect or f"127.0.0.1:{server.port}", "--patience", "0.1"]
    return CliRunner().invoke(main, ["probe", f"https://{NAME}", "--namespace", "airlock-helm-test", *arguments])


@contextmanager
def airlock(folder: Path, mode: str) -> Iterator[Server]:
    policy, manifest = folder / "policy.yaml", folder / "required-env.yaml"
    policy.write_text(POLICY % mode)
    manifest.write_text(MANIFEST)
    with serving(folder, "--service-name", NAME, "--policy", str(policy), "--required-env", str(manifest)) as server:
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
    run = probed(server)
    assert run.exit_code == 0, run.output
    good, bad = run.output.split("a scheduler on apache/airflow:latest")
    assert "is admitted\n" in good
    assert "/mutate changes it: /metadata/annotations, /spec/containers/0/env" in good
    assert verdict in bad
    assert "tag 'latest' is mutable" in bad


def test_an_airlock_that_warns_passes_and_counts_no_violation(warning: Server) -> None:
    passes(warning, "is admitted")
    assert [record for record in warning.settled().records() if record["event"] == "decision"]
    assert warning.metric('airlock_violations_total{component="scheduler",mode="warn",rule="mutable-tag"}') == 0


def test_an_airlock_that_denies_passes(enforcing: Server) -> None:
    passes(enforcing, "is denied")


def test_without_an_address_the_host_of_the_url_is_asked(warning: Server) -> None:
    run = CliRunner().invoke(main, ["probe", f"https://127.0.0.1:{warning.port}/", "--ca", str(warning.ca)])
    assert run.exit_code == 0, run.output


def test_a_policy_that_says_nothing_fails_and_says_what_to_do(tmp_path: Path) -> None:
    with airlock(tmp_path, "audit") as server:
        run = probed(server)
    assert run.exit_code == 1
    assert "name a namespace where it warns or enforces" in run.output


def test_a_certificate_of_another_authority_fails(warning: Server, enforcing: Server) -> None:
    run = probed(warning, ca=enforcing.ca)
    assert run.exit_code == 1
    assert "certificate verify failed" in run.output


def test_a_server_that_is_no_webhook_fails(warning: Server) -> None:
    run = CliRunner().invoke(main, ["probe", f"https://127.0.0.1:{warning.port}/elsewhere", "--ca", str(warning.ca)])
    assert run.exit_code == 1
    assert "at last 404" in run.output


def test_an_airlock_that_is_away_fails_after_a_while(warning: Server) -> None:
    run = probed(warning, connect="127.0.0.1:1")
    assert run.exit_code == 1
    assert f"no answer from https://{NAME}/mutate, at last ConnectionRefusedError" in run.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["http://x"], "the URL must begin with https:// and name a host"),
        (["https://x", "--connect", "y"], "'y' is not HOST:PORT"),
        (["https://x", "--connect", "y:65979"], "'y:65979' is not HOST:PORT: ports go from 1 to 65535"),
        (["https://x:65979"], "https://x:65979 is not a URL: Port out of range 0-65535"),
        (["https://x:y"], "https://x:y is not a URL: Port could not be cast"),
        (["https://[::1"], "https://[::1 is not a URL: Invalid IPv6 URL"),
        (["https://x", "--ca", __file__], "test_probe.py holds no certificate in PEM"),
    ],
)
def test_what_cannot_be_asked_is_told(arguments: list[str], told: str) -> None:
    run = CliRunner().invoke(main, ["probe", *arguments])
    assert (run.exit_code, type(run.exception)) == (1, SystemExit)
    assert told in run.output


def test_the_pod_of_the_chart_runs_this_command() -> None:
    (container,) = one(render(release="air-lock"), "Pod", "air-lock-airlock-test")["spec"]["containers"]
    assert "command" not in container
    command = main.get_command(click.Context(main), "probe")
    assert command is not None
    with command.make_context("probe", container["args"][1:], resilient_parsing=True) as context:
        assert context.params["url"] == "https://air-lock-airlock.airlock.svc"
        assert context.params["connect"] == "$(AIR_LOCK_AIRLOCK_SERVICE_HOST):$(AIR_LOCK_AIRLOCK_SERVICE_PORT)"
        assert context.params["namespace"] == "airlock-helm-test"
