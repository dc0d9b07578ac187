"""`airlock fix` as a user meets it: values for files, values and kubectl lines for what runs; it changes nothing."""

import json
from pathlib import Path
from typing import Any

import click.testing
import pytest
import yaml

from tests.harness.chart.rendering import helm
from tests.harness.livepods import digest, running, task
from tests.harness.places import CASES
from tests.harness.scanning import listed, workload
from webhook.__main__ import main

LATEST = "registry.example.com/data/airflow:latest"


def run(*arguments: str | Path, stdin: str = "") -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["fix", *map(str, arguments)], input=stdin)


def pod(*arguments: Any, **others: Any) -> dict[str, Any]:
    made = {"apiVersion": "v1", "kind": "Pod", **running(*arguments, **others)}
    owner = {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "name": "airflow-scheduler",
        "uid": "u",
        "controller": True,
    }
    made["metadata"]["ownerReferences"] = [owner]
    return made


def dump(folder: Path, *objects: dict[str, Any]) -> Path:
    path = folder / "dump.json"
    path.write_text(listed(*objects))
    return path


def rendered(*arguments: str) -> str:
    return helm("template", "rel", str(CASES / "charts/official"), *arguments)


def test_a_patch_of_values_has_only_what_makes_findings_go_each_with_its_reason() -> None:
    result = run("-", stdin=rendered("--set", "images.airflow.tag=latest,images.airflow.pullPolicy=Always"))
    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout) == {"images": {"pod_template": {"pullPolicy": "Always"}}}
    above = result.stdout.splitlines()[result.stdout.splitlines().index("    pullPolicy: Always") - 1]
    assert above.lstrip().startswith("# task Pod in default, made from ConfigMap rel-config")


def test_what_no_value_does_alone_is_a_comment() -> None:
    value = 'scheduler.extraContainers=[{"name":"helper","image":"a/b:latest","imagePullPolicy":"IfNotPresent"}]'
    result = run("-", stdin=rendered("--set-json", value))
    assert yaml.safe_load(result.stdout) is None
    assert "where your values list this container (scheduler.extraContainers)" in result.stdout


def test_the_reason_above_a_value_names_the_other_ways_and_not_the_value_itself() -> None:
    result = run("-", stdin=rendered("--set", "images.airflow.tag=latest"))
    values = yaml.safe_load(result.stdout)["images"]
    assert (values["airflow"], values["pod_template"]) == ({"pullPolicy": "Always"}, {"pullPolicy": "Always"})
    reasons = "".join(line for line in result.stdout.splitlines() if line.strip().startswith("#"))
    assert "; or set images.airflow.tag to a full version, or images.airflow.digest" in reasons
    assert "pullPolicy: Always" not in reasons


def test_values_of_two_charts_are_said_not_to_be_for_one_release() -> None:
    official = rendered("--set", "images.airflow.tag=latest")
    assert "several charts" not in run("-", stdin=official).stdout
    other = helm("template", "rel", str(CASES / "charts/community"), "--set", "airflow.image.tag=latest")
    both = run("-", stdin=f"{official}\n{other}").stdout
    assert set(yaml.safe_load(both)) == {"airflow", "images"}
    assert "# These are values of several charts (community, official): give each release only those of its own" in both


def test_what_check_skips_is_told_by_fix_too(tmp_path: Path) -> None:
    (tmp_path / "scheduler.yaml").write_text(
        "{apiVersion: apps/v1, kind: Deployment, metadata: {name: s}, spec: {template: {metadata: {labels: {tier:"
        " airflow, component: scheduler}}, spec: {containers: [{name: scheduler, image: 'a/b:1.0.0', env: [{name:"
        " AIRFLOW__CORE__EXECUTOR, value: KubernetesExecutor}]}]}}}}"
    )
    for number in range(12):
        (tmp_path / f"a{number}.yaml").write_text("a: 1\n")
    result = run(tmp_path)
    assert (result.exit_code, yaml.safe_load(result.stdout)) == (0, None)
    first, *_, last = result.stderr.splitlines()
    assert "the pod template of its executor was not among what was read" in first
    assert last == "3 more skipped, which airlock check -o json lists"


def test_without_findings_nothing_is_printed_but_that() -> None:
    result = run("-", stdin=rendered())
    assert (result.exit_code, yaml.safe_load(result.stdout)) == (0, None)
    assert "Nothing was found that values could fix" in result.stdout


def test_what_runs_is_pinned_by_its_digest(tmp_path: Path) -> None:
    image_id = f"registry.example.com/data/airflow@{digest('1')}"
    path = dump(tmp_path, pod("scheduler", LATEST, image_id=image_id))
    values = run("-f", path, "-A", "--pin")
    assert yaml.safe_load(values.stdout) == {"images": {"airflow": {"digest": digest("1")}}}
    lines = run("-f", path, "-A", "--pin", "-o", "kubectl").stdout.splitlines()
    image = f"scheduler=registry.example.com/data/airflow@{digest('1')}"
    assert [line for line in lines if not line.startswith("#")] == [
        f"kubectl -n airflow set image statefulset/airflow-scheduler {image}"
    ]


def test_workers_are_pinned_by_the_two_halves_of_a_digest(tmp_path: Path) -> None:
    image_id = f"registry.example.com/data/airflow@{digest('1')}"
    labels = {"tier": "airflow", "component": "worker", "release": "airflow"}
    made = {"apiVersion": "v1", "kind": "Pod", **task(LATEST, image_id)}
    made["metadata"]["labels"] |= labels
    values = yaml.safe_load(run("-f", dump(tmp_path, made), "-A", "--pin").stdout)
    assert values == {
        "config": {
            "kubernetes_executor": {
                "worker_container_repository": "registry.example.com/data/airflow@sha256",
                "worker_container_tag": "1" * 64,
            }
        }
    }


def test_what_the_policy_wants_by_digest_is_pinned_and_no_pull_policy_is_offered_for_it(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("apiVersion: airlock/v1\nkind: Policy\nrules: {mutable-tag: {requireDigest: true}}\n")
    image_id = f"registry.example.com/data/airflow@{digest('1')}"
    path = dump(tmp_path, pod("scheduler", "registry.example.com/data/airflow:2.10.5", image_id=image_id))
    values = run("-f", path, "-A", "--pin", "--policy", policy)
    assert yaml.safe_load(values.stdout) == {"images": {"airflow": {"digest": digest("1")}}}
    without = run("-f", path, "-A", "--policy", policy).stdout
    assert yaml.safe_load(without) is None
    assert "fix: set images.airflow.digest to the image's digest" in without


def test_what_runs_as_two_digests_is_not_pinned_and_said(tmp_path: Path) -> None:
    ids = [f"registry.example.com/data/airflow@{digest(letter)}" for letter in "12"]
    pods = [pod("scheduler", LATEST, name=f"s-{nth}", image_id=one) for nth, one in enumerate(ids)]
    result = run("-f", dump(tmp_path, *pods), "-A", "--pin", "-o", "kubectl")
    assert "it runs as 2 digests" in result.stdout
    assert "\nkubectl" not in result.stdout
    values = run("-f", dump(tmp_path, *pods), "-A", "--pin").stdout
    assert yaml.safe_load(values) == {"images": {"airflow": {"pullPolicy": "Always"}}}
    assert "# Not by a digest:\n# - scheduler StatefulSet airflow/airflow-scheduler: it runs as 2 digests\n" in values


def test_what_looks_like_airflow_and_is_not_judged_is_told_beside_the_values(tmp_path: Path) -> None:
    made = pod("scheduler", LATEST)
    made["metadata"]["labels"] = {"app": "etl"}
    result = run("-f", dump(tmp_path, made), "-A")
    assert "Nothing was found that values could fix" in result.stdout
    assert "StatefulSet looks like Airflow" in result.stderr


def test_names_of_a_dump_are_no_words_of_a_shell_and_no_values(tmp_path: Path) -> None:
    made = pod("scheduler", LATEST, image_id=f"registry.example.com/data/airflow@{digest('1')}")
    made["metadata"]["ownerReferences"][0]["name"] = "x; touch /tmp/owned\nkubectl delete ns airflow"
    result = run("-f", dump(tmp_path, made), "-A", "--pin", "-o", "kubectl")
    assert [line for line in result.stdout.splitlines() if line.startswith("kubectl delete")] == []
    assert [line for line in result.stdout.splitlines() if not line.startswith("#")] == []


@pytest.mark.parametrize(
    "arguments", [["--pin", "x.yaml"], ["-o", "kubectl", "x.yaml"], ["-A", "x.yaml"], ["-f", "dump.json", "x.yaml"]]
)
def test_options_that_make_no_sense_together_are_refused(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_what_cannot_be_read_is_named_and_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("a: b: c\n")
    result = run(tmp_path)
    assert (result.exit_code, "broken.yaml:1" in result.stderr) == (2, True)
    assert "# This is incomplete: not everything could be read" in result.stdout


def test_where_nothing_was_checked_it_is_not_said_that_nothing_was_found_without_saying_so(tmp_path: Path) -> None:
    assert "# No workload of Airflow was seen, so nothing was checked." in run("-", stdin="").stdout
    nobodys = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}}
    path = dump(tmp_path, nobodys | {"spec": {"containers": [{"name": "web", "image": "nginx:1.27.1"}]}})
    absent = run("-f", path, "-f", tmp_path / "absent.json", "-A", "--pin")
    assert "# This is incomplete: not everything could be read" in absent.stdout
    for output in ("values", "kubectl"):
        result = run("-f", path, "-A", "--pin", "-o", output)
        assert "# No workload of Airflow was seen, so nothing was checked." in result.stdout
    assert "nothing was checked" not in run("-", stdin=rendered()).stdout


def test_a_workload_without_pods_is_in_the_values_of_an_audit_too(tmp_path: Path) -> None:
    path = dump(tmp_path, workload("scheduler", "airflow", LATEST))
    assert yaml.safe_load(run("-f", path, "-A").stdout) == {"images": {"airflow": {"pullPolicy": "Always"}}}
    assert json.loads(path.read_text())["kind"] == "List"  # and the dump is what it was
