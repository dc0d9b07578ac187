"""Whose labels are believed, for pods that run and for files: what a case of one request cannot show."""

from pathlib import Path
from typing import Any

import click.testing
import pytest
import yaml

from tests.harness.livepods import NOW, live, running
from webhook.__main__ import main
from webhook.documents.policy import read_policy
from webhook.judge.gate import Gate
from webhook.pods.airflow import Component
from webhook.pods.fleet import Live, fleet
from webhook.pods.live import LivePod
from webhook.pods.nodes import Nodes
from webhook.pods.sighting import sights

GATE = Gate(read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}"))


def owned_by(kind: str, version: str, **facts: Any) -> LivePod:
    """Return a running pod of statsd that says a *kind* of *version* controls it."""
    pod = running("statsd", "registry.example.com/team/job:main", "", **facts)
    pod["metadata"]["ownerReferences"] = [
        {"apiVersion": version, "kind": kind, "name": "x", "uid": "1", "controller": True}
    ]
    return live(pod)


@pytest.mark.parametrize(
    ("kind", "version", "component"),
    [
        ("ReplicaSet", "apps/v1", Component.SUPPORT),
        ("StatefulSet", "apps/v1", Component.SUPPORT),
        ("Deployment", "apps/v1", Component.TASK),
        ("ReplicaSet", "example.com/v1", Component.TASK),
        ("ReplicaSet", "v1", Component.TASK),
        ("Job", "batch/v1", Component.TASK),
    ],
)
def test_an_audit_believes_only_owners_that_make_such_pods(kind: str, version: str, component: Component) -> None:
    role = GATE.recognise(owned_by(kind, version))
    assert role is not None
    assert role.component is component


def test_an_audit_judges_flower_where_it_runs_the_repository_of_its_own_airflow() -> None:
    scheduler = live(running("scheduler", "registry.example.com/data/etl:1.4.2", ""))
    mine, other = (
        live(running("flower", f"registry.example.com/{name}:main", "", name=name.replace("/", "-")))
        for name in ("data/etl", "hub/flower")
    )
    pods = (scheduler, mine, other)
    seen = [one for pod in pods if (role := GATE.recognise(pod)) for one in sights(pod, role, Nodes(), NOW)]
    running_now = fleet(seen)

    assert GATE.audit(Live(mine, running_now, Nodes(), NOW)).verdict.allowed is False
    assert GATE.audit(Live(other, running_now, Nodes(), NOW)).verdict.violations == ()


def deployment(component: str, image: str, **labels: str) -> dict[str, Any]:
    """Return a Deployment of *component*."""
    container = {"name": component, "image": image, "imagePullPolicy": "IfNotPresent"}
    template = {
        "metadata": {"labels": {"tier": "airflow", "component": component, "release": "a", **labels}},
        "spec": {"containers": [container]},
    }
    metadata = {"name": f"a-{component}", "namespace": "airflow", "labels": {"release": "a"}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": template}}


def test_a_check_judges_flower_where_it_runs_the_repository_of_its_own_airflow(tmp_path: Path) -> None:
    objects = [
        deployment("scheduler", "registry.example.com/data/etl:1.4.2"),
        deployment("flower", "registry.example.com/data/etl:main"),
        deployment("redis", "redis:7.2-bookworm"),
    ]
    file = tmp_path / "rendered.yaml"
    file.write_text(yaml.safe_dump_all(objects))
    result = click.testing.CliRunner().invoke(main, ["check", str(file)])
    assert result.output.count("mutable-tag") == 1
    assert "a-flower" in result.output


def test_a_chart_is_proven_by_what_helm_writes_above_an_object(tmp_path: Path) -> None:
    labels = {"tier": "nothing", "app": "airflow"}
    object_ = deployment("scheduler", "registry.example.com/data/etl:main", **labels)
    text = yaml.safe_dump(object_)
    told = []
    for source in ("", "# Source: airflow/templates/scheduler/scheduler-deployment.yaml\n"):
        file = tmp_path / "rendered.yaml"
        file.write_text(f"---\n{source}{text}")
        told.append(click.testing.CliRunner().invoke(main, ["check", "--fix-hints", str(file)]).output)
    without, proven = told
    assert "airflow.image.tag" not in without
    assert "airflow.image.tag" in proven
