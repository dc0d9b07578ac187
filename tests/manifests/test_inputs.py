"""What people have in their folders: each input that was once answered wrongly, and the answer to it."""

import json
from pathlib import Path
from typing import Any

import click.testing
import pytest

from tests.harness.places import CASES
from tests.harness.reviews import review
from webhook.__main__ import main

INPUTS = CASES / "check" / "inputs"


def checked(*arguments: str | Path, stdin: str = "") -> tuple[int, dict[str, Any]]:
    result = click.testing.CliRunner().invoke(main, ["check", "-o", "json", *map(str, arguments)], input=stdin)
    return result.exit_code, json.loads(result.stdout)


def texts(told: list[dict[str, Any]]) -> str:
    return "\n".join(one["text"] for one in told)


def test_a_scheduler_with_labels_of_its_own_is_noted_with_the_row_to_add() -> None:
    code, seen = checked(INPUTS / "raw.yaml")
    [note] = seen["notes"]
    assert (code, seen["findings"], seen["summary"]["workloads"]) == (0, [], 0)
    assert "looks like Airflow (image 'airflow:latest', argument 'scheduler'" in note["text"]
    row = "- {component: scheduler, labels: {app: airflow-scheduler}, container: scheduler}"
    assert note["text"].endswith(f"add under components in the policy: {row}")


@pytest.mark.parametrize("label", ["name", "run", "k8s-app", "io.kompose.service"])
def test_whatever_the_label_is_called_the_row_has_it(label: str) -> None:
    text = (INPUTS / "raw.yaml").read_text().replace("app: airflow-scheduler", f"{label}: airflow-scheduler")
    _, seen = checked("-", stdin=text)
    assert f"labels: {{{label}: airflow-scheduler}}" in texts(seen["notes"])


def test_the_row_of_a_note_has_the_workload_judged(tmp_path: Path) -> None:
    _, seen = checked(INPUTS / "raw.yaml")
    row = texts(seen["notes"]).partition("under components in the policy: ")[2]
    policy = tmp_path / "policy.cfg"
    policy.write_text(f"apiVersion: airlock/v1\nkind: Policy\ncomponents:\n{row}\n")
    code, again = checked("--policy", policy, INPUTS / "raw.yaml")
    assert (code, again["notes"], [one["component"] for one in again["findings"]]) == (1, [], ["scheduler"])


def test_a_pod_in_a_file_called_like_a_template_is_judged_as_the_executors_template() -> None:
    code, seen = checked(INPUTS / "podtemplate.yaml")
    [finding] = seen["findings"]
    assert (code, finding["component"], finding["line"]) == (1, "task", 6)
    assert "airflow.cfg and the scheduler of its Airflow is not in the input" in texts(seen["skipped"])


def test_the_same_pod_in_another_file_is_noted() -> None:
    code, seen = checked("-", stdin=(INPUTS / "podtemplate.yaml").read_text())
    assert (code, seen["findings"]) == (0, [])
    assert "container 'base'" in texts(seen["notes"])


def test_every_object_with_a_pod_template_is_judged_also_inside_of_a_template() -> None:
    code, seen = checked(INPUTS / "os.yaml")
    kinds = [one["object"]["kind"] for one in seen["findings"]]
    assert (code, kinds) == (1, ["DeploymentConfig", "DeploymentConfig", "Rollout"])


def test_what_is_rendered_elsewhere_is_noted_with_the_command_that_renders_it() -> None:
    code, seen = checked(INPUTS / "flux.yaml", INPUTS / "kust.yaml")
    release, application, cluster, kustomization = (one["text"] for one in seen["notes"])
    assert (code, seen["summary"]["workloads"]) == (0, 0)
    assert "helm template airflow airflow --repo URL --version 1.18.0 -n airflow -f values.yaml | airlock" in release
    assert "--repo https://airflow.apache.org --version 1.18.0" in application
    assert "custom resource of an Airflow operator" in cluster
    assert "kustomize build --enable-helm FOLDER | airlock check" in kustomization


def test_settings_in_one_file_complete_the_template_in_another() -> None:
    code, seen = checked(INPUTS / "split")
    [finding] = seen["findings"]
    assert (code, finding["image"]) == (1, "registry.example.com/data/airflow:latest")
    assert Path(finding["file"]).name == "settings.yaml"


def test_an_executor_in_another_file_that_makes_no_pods_has_the_template_passed_over() -> None:
    code, seen = checked(INPUTS / "split2")
    assert (code, seen["findings"]) == (0, [])
    assert "the executor of this Airflow makes no pods" in texts(seen["skipped"])


def test_releases_are_told_apart_by_the_recommended_label() -> None:
    code, seen = checked(INPUTS / "min-two.yaml")
    assert (code, [one["image"] for one in seen["findings"]]) == (1, ["registry.example.com/data/airflow:latest"])


def test_only_the_schedulers_variables_say_what_the_executor_is() -> None:
    code, seen = checked(INPUTS / "min-env.yaml")
    assert (code, [one["component"] for one in seen["findings"]]) == (1, ["task"])


def test_a_template_of_jinja_cannot_be_read_and_is_called_what_it_is() -> None:
    code, seen = checked(INPUTS / "jinja.yaml")
    [remark] = seen["unusable"]
    assert (code, remark["line"]) == (2, 10)
    assert "looks like a template that was not rendered" in remark["text"]


@pytest.mark.parametrize(
    ("image", "why"),
    [
        ('"{{ airflow_image }}"', "a template that was not rendered"),
        ("registry.example.com/airflow:{{ tag }}", "a template that was not rendered"),
        ("registry.example.com/airflow:${TAG}", "a placeholder that nothing filled in"),
        ("$AIRFLOW_IMAGE", "a placeholder that nothing filled in"),
        ("<%= image %>", "a template that was not rendered"),
    ],
)
def test_an_image_that_is_still_a_placeholder_is_not_judged_and_said(image: str, why: str) -> None:
    text = (INPUTS / "jinja.yaml").read_text().replace("{{ airflow_image }}", image)
    code, seen = checked("-", stdin=text)
    assert (code, seen["findings"]) == (2, [])
    assert why in texts(seen["unusable"])


def test_parameters_of_a_template_are_filled_with_their_defaults() -> None:
    text = (INPUTS / "os.yaml").read_text().partition("---\n")[0].replace("airflow:latest", "${IMAGE}:${TAG}")
    values = "parameters: [{name: IMAGE, value: data/airflow}, {name: TAG%s}]\n"
    _, seen = checked("-", stdin=text + values % ", value: dev")
    assert [one["image"] for one in seen["findings"]] == ["docker.io/data/airflow:dev"]
    code, seen = checked("-", stdin=text + values % "")
    assert (code, seen["findings"]) == (2, [])
    assert "'data/airflow:${TAG}' of container scheduler has a placeholder" in texts(seen["unusable"])


def test_require_airflow_fails_where_none_is_and_look_alikes_do_not_count() -> None:
    assert checked("--require-airflow", INPUTS / "raw.yaml")[0] == 2
    assert checked("--require-airflow", INPUTS / "os.yaml")[0] == 1
    assert checked("--require-airflow", INPUTS / "flux.yaml")[0] == 2


def test_every_format_tells_what_was_not_judged() -> None:
    def output(name: str) -> str:
        return click.testing.CliRunner().invoke(main, ["check", "-o", name, str(INPUTS / "raw.yaml")]).stdout

    assert output("table").startswith("not judged: ")
    assert "1 not judged" in output("table").splitlines()[-1]
    assert '"level": "warning"' in output("sarif").partition('"toolExecutionNotifications"')[2]
    assert "<skipped message=" in output("junit")


def test_policy_check_says_how_many_workloads_of_an_input_a_row_knows(tmp_path: Path) -> None:
    policy = tmp_path / "policy.cfg"
    rows = "{component: scheduler, labels: {app: airflow-scheduler}}, {component: worker, labels: {app: nobody}}"
    policy.write_text(f"apiVersion: airlock/v1\nkind: Policy\ncomponents: [{rows}]\n")
    arguments = [
        "policy",
        "check",
        str(policy),
        "--input",
        str(INPUTS / "raw.yaml"),
        "--input",
        str(INPUTS / "os.yaml"),
    ]
    result = click.testing.CliRunner().invoke(main, arguments)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"{policy}:3: components[0]: knows 1 of 4 workloads in the input as scheduler",
        f"{policy}:3: components[1]: knows 0 of 4 workloads in the input as worker",
    ]


POD = {
    "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x", "labels": {"kubernetes_executor": "True"}},
    "spec": {"containers": [{"name": "base", "image": "a/b:dev", "imagePullPolicy": "IfNotPresent"}]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("between", "indent", "lines"),
    [("\n", None, [1, 2, 3]), ("", None, [1, 1, 1]), ("\n\n", 1, [14, 34, 54]), ("\r\n", None, [1, 2, 3])],
)
def test_objects_of_json_one_behind_the_other_are_all_judged_at_their_lines(
    between: str, indent: int | None, lines: list[int]
) -> None:
    text = between.join(json.dumps(POD, indent=indent) for _ in range(3))
    for before, after in (("", ""), ("---\n", between)):
        code, seen = checked("-", stdin=before + text + after)
        assert (code, seen["unusable"], seen["skipped"]) == (1, [], [])
        assert [one["line"] for one in seen["findings"]] == [line + bool(before) for line in lines]


def test_after_an_object_of_json_that_is_broken_the_fault_has_its_line_and_the_ones_before_it_are_judged() -> None:
    good = json.dumps(POD)
    code, seen = checked("-", stdin=f"{good}\n{good}\n{good[:-9]}\n")
    assert (code, len(seen["findings"]), [one["line"] for one in seen["unusable"]]) == (2, 2, [3])


def test_an_admission_review_of_a_version_that_airlock_does_not_read_is_not_passed_over() -> None:
    text = review(POD).decode().replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1")
    code, seen = checked("-", stdin=text)
    assert (code, "only 'AdmissionReview' of 'admission.k8s.io/v1' is answered" in texts(seen["unusable"])) == (2, True)
