"""Airflows written by hand, or renamed: components are known, and a chart's words only with evidence of it."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import click.testing
import pytest

from tests.harness.places import CASES
from webhook.__main__ import main
from webhook.admission.review import decode
from webhook.documents.policy import read_policy
from webhook.documents.required_env import read_manifest
from webhook.judge.gate import Gate
from webhook.pods.airflow import Chart, Component

INPUTS = CASES / "check" / "inputs"
REQUIRED = """
apiVersion: airlock/v1
kind: RequiredEnv
env: [{name: DEPLOY_ENV, value: prod, components: [scheduler, dag-processor, api-server, webserver]}]
"""


def checked(file: str, *arguments: str | Path) -> dict[str, Any]:
    result = click.testing.CliRunner().invoke(main, ["check", "-o", "json", *map(str, arguments), str(INPUTS / file)])
    told: dict[str, Any] = json.loads(result.stdout)
    return told


@pytest.mark.parametrize(
    ("file", "components"),
    [
        ("reclabels.yaml", ["scheduler", "api-server"]),
        ("appairflow.yaml", ["scheduler", "dag-processor", "webserver"]),
    ],
)
def test_components_written_by_hand_are_known_and_get_no_charts_words(
    file: str, components: list[str], tmp_path: Path
) -> None:
    (tmp_path / "required.yaml").write_text(REQUIRED)
    told = checked(file, "--required-env", tmp_path / "required.yaml")
    assert [one["component"] for one in told["findings"]] == components
    assert {one["rule"] for one in told["findings"]} == {"mutable-tag"}  # the only container is the main one
    fixes = " ".join(one["fix"] for one in told["findings"])
    assert not any(words in fixes for words in ("images.airflow", "airflow.image", "image.tag", "extraEnv"))


def test_a_database_beside_an_airflow_that_was_written_by_hand_is_not_judged() -> None:
    told = checked("appairflow.yaml")
    assert "postgres" not in json.dumps(told["findings"])


def test_bitnamis_scheduler_is_known_under_another_name() -> None:
    body = (INPUTS / "bitnami-name-override.json").read_bytes()
    gate = Gate(
        read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}"),
        read_manifest("{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: DEPLOY_ENV, value: prod}]}"),
    )
    decision, operations = gate.mutate(decode(body), date(2026, 11, 23))
    assert (decision.component, decision.chart) == (Component.SCHEDULER, Chart.BITNAMI)
    assert [one["path"] for one in operations] == ["/spec/containers/0/env", "/metadata/annotations"]
