"""What airlock's annotations say is a hint in `audit` and `diagnose`: told where the spec bears it out, else never."""

import json
from pathlib import Path
from typing import Any

import click.testing
import pytest

from tests.harness.livepods import digest, running
from tests.harness.scanning import listed, report
from webhook.__main__ import main

MANIFEST = (
    "{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: DEPLOY_ENV, value: prod}, {name: REGION, value: eu}]}"
)


@pytest.fixture
def required(tmp_path: Path) -> Path:
    path = tmp_path / "required-env.yaml"
    path.write_text(MANIFEST)
    return path


def pod(component: str, env: dict[str, str], image: str, **marks: str) -> dict[str, Any]:
    made = {"apiVersion": "v1", "kind": "Pod", **running(component, image)}
    made["spec"]["containers"][0]["env"] = [{"name": name, "value": value} for name, value in env.items()]
    made["metadata"]["annotations"] = {f"airlock/{key}": value for key, value in marks.items()}
    return made


def honest() -> str:
    scheduler = pod(
        "scheduler", {"DEPLOY_ENV": "prod", "REGION": "eu"}, "apache/airflow:2.10.5", injected="DEPLOY_ENV,REGION"
    )
    worker = pod("worker", {}, f"apache/airflow@{digest('1')}", pinned="worker")
    return listed(scheduler, worker)


def workloads(found: dict[str, Any]) -> dict[str, tuple[list[str], list[str]]]:
    return {one["component"]: (one["injected"], one["pinned"]) for one in found["workloads"]}


def layer(found: dict[str, Any], number: int) -> str:
    return " ".join(found["layers"][number - 1]["told"])


def test_an_audit_says_which_workloads_airlock_injected_and_pinned(required: Path) -> None:
    found = report("-f", "-", "--required-env", required, stdin=honest())
    assert workloads(found) == {"scheduler": (["DEPLOY_ENV", "REGION"], []), "worker": ([], ["worker"])}
    assert "1 workload with variables that airlock injected, as annotations say" in layer(found, 3)
    assert "1 workload pinned to a digest by airlock, as annotations say" in layer(found, 2)


def test_a_mark_that_the_spec_does_not_bear_out_counts_for_nothing(required: Path) -> None:
    scheduler = pod("scheduler", {"DEPLOY_ENV": "forged"}, "apache/airflow:2.10.5", injected="DEPLOY_ENV,REGION,OTHER")
    worker = pod("worker", {}, "apache/airflow:latest", pinned="worker,git-sync")
    found = report("-f", "-", "--required-env", required, stdin=listed(scheduler, worker))
    assert workloads(found) == {"scheduler": ([], []), "worker": ([], [])}
    assert "as annotations say" not in layer(found, 2) + layer(found, 3)
    assert {one["rule"] for one in found["findings"]} >= {"mutable-tag", "required-env"}


def test_a_diagnosis_says_it_beside_a_layer_that_is_not_the_cause(required: Path) -> None:
    arguments = ["diagnose", "-f", "-", "--required-env", str(required), "-o", "json"]
    result = click.testing.CliRunner().invoke(main, arguments, input=honest())
    told = [" ".join(one["marks"]) for one in json.loads(result.stdout)["layers"]]
    assert "variables that airlock injected" in told[2]
    assert "pinned to a digest by airlock" in told[1]
