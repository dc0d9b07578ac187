"""`airlock audit --context a --context b` on a real API server, with contexts as people have them in one kubeconfig."""

import json
from pathlib import Path

import yaml

from tests.harness.control_plane import ControlPlane
from tests.harness.control_plane.ports import free
from tests.harness.scanning import ENFORCING, report, run, workload
from webhook.rules.finding import Mode

LATEST = "apache/airflow:latest"


def contexts(plane: ControlPlane, path: Path, **namespaces: str) -> Path:
    """Return a kubeconfig with a context for each of *namespaces*, and one named gone, where nothing listens."""
    body = yaml.safe_load(plane.kubeconfig.read_text())
    here = body["contexts"][0]["context"]
    (port,) = free(1)
    away = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    body["clusters"].append({"name": "away", "cluster": away})
    body["contexts"] = [
        {"name": name, "context": {**here, "namespace": namespace}} for name, namespace in namespaces.items()
    ]
    body["contexts"].append({"name": "gone", "context": {**here, "cluster": "away"}})
    del body["current-context"]  # as in many a pipeline's kubeconfig
    path.write_text(yaml.safe_dump(body))
    return path


def scheduler(plane: ControlPlane, namespace: str, image: str) -> None:
    objects = [workload("scheduler", namespace, image, replicas=0)]
    plane.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def test_one_report_covers_the_contexts_and_names_the_cluster_of_each_workload(
    control_plane: ControlPlane, namespace: str, other_namespace: str, tmp_path: Path
) -> None:
    scheduler(control_plane, namespace, LATEST)
    scheduler(control_plane, other_namespace, "apache/airflow:main")
    kubeconfig = contexts(control_plane, tmp_path / "kubeconfig", eu=namespace, us=other_namespace)
    found = report("--context", "eu", "--context", "us", "--context", "eu", kubeconfig=kubeconfig)
    assert [one["cluster"] for one in found["clusters"]] == ["eu", "us"]
    assert [one["basis"]["source"] for one in found["clusters"]] == [
        f"context eu, namespace {namespace} (the context's; -A looks at all)",
        f"context us, namespace {other_namespace} (the context's; -A looks at all)",
    ]
    assert {(one["cluster"], one["namespace"]) for one in found["workloads"]} == {
        ("eu", namespace),
        ("us", other_namespace),
    }
    told = {one["image"]: [workload["cluster"] for workload in one["workloads"]] for one in found["findings"]}
    assert told == {f"docker.io/{LATEST}": ["eu"], "docker.io/apache/airflow:main": ["us"]}
    assert found["complete"]


def test_a_cluster_that_does_not_answer_is_in_the_report_and_the_others_are_judged(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    scheduler(control_plane, namespace, LATEST)
    kubeconfig = contexts(control_plane, tmp_path / "kubeconfig", eu=namespace)
    result = run("--context", "eu", "--context", "gone", "-o", "json", kubeconfig=kubeconfig)
    assert result.exit_code == 2
    found = json.loads(result.stdout)
    assert {one["cluster"]: one["complete"] for one in found["clusters"]} == {"eu": True, "gone": False}
    assert found["unusable"][0]["place"] == "gone: cluster"
    assert "connection refused" in found["unusable"][0]["text"]
    assert found["summary"]["findings"][Mode.WARN] == 1
    assert "not checked" in {layer["state"] for layer in found["layers"]}


def test_a_context_that_does_not_exist_is_told_with_those_that_do(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    kubeconfig = contexts(control_plane, tmp_path / "kubeconfig", eu=namespace)
    found = report("--context", "eu", "--context", "nope", kubeconfig=kubeconfig)
    assert found["unusable"][0]["place"] == "nope: cluster"
    assert "'nope'" in found["unusable"][0]["text"]
    assert "eu" in found["unusable"][0]["text"]


def test_when_no_cluster_answers_there_is_no_report(control_plane: ControlPlane, tmp_path: Path) -> None:
    kubeconfig = contexts(control_plane, tmp_path / "kubeconfig")
    result = run("--context", "gone", "--context", "nope", kubeconfig=kubeconfig)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "gone: context gone, " in result.stderr
    assert "; nope: --context: 'nope'" in result.stderr


def test_a_policy_out_of_a_pipe_judges_every_cluster(
    control_plane: ControlPlane, namespace: str, other_namespace: str, tmp_path: Path
) -> None:
    scheduler(control_plane, namespace, LATEST)
    scheduler(control_plane, other_namespace, LATEST)
    kubeconfig = contexts(control_plane, tmp_path / "kubeconfig", eu=namespace, us=other_namespace)
    found = report("--context", "eu", "--context", "us", "--policy", "-", kubeconfig=kubeconfig, stdin=ENFORCING)
    assert [one["findings"]["enforce"] for one in found["clusters"]] == [1, 1]
    assert found["basis"]["policy"].startswith("standard input, revision ")


def test_an_edit_is_compared_with_what_each_cluster_has(
    control_plane: ControlPlane, namespace: str, other_namespace: str, tmp_path: Path
) -> None:
    scheduler(control_plane, namespace, LATEST)
    scheduler(control_plane, other_namespace, LATEST)
    kubeconfig = contexts(control_plane, tmp_path / "kubeconfig", eu=namespace, us=other_namespace)
    policy = tmp_path / "policy.yaml"
    policy.write_text(ENFORCING)
    asked = ("--context", "eu", "--context", "us", "--policy", policy, "--compare", "installed")
    found = report(*asked, kubeconfig=kubeconfig)
    assert [one["cluster"] for one in found["changes"]] == ["eu", "us"]


def test_a_dump_has_no_contexts() -> None:
    result = run("-f", "x", "--context", "eu", "--context", "us")
    assert result.exit_code == 2
    assert "has no context" in result.stderr
