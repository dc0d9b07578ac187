"""`airlock audit` as a user meets it: what it asks, says and exits with, on dumps and on a real cluster."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.control_plane import ControlPlane
from tests.harness.livepods import running
from tests.harness.scanning import ENFORCING, listed, report, run, workload
from tests.harness.waiting import until

LATEST = "apache/airflow:latest"


def pod(*arguments: Any, **others: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", **running(*arguments, **others)}


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    path = tmp_path / "pods.json"
    path.write_text(listed(pod("worker", LATEST), pod(), pod("worker", namespace="quiet")))
    return path


@pytest.fixture
def enforcing(tmp_path: Path) -> Path:
    path = tmp_path / "enforcing.yaml"
    path.write_text(ENFORCING)
    return path


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], 0),
        (["--fail-on", "warn"], 1),
        (["--fail-on", "never"], 0),
        (["-n", "quiet", "--fail-on", "audit"], 0),
    ],
)
def test_the_built_in_policy_only_warns_and_so_does_the_exit_code(dump: Path, options: list[str], code: int) -> None:
    assert run("-f", dump, *options).exit_code == code


def test_by_default_it_fails_when_something_would_not_come_back(dump: Path, enforcing: Path) -> None:
    result = run("-f", dump, "--policy", enforcing)
    assert result.exit_code == 1
    assert "1 of 3 running pods would not come back" in result.stdout
    assert run("-f", dump, "--policy", enforcing, "--fail-on", "never").exit_code == 0


def test_as_enforce_judges_as_if_every_rule_enforced_and_says_so(dump: Path) -> None:
    assert "none would be denied by this policy; 1 of 3 under `mode: enforce`" in run("-f", dump).stdout
    found = run("-f", dump, "--as", "enforce")
    assert (found.exit_code, "1 of 3 running pods would not come back" in found.stdout) == (1, True)
    assert "the built-in policy (" in found.stdout
    assert ", as if every rule enforced" in found.stdout


def test_as_enforce_is_compared_with_the_policy_that_it_tightens(dump: Path, tmp_path: Path) -> None:
    mild = tmp_path / "mild.yaml"
    mild.write_text("{apiVersion: airlock/v1, kind: Policy}")
    result = run("-f", dump, "--policy", mild, "--as", "enforce", "--compare", mild)
    assert (result.exit_code, "1 newly denied" in result.stdout) == (1, True)


def test_the_answer_says_where_it_looked_and_by_what_it_judged(dump: Path, enforcing: Path) -> None:
    basis = report("-f", dump, "--policy", enforcing, "-n", "airflow")["basis"]
    assert basis["source"] == f"dump {dump}, namespace airflow"
    assert basis["policy"].startswith(f"{enforcing}, revision ")
    assert basis["installed"] is None


def test_several_dumps_are_one_look_and_standard_input_is_one_of_them(dump: Path) -> None:
    other = listed(pod("triggerer", namespace="third"))
    found = report("-f", dump, "-f", "-", stdin=other)
    assert found["summary"]["pods"] == 4
    assert found["basis"]["source"] == f"dump {dump}, standard input"


def test_a_dump_is_judged_as_of_when_it_was_written(dump: Path) -> None:
    os.utime(dump, (1_790_000_000, 1_790_000_000))
    assert report("-f", dump)["taken"] == "2026-09-21T14:13:20Z"


def test_a_dump_out_of_a_pipe_is_read(dump: Path) -> None:
    script = f"{sys.executable} -m webhook audit -o json -f <(cat {dump})"
    found = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert json.loads(found.stdout)["summary"]["pods"] == 3


@pytest.mark.parametrize("content", ["", "kind: Pod", None])
def test_a_dump_that_cannot_be_read_is_named_and_the_others_are_judged(
    dump: Path, tmp_path: Path, content: str | None
) -> None:
    bad = tmp_path / "bad.json"
    if content is not None:
        bad.write_text(content)
    result = run("-f", dump, "-f", bad)
    assert result.exit_code == 2
    assert f"{bad}: " in result.stdout
    assert "1 of 3 under `mode: enforce`" in result.stdout


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["-A", "-n", "x"], "exclude each other"),
        (["-f", "x", "--context", "y"], "has no context"),
        (["-A", "--compare", "x", "-o", "sarif"], "table or json"),
        (["-A", "--compare", "installed"], "needs the --policy"),
        (["-A", "--compare", "x", "--dags", "y"], "says nothing about --dags"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(options: list[str], why: str) -> None:
    result = run(*options)
    assert result.exit_code == 2
    assert why in result.stderr


def test_a_bad_policy_ends_it_with_every_problem(dump: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("apiVersion: airlock/v1\nkind: Policy\nmode: loud\nrule: {}\n")
    result = run("-f", dump, "--policy", bad)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "line 3: mode" in result.stderr
    assert "line 4: rule" in result.stderr


@pytest.mark.parametrize("output", ["table", "json", "sarif", "junit", "html", "markdown"])
def test_every_format_can_be_written_to_a_file_and_tells_the_finding(dump: Path, tmp_path: Path, output: str) -> None:
    path = tmp_path / "report"
    assert run("-f", dump, "-o", output, "--output-file", path).exit_code == 0
    assert "apache/airflow:latest" in path.read_text()


def test_a_file_that_cannot_be_written_is_an_error(dump: Path, tmp_path: Path) -> None:
    result = run("-f", dump, "-o", "json", "--output-file", tmp_path / "missing" / "report")
    assert result.exit_code == 2
    assert "no such file or directory" in result.stderr


def test_a_preview_compares_two_policies_on_one_look(dump: Path, enforcing: Path, tmp_path: Path) -> None:
    mild = tmp_path / "mild.yaml"
    mild.write_text("{apiVersion: airlock/v1, kind: Policy}")
    result = run("-f", dump, "--policy", enforcing, "--compare", mild)
    assert result.exit_code == 1
    assert "1 newly denied" in result.stdout
    milder = run("-f", dump, "--policy", mild, "--compare", enforcing)
    assert (milder.exit_code, "1 no longer denied" in milder.stdout) == (0, True)
    assert report("-f", dump, "--policy", enforcing, "--compare", enforcing)["changes"] == []


FAULTY = """
from datetime import timedelta
from airflow import DAG

def notify(dag, task_list, blocking_task_list, slas, blocking_tis):
    print(", ".join(task.task_id for task in task_list))

dag = DAG("etl", default_args={"sla": timedelta(hours=1)}, sla_miss_callback=notify)
"""
FINE = """
from airflow import DAG

def notify(context):
    print(context["ti"])

dag = DAG("etl", on_failure_callback=notify)
"""


def with_dags(tmp_path: Path, **files: str) -> str:
    folder = tmp_path / "dags"
    folder.mkdir()
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return str(folder)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a": FAULTY, "b": FINE}, (1, "found", ["1 fault among 2 callbacks in 2 files"])),
        ({"b": FINE}, (0, "not found", ["1 callback in 1 file, none with a fault that shows"])),
        ({"b": FINE, "c": "def ("}, (2, "not checked", ["1 file could not be read"])),
        ({}, (2, "not checked", ["1 file could not be read"])),
    ],
)
def test_a_dag_folder_fills_the_fourth_layer(
    dump: Path, tmp_path: Path, files: dict[str, str], says: tuple[int, str, list[str]]
) -> None:
    folder = with_dags(tmp_path, **files)
    result = run("-f", dump, "-n", "quiet", "--dags", folder, "-o", "json")
    layer = json.loads(result.stdout)["layers"][3]
    assert (result.exit_code, layer["state"], layer["told"]) == says
    page = run("-f", dump, "-n", "quiet", "--dags", folder, "-o", "html").stdout
    assert "no DAG folder was given" not in page
    if "a" in files:
        assert f"{folder}/a.py:6" in page.replace("<wbr>", "")
        assert "callback: text: sla_miss_callback of DAG" in run("-f", dump, "-n", "quiet", "--dags", folder).stdout


def test_the_fourth_layer_is_read_for_the_airflow_that_runs(tmp_path: Path) -> None:
    folder = with_dags(tmp_path, a=FAULTY)
    for image, told in (("apache/airflow:2.10.5", "text"), ("apache/airflow:3.1.0", "removed")):
        dump = tmp_path / "pods.json"
        dump.write_text(listed(pod(image=image)))
        faults = report("-f", dump, "--dags", folder)["callbacks"]["faults"]
        assert {fault["text"].partition(":")[0] for fault in faults} == {told}


def test_no_value_of_a_variable_is_in_any_output(tmp_path: Path) -> None:
    secret = pod()
    secret["spec"]["containers"][0]["env"] = [{"name": "DEPLOY_ENV", "value": "s3cret"}]
    dump, manifest = tmp_path / "pods.json", tmp_path / "required-env.yaml"
    dump.write_text(listed(secret))
    manifest.write_text("{apiVersion: airlock/v1, kind: RequiredEnv, env: [{name: DEPLOY_ENV, value: v4lue}]}")
    for output in ("table", "json", "sarif", "junit", "html", "markdown"):
        text = run("-f", dump, "--required-env", manifest, "-o", output).output
        assert "DEPLOY_ENV" in text
        assert "s3cret" not in text
        assert "v4lue" not in text


def test_what_no_namespace_is_called_is_refused(control_plane: ControlPlane) -> None:
    result = run("-n", "airflow-*", kubeconfig=control_plane.kubeconfig)
    assert (result.exit_code, "'airflow-*' is not the name of a namespace" in result.stderr) == (2, True)


def test_a_cluster_that_is_not_there_is_said(control_plane: ControlPlane, tmp_path: Path) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        path = tmp_path / "kubeconfig"
        url = f"https://127.0.0.1:{bound.getsockname()[1]}"
        path.write_text(control_plane.kubeconfig.read_text().replace(control_plane.url, url))
        result = run("-A", kubeconfig=path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.strip() == f"context airlock, all namespaces: {url}: connection refused"


def test_a_kubeconfig_that_leads_nowhere_is_said(tmp_path: Path) -> None:
    result = run("--kubeconfig", tmp_path / "missing")
    assert result.exit_code == 2
    assert "leads to no cluster" in result.stderr


def test_the_namespace_is_the_contexts_as_kubectl_has_it(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    body = yaml.safe_load(control_plane.kubeconfig.read_text())
    body["contexts"].append({"name": "mine", "context": {**body["contexts"][0]["context"], "namespace": namespace}})
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(body))
    mine = report("--context", "mine", kubeconfig=path)["basis"]["source"]
    assert mine == f"context mine, namespace {namespace} (the context's; -A looks at all)"
    assert report(kubeconfig=path)["basis"]["source"].startswith("context airlock, namespace default")


def test_the_installed_policy_decides_and_is_compared_with(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    populate(control_plane, namespace)
    hook = {
        "name": "pods.validate.airlock",
        "clientConfig": {"service": {"namespace": namespace, "name": "airlock"}},
        "rules": [],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    registration = {"kind": "ValidatingWebhookConfiguration", "metadata": {"name": namespace}, "webhooks": [hook]}
    registration["apiVersion"] = "admissionregistration.k8s.io/v1"
    control_plane.kubectl("apply", "-f", "-", input=json.dumps(registration))
    policy = tmp_path / "policy.yaml"
    policy.write_text(ENFORCING)
    control_plane.kubectl("create", "configmap", "airlock-policy", "-n", namespace, f"--from-file={policy}")
    policy.write_text("{apiVersion: airlock/v1, kind: Policy}")
    try:
        found = report("-n", namespace, kubeconfig=control_plane.kubeconfig)
        compared = run("-A", "--policy", policy, "--compare", "installed", kubeconfig=control_plane.kubeconfig)
    finally:
        control_plane.kubectl("delete", "validatingwebhookconfiguration", namespace)
    assert found["basis"]["policy"].startswith(f"ConfigMap {namespace}/airlock-policy, revision ")
    assert (found["basis"]["installed"], found["summary"]["wouldNotReturn"]) == (True, 1)
    assert {one["admission"] for one in found["workloads"]} == {True}
    assert "1 no longer denied" in compared.stdout


def populate(plane: ControlPlane, namespace: str) -> None:
    """Put into *namespace* a scheduler on a moving tag, a worker without pods, and the executor's template."""
    objects = [
        workload("scheduler", namespace, LATEST),
        workload("worker", namespace, LATEST, kind="StatefulSet", replicas=0),
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "airflow-config", "namespace": namespace, "labels": {"release": "airflow"}},
            "data": {"pod_template_file.yaml": json.dumps({"spec": {"containers": [{"image": "x/y:main"}]}})},
        },
    ]
    plane.kubectl("apply", "-f", "-", input=listed(*objects))
    until(lambda: plane.kubectl("get", "pods", "-n", namespace, "-o", "name"), "the scheduler has a pod")


def test_a_dump_gives_the_same_survey_as_the_cluster(
    control_plane: ControlPlane, namespace: str, tmp_path: Path, enforcing: Path
) -> None:
    populate(control_plane, namespace)
    kinds = "pods,configmaps,deployments,statefulsets,daemonsets,cronjobs,jobs"
    dump = control_plane.kubectl("get", kinds, "-n", namespace, "-o", "json")
    whole = control_plane.kubectl("get", "namespaces,nodes", "-o", "json")
    (tmp_path / "dump.json").write_text(dump + whole)
    there = report("-n", namespace, "--policy", enforcing, kubeconfig=control_plane.kubeconfig)
    here = report("-f", tmp_path / "dump.json", "-n", namespace, "--policy", enforcing)
    assert [one["pods"] for one in there["findings"]] == [1, 0, 0]
    for one in (*here["workloads"], *there["workloads"]):
        del one["admission"]  # an empty list of registrations does not say whose it is
    for part in ("summary", "workloads", "findings", "drifts", "skews"):
        if part == "summary":
            del here[part]["outside"], there[part]["outside"]
        assert here[part] == there[part]
