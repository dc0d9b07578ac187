"""An audit with few rights ends with what it could see, says what it could not, and writes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.control_plane import ControlPlane
from tests.harness.places import ROOT
from tests.harness.scanning import reader, report, run, workload
from tests.harness.waiting import until

LATEST = "apache/airflow:latest"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text("{apiVersion: airlock/v1, kind: Policy, mode: enforce}")
    return path


def populate(plane: ControlPlane, namespace: str) -> None:
    """Put a scheduler on a moving tag into *namespace*, and wait for its pod."""
    plane.kubectl("apply", "-f", "-", input=json.dumps(workload("scheduler", namespace, LATEST)))
    until(lambda: plane.kubectl("get", "pods", "-n", namespace, "-o", "name"), "the scheduler has a pod")


def places(found: dict[str, Any], kind: str) -> dict[str, str]:
    """Return the remarks of *kind* by their places."""
    return {remark["place"]: remark["text"] for remark in found[kind]}


def namespaces(found: dict[str, Any]) -> set[str]:
    return {workload["namespace"] for one in found["findings"] for workload in one["workloads"]}


def test_the_role_view_sees_everything_that_makes_the_survey_and_says_what_it_lacks(
    control_plane: ControlPlane, namespace: str, policy: Path
) -> None:
    populate(control_plane, namespace)
    account = reader(control_plane, namespace, everywhere="view")
    found = report("-A", "--policy", policy, kubeconfig=account)
    assert found["complete"]
    assert namespace in namespaces(found)
    lacking = places(found, "skipped")
    assert "nodes is forbidden" in lacking["nodes"]
    assert "which namespaces admission sees is not known" in lacking["validatingwebhookconfigurations"]
    assert found["basis"]["installed"] is None
    assert run("-A", "--policy", policy, kubeconfig=account).exit_code == 1


def test_the_rights_in_the_page_leave_nothing_out(control_plane: ControlPlane, namespace: str, policy: Path) -> None:
    populate(control_plane, namespace)
    page = (ROOT / "docs" / "audit.md").read_text()
    role, binding = yaml.safe_load_all(page.partition("```yaml\n")[2].partition("```")[0])
    account = reader(control_plane, namespace, everywhere="view")
    name = f"auditor-{namespace}"
    role["metadata"]["name"] = binding["metadata"]["name"] = binding["roleRef"]["name"] = name
    binding["subjects"] = [{"kind": "ServiceAccount", "namespace": namespace, "name": "reader-0-view"}]
    control_plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all([role, binding]))
    found = report("-n", namespace, "--policy", policy, kubeconfig=account)
    assert (found["complete"], found["unusable"], found["skipped"]) == (True, [], [])
    assert found["basis"]["installed"] is False


def test_nothing_is_written_and_no_secret_is_read(control_plane: ControlPlane, namespace: str, policy: Path) -> None:
    populate(control_plane, namespace)
    account = reader(control_plane, namespace, everywhere="cluster-admin")
    assert report("-A", kubeconfig=account)["complete"]
    assert report("-n", namespace, "--compare", policy, kubeconfig=account)["kind"]
    user = f"system:serviceaccount:{namespace}:reader-0-cluster-admin"
    asked = [event for event in control_plane.audit() if event["user"]["username"] == user]
    assert {event["verb"] for event in asked} == {"get", "list"}
    assert {event["objectRef"]["resource"] for event in asked} >= {"pods", "nodes", "namespaces", "deployments"}
    assert "secrets" not in {event["objectRef"]["resource"] for event in asked}


def test_who_may_look_into_one_namespace_sees_that_one_whole(
    control_plane: ControlPlane, namespace: str, policy: Path
) -> None:
    populate(control_plane, namespace)
    account = reader(control_plane, namespace, within=(namespace,))
    result = run("--policy", policy, kubeconfig=account)
    assert result.exit_code == 1
    assert f"namespace {namespace} (the context's; -A looks at all)" in result.stdout
    assert "1 of 1 running pod would not come back" in result.stdout


def test_who_may_not_list_all_pods_gets_the_own_namespace_and_a_bad_exit_code(
    control_plane: ControlPlane, namespace: str, policy: Path
) -> None:
    populate(control_plane, namespace)
    account = reader(control_plane, namespace, within=(namespace,))
    found = report("-A", "--policy", policy, kubeconfig=account)
    assert not found["complete"]
    assert f"only namespace {namespace} was looked at" in places(found, "unusable")["pods in all namespaces"]
    assert namespaces(found) == {namespace}
    assert run("-A", "--policy", policy, "--fail-on", "never", kubeconfig=account).exit_code == 2


def test_a_forbidden_namespace_does_not_keep_the_others_from_being_seen(
    control_plane: ControlPlane, namespace: str, policy: Path
) -> None:
    populate(control_plane, namespace)
    other = control_plane.namespace()
    account = reader(control_plane, namespace, within=(namespace,))
    found = report("-n", namespace, "-n", other, "--policy", policy, kubeconfig=account)
    assert list(places(found, "unusable")) == [f"pods in {other}"]
    assert namespaces(found) == {namespace}


def test_namespaces_are_looked_at_one_by_one_where_only_their_names_may_be_listed(
    control_plane: ControlPlane, namespace: str, policy: Path
) -> None:
    populate(control_plane, namespace)
    control_plane.kubectl("create", "clusterrole", namespace, "--verb=list", "--resource=namespaces")
    account = reader(control_plane, namespace, within=(namespace,), everywhere=namespace)
    found = report("-A", "--policy", policy, kubeconfig=account)
    assert namespaces(found) == {namespace}
    unseen = places(found, "unusable")
    assert "cannot be listed" in unseen["pods in kube-system"]
    assert f"pods in {namespace}" not in unseen


def test_who_may_nothing_is_told_so_for_each_thing(control_plane: ControlPlane, namespace: str) -> None:
    account = reader(control_plane, namespace)
    result = run("-A", kubeconfig=account)
    assert result.exit_code == 2
    assert "no running Airflow pods were seen; 2 things could not be seen" in result.stdout
    assert "was looked at" not in result.stdout  # not even the context's namespace was
    for place in ("pods in all namespaces", f"pods in {namespace}", "validatingwebhookconfigurations"):
        assert f"{place}: " in result.stdout
    assert "warning: judged by the built-in policy: ConfigMap airlock/airlock-policy was not read" in result.stderr


def test_a_namespace_that_is_not_there_is_no_clean_one(control_plane: ControlPlane, namespace: str) -> None:
    found = report("-n", namespace, "-n", "ariflow", kubeconfig=control_plane.kubeconfig)
    assert places(found, "unusable") == {"namespace ariflow": "no namespace has this name"}


def test_a_variable_whose_source_may_not_be_read_is_left_out_and_never_said_to_be_missing(
    control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    populate(control_plane, namespace)
    manifest = tmp_path / "required-env.yaml"
    source = "{configMap: {namespace: default, name: callbacks, key: URL}}"
    variable = f"{{name: CALLBACK_URL, namespaces: [{namespace}], reason: r, from: {source}}}"
    manifest.write_text(f"{{apiVersion: airlock/v1, kind: RequiredEnv, env: [{variable}]}}")
    account = reader(control_plane, namespace, within=(namespace,))
    found = report("--required-env", manifest, kubeconfig=account)
    assert "CALLBACK_URL is not looked at" in places(found, "skipped")["required-env"]
    assert "required-env" not in {one["rule"] for one in found["findings"]}
    told = report("-n", namespace, "--required-env", manifest, kubeconfig=control_plane.kubeconfig)
    (finding,) = [one for one in told["findings"] if one["rule"] == "required-env"]
    assert "ConfigMap 'default/callbacks' does not exist" in finding["text"]
