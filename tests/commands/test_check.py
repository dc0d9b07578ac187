"""`airlock check` as a user meets it: what it reads, what it passes over, what it exits with."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import click.testing
import pytest
import yaml

from tests.harness import places
from tests.harness.cost import LINEAR, growth, ratio
from tests.harness.places import CORPUS
from tests.harness.reviews import EXECUTOR, deployment, owned, review, scheduler, task
from webhook.__main__ import main
from webhook.manifests.composer import DEPTH, NODES
from webhook.manifests.stream import SIZE

ENFORCE = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
AUDIT = "{apiVersion: airlock/v1, kind: Policy, mode: audit}"
LATEST = scheduler("apache/airflow:latest")


def run(*arguments: str | Path, stdin: bytes | str = "") -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["check", *map(str, arguments)], input=stdin)


def report(*arguments: str | Path, stdin: bytes | str = "") -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run("-o", "json", *arguments, stdin=stdin).stdout)
    return document


def written(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return path


@pytest.fixture
def latest(tmp_path: Path) -> Path:
    return written(tmp_path, "scheduler.yaml", {"apiVersion": "apps/v1", **deployment(LATEST)})


@pytest.mark.parametrize(
    ("policy", "fail_on", "code"),
    [
        (ENFORCE, "enforce", 1),
        (ENFORCE, "audit", 1),
        ("", "enforce", 0),
        ("", "warn", 1),
        ("", None, 1),
        (AUDIT, "warn", 0),
        (AUDIT, "audit", 1),
        ("{apiVersion: airlock/v1, kind: Policy, mode: 'off'}", "audit", 0),
    ],
)
def test_the_exit_code_says_whether_a_finding_is_as_strict_as_fail_on(
    tmp_path: Path, latest: Path, policy: str, fail_on: str | None, code: int
) -> None:
    options: list[str | Path] = ["--policy", written(tmp_path, "policy.cfg", policy)] if policy else []
    options += ["--fail-on", fail_on] if fail_on else []
    assert run(*options, latest).exit_code == code


def test_what_cannot_be_read_exits_with_2_and_the_rest_is_still_judged(tmp_path: Path, latest: Path) -> None:
    broken = written(tmp_path, "broken.yaml", f"a: b: c\n---\n{latest.read_text()}")
    seen = report(broken, tmp_path / "absent.yaml", latest)
    assert [(one["file"], one["line"]) for one in seen["unusable"]] == [
        (str(broken), 1),
        (str(tmp_path / "absent.yaml"), 0),
    ]
    assert {one["file"] for one in seen["findings"]} == {str(broken), str(latest)}
    assert run(broken).exit_code == 2


def test_clean_input_exits_with_0_and_one_line() -> None:
    data = {"airflow.cfg": "[core]\nexecutor = CeleryExecutor\n"}
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "airflow-config"}, "data": data}
    workloads = (CORPUS / "official-1.22.0/default-celery.workloads.yaml").read_text()
    clean = run("-", stdin=f"{workloads}\n---\n{json.dumps(config)}\n")
    assert clean.exit_code == 0
    assert clean.stdout == "11 objects, 9 Airflow workloads, 0 findings (0 enforce, 0 warn, 0 audit)\n"


def test_a_dash_is_standard_input(latest: Path) -> None:
    assert [one["file"] for one in report("-", stdin=latest.read_text())["findings"]] == ["stdin"]


def test_as_a_program_it_reads_a_pipe_and_prints_no_progress_there(latest: Path) -> None:
    command = [sys.executable, "-m", "webhook", "check", "-", str(latest)]
    ended = subprocess.run(
        command, input=latest.read_bytes(), capture_output=True, check=False, timeout=60, cwd=places.ROOT
    )
    assert (ended.returncode, ended.stderr) == (1, b"")
    assert b"\x1b" not in ended.stdout
    assert ended.stdout.endswith(b"2 objects, 2 Airflow workloads, 2 findings (0 enforce, 2 warn, 0 audit)\n")


def test_a_folder_is_walked_without_what_is_hidden_and_without_helm_templates(tmp_path: Path) -> None:
    text = yaml.safe_dump({"apiVersion": "apps/v1", **deployment(LATEST)})
    for name in ("a.yaml", "deep/b.YML", "deep/c.json", ".git/d.yaml", "e.txt", ".f.yaml", "chart/templates/g.yaml"):
        written(tmp_path, name, text)
    written(tmp_path, "chart/Chart.yaml", {"name": "x"})
    seen = report(tmp_path)
    names = [Path(one["file"]).relative_to(tmp_path).as_posix() for one in seen["findings"]]
    assert names == ["a.yaml", "deep/b.YML", "deep/c.json"]
    assert [Path(one["file"]).name for one in seen["skipped"]] == ["templates", "Chart.yaml"]


def test_a_link_to_a_folder_is_said_not_to_be_followed(tmp_path: Path, latest: Path) -> None:
    (tmp_path / "in" / "prod").mkdir(parents=True)
    (tmp_path / "in" / "prod" / "a.yaml").write_text("{apiVersion: v1, kind: Namespace}")
    (tmp_path / "in" / "loop").symlink_to(".")
    (tmp_path / "in" / "envs").symlink_to(latest.parent)
    seen = report(tmp_path / "in")
    assert (seen["findings"], seen["unusable"]) == ([], [])
    told = {Path(one["file"]).name: one["text"] for one in seen["skipped"]}
    assert sorted(told) == ["envs", "loop"]
    assert "is a link to a folder, and is not followed; name it" in told["envs"]


def test_what_cannot_be_used_is_told_once_however_often_it_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert len(report(tmp_path, tmp_path)["unusable"]) == 1


@pytest.mark.parametrize("item", ["null", "7", "text", "[]", "{}", "[[null]]"])
@pytest.mark.parametrize("kind", ["PodList", "DeploymentList", "ConfigMapList", "List"])
def test_an_item_of_a_list_that_is_no_object_ends_nothing(kind: str, item: str) -> None:
    good = yaml.safe_dump({"apiVersion": "apps/v1", **deployment(LATEST)})
    result = run("-o", "json", "-", stdin=f"{good}---\n{{apiVersion: v1, kind: {kind}, items: [{item}]}}\n")
    assert result.exit_code == 1, result.output
    seen = json.loads(result.stdout)
    assert (len(seen["findings"]), seen["unusable"]) == (1, [])
    assert all("is not a Kubernetes object" in one["text"] for one in seen["skipped"])


def test_a_folder_without_manifests_is_a_mistake(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert (result.exit_code, "holds no *.yaml, *.yml, *.json" in result.stdout) == (2, True)


def test_a_file_that_is_named_twice_is_judged_once(latest: Path) -> None:
    assert len(report(latest, latest, latest.parent)["findings"]) == 1


@pytest.mark.parametrize(
    "text",
    [
        "{{- if .Values.enabled }}\nkind: Deployment\n{{- end }}\n",
        "kind: Pod\nmetadata:\n  name: {{ .Release.Name }}\n",
        'kind: Pod\napiVersion: v1\nmetadata: {name: "{{ .Release.Name }}"}\n',
        'kind: Pod\napiVersion: v1\nmetadata:\n  labels: {{- include "x.labels" . | nindent 4 }}\n',
    ],
)
def test_a_helm_template_is_passed_over_with_a_note(tmp_path: Path, text: str) -> None:
    seen = report(written(tmp_path, "t.yaml", text))
    assert (seen["unusable"], ["template" in one["text"] for one in seen["skipped"]]) == ([], [True])


def test_templates_of_other_tools_inside_a_rendered_manifest_are_text(tmp_path: Path) -> None:
    alert = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "{{ ti.dag_id }}\n{{ .Values.x }}\n"}}
    path = written(tmp_path, "c.yaml", yaml.dump(alert, default_style="|"))
    assert report(path)["summary"]["objects"] == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00\xd8", "is not UTF-8"),
        (b"a: \xe9\n", "is not UTF-8"),
        ("kind: Pod\n".encode("utf-16-le"), "is UTF-16 without a byte order mark"),
        ("kind: Pod\n".encode("utf-16-be"), "is UTF-16 without a byte order mark"),
        ("kind: Pod\n".encode("utf-32"), "UTF-32"),
        ("kind: Pod\n".encode("utf-32-be"), "UTF-32"),
        (
            b"a: 1\n---\nkind: Pod\nNOTES:\nThank you!\n",
            "stdin:4: holds what helm prints around manifests (NOTES); check",
        ),
        (b'Release "a" has been upgraded.\nNAME: a\nLAST DEPLOYED: Fri\nHOOKS:\nMANIFEST:\n', "(LAST DEPLOYED)"),
        (b"a: 1\nb: \x07\n", "control character"),
        (b"\tkind: Pod\n", "indent with spaces"),
        (b"kind: [", "is not YAML"),
        (b"a: *nowhere\n", "alias"),
        (b"a: &a [*a]\n", "alias"),
        (b"a: &x 1\n---\nb: *x\n", "alias"),
        (b"a0: &a0 []\n" + b"".join(b"a%d: &a%d [*a%d]\n" % (n, n, n - 1) for n in range(1, 150)), "nested"),
        (b"? [a]\n: b\n", "key"),
        (b"[" * 900, "nested"),
        (b"[" * 50_000, "nest"),  # libyaml itself may refuse it
        (b"{" * 900, "has a key that is a list"),
        (b"apiVersion: v1\nkind: ConfigMap\ndata:\n  a: '{{ ti.dag_id }}'\n b: c\n", "is not YAML"),
        (b"a: " * 50_000, "is not YAML"),
        (b"{apiVersion: admission.k8s.io/v1, kind: AdmissionReview}", "no request"),
        (b"- " * (DEPTH + 5) + b"x", "nested"),
    ],
)
def test_bad_input_is_named_with_a_sentence_and_no_traceback(content: bytes, said: str) -> None:
    result = run("-", stdin=content)
    assert result.exit_code == 2, result.output
    assert said in result.stdout


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    rows = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
    bomb, honest = f"a0: &a0 [x]\n{rows}", "[" + "x, " * NODES + "x]"
    result = run("-", stdin=bomb)
    assert (result.exit_code, f"more than {NODES} values" in result.stdout) == (2, True)
    assert ratio(lambda: run("-", stdin=bomb), lambda: run("-", stdin=honest)) < 2


HEAD = b"apiVersion: v1\nkind: ConfigMap\ndata:\n  pod_template.yaml: 'a: 1'\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda n: b'a: "' + b"{{ " * n * 100 + b'"', id="the beginnings of templates"),
        pytest.param(lambda n: b"---\n{}\n" * n * 4, id="documents without content"),
        pytest.param(lambda n: b"#" + b" " * n * 100 + b"\r" * n * 100, id="blanks and ends of lines"),
        pytest.param(
            lambda n: HEAD + b"  airflow.cfg: |\n    [a]\n" + (b"    a" + b" " * 4000 + b"b\n") * (n // 20),
            id="settings without a value",
        ),
        pytest.param(lambda n: HEAD + b"  " + b"-pod-template" * n * 10 + b".yaml: 'a: 1'\n", id="a long name"),
    ],
)
def test_text_that_is_made_to_take_long_costs_no_more_than_its_length(content: Callable[[int], bytes]) -> None:
    assert growth(lambda n: partial(run, "-", stdin=content(n)), 500) < LINEAR


def test_a_number_that_no_64_bits_hold_ends_nothing() -> None:
    pod = (
        f"{{apiVersion: v1, kind: Pod, metadata: {{labels: {{kubernetes_executor: 'True'}}}}, spec: {{x: {'9' * 90}}}}}"
    )
    assert run("-", stdin=pod).exit_code == 0


def test_a_file_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    with path.open("wb") as file:
        file.truncate(SIZE + (48 << 20))  # sparse
    result = run(path)
    assert (result.exit_code, "has more than 16 MiB; split it" in result.stdout) == (2, True)


def test_a_pipe_without_a_writer_does_not_hold_it_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "pipe.yaml: nothing came through this pipe" in run(tmp_path / "pipe.yaml").stdout


@pytest.mark.parametrize("option", ["--policy", "--required-env"])
def test_a_bad_document_is_told_with_its_line_and_exits_with_2(tmp_path: Path, latest: Path, option: str) -> None:
    bad = written(tmp_path, "bad.cfg", "apiVersion: airlock/v1\nkind: Nonsense\n")
    result = run(option, bad, latest)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{bad}: line 2: kind" in result.stderr
    assert run(option, tmp_path / "absent", latest).exit_code == 2


def test_every_kind_with_a_pod_template_is_judged(tmp_path: Path) -> None:
    kinds = ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job", "CronJob"]
    groups = {"ReplicationController": "v1", "Job": "batch/v1", "CronJob": "batch/v1"}
    docs = [{"apiVersion": groups.get(kind, "apps/v1"), **deployment(task(), kind)} for kind in kinds]
    docs.append({"apiVersion": "v1", "kind": "PodTemplate", "template": deployment(task())["spec"]["template"]})
    seen = report(written(tmp_path, "all.yaml", yaml.safe_dump_all(docs)))
    assert [one["object"]["kind"] for one in seen["findings"]] == [*kinds, "PodTemplate"]


def test_lists_of_any_sort_are_opened() -> None:
    pod = {"apiVersion": "v1", **task()}
    bare = {key: value for key, value in pod.items() if key not in ("apiVersion", "kind")}
    for content in (
        {"apiVersion": "v1", "kind": "List", "items": [pod, {"apiVersion": "v1", "kind": "List", "items": [pod]}]},
        {"apiVersion": "v1", "kind": "PodList", "items": [bare, bare]},
        [pod, pod],
    ):
        assert report("-", stdin=json.dumps(content))["summary"]["workloads"] == 2


def test_an_admission_review_is_judged_as_the_request_that_it_is() -> None:
    by_controller = report("-", stdin=review(LATEST, namespace="airflow"))["findings"]
    assert [one["component"] for one in by_controller] == ["scheduler"]
    by_anybody = report("-", stdin=review(LATEST, user=EXECUTOR))["findings"]
    assert [(one["component"], one["distrusted"]) for one in by_anybody] == [("task", "scheduler")]
    kept = review(LATEST, old=LATEST, operation="UPDATE")
    assert report("-", stdin=kept)["findings"] == []


def test_the_labels_of_a_bare_pod_are_believed_only_if_a_controller_owns_it() -> None:
    owner_less = {**LATEST, "metadata": {"labels": LATEST["metadata"]["labels"], "name": "x"}}
    for pod, component in ((LATEST, "scheduler"), (owner_less, "task"), (owned(owner_less, "Job"), "task")):
        assert [one["component"] for one in report("-", stdin=json.dumps(pod))["findings"]] == [component]


def test_a_pod_that_is_nobodys_is_counted_and_left_alone() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "x", "image": "x:latest"}]}}
    assert report("-", stdin=json.dumps(pod))["summary"] | {"findings": None} == {
        "objects": 1, "workloads": 0, "findings": None, "exempted": 0, "notes": 0, "skipped": 0, "unusable": 0,
    }  # fmt: skip


def test_a_namespace_is_the_objects_own_else_the_one_that_is_given(tmp_path: Path) -> None:
    rules = "namespaces: [{names: [prod], mode: enforce}]"
    policy = written(tmp_path, "p.cfg", f"{{apiVersion: airlock/v1, kind: Policy, mode: audit, {rules}}}")
    own, none = task(), task()
    own["metadata"]["namespace"], none["metadata"]["namespace"] = "prod", ""
    for pod, options, mode in ((own, ["-n", "x"], "enforce"), (none, ["-n", "prod"], "enforce"), (none, [], "audit")):
        seen = report("--policy", policy, *options, "-", stdin=json.dumps(pod))
        assert [one["mode"] for one in seen["findings"]] == [mode]


@pytest.mark.parametrize("name", ["", "airflow-*", "Airflow", "$NAMESPACE"])
@pytest.mark.parametrize("command", [["check"], ["fix"], ["policy", "check"]])
def test_what_no_namespace_is_called_is_refused_since_no_entry_of_the_policy_would_match_it(
    latest: Path, command: list[str], name: str
) -> None:
    result = click.testing.CliRunner().invoke(main, [*command, "-n", name, str(latest)])
    assert (result.exit_code, f"{name!r} is not the name of a namespace" in result.output) == (2, True)


def test_a_template_shows_the_mode_that_its_pod_will_meet(tmp_path: Path, latest: Path) -> None:
    policy = written(tmp_path, "p.cfg", "{apiVersion: airlock/v1, kind: Policy, mode: enforce, workloads: warn}")
    assert [one["mode"] for one in report("--policy", policy, latest)["findings"]] == ["enforce"]


def test_options_come_from_the_environment_too(latest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRLOCK_FAIL_ON", "enforce")
    assert run(latest).exit_code == 0


REQUIRED = """
apiVersion: airlock/v1
kind: RequiredEnv
env:
  - {name: DEPLOY_ENV, value: prod, onConflict: deny}
  - {name: ENDPOINT, reason: r, namespaces: [airflow], from: {configMap: {namespace: pipelines, name: c, key: k}},
     onConflict: deny}
"""


def test_a_missing_variable_is_no_finding_since_it_will_be_injected(tmp_path: Path) -> None:
    required = written(tmp_path, "r.cfg", REQUIRED)
    pod = scheduler()
    for content in (pod, {"apiVersion": "apps/v1", **deployment(pod)}):
        seen = report("--required-env", required, "-", stdin=json.dumps(content))
        assert (seen["findings"], len(seen["skipped"])) == ([], 1)  # where ENDPOINT comes from, nobody can know


def test_a_conflict_is_a_finding_at_the_line_of_the_containers_variables(tmp_path: Path) -> None:
    required = written(tmp_path, "r.cfg", REQUIRED)
    pod = scheduler(env=[{"name": "DEPLOY_ENV", "value": "dev"}, {"name": "ENDPOINT", "value": "mine"}])
    source = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "pipelines"}}
    path = written(tmp_path, "m.yaml", yaml.safe_dump_all([pod, {**source, "data": {"k": "theirs"}}]))
    findings = report("--required-env", required, path)["findings"]
    assert [one["variable"] for one in findings] == ["DEPLOY_ENV", "ENDPOINT"]
    assert "DEPLOY_ENV" in path.read_text().splitlines()[findings[0]["line"] - 1]
    assert "theirs" not in json.dumps(findings)
