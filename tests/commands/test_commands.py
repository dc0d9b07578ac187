"""The command line as a user meets it: `airlock serve` on files, `airlock policy`, the demonstration."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from tests.harness.places import ROOT
from tests.harness.reviews import review, scheduler
from tests.harness.server import serving
from tests.harness.waiting import until
from webhook.__main__ import COMMANDS, main

EXAMPLES = ("examples/policy.yaml", "examples/required-env.yaml", "examples/release.yaml")
WARN = "{apiVersion: airlock/v1, kind: Policy, mode: warn}\n"
ENFORCE = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}\n"
BAD = "{apiVersion: airlock/v1, kind: Policy, mode: enforced}\n"
LATEST = review(scheduler("apache/airflow:latest"))


def airlock(*arguments: str, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "webhook", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT, env=environ or None
    )


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(WARN)
    return path


def test_an_edit_of_the_file_comes_into_force_by_itself_and_a_bad_one_changes_nothing(policy: Path) -> None:
    with serving(policy.parent, "--policy", str(policy)) as server:
        assert server.review("/validate", LATEST)["allowed"] is True
        policy.write_text(ENFORCE)
        until(lambda: not server.review("/validate", LATEST)["allowed"], "the edit to be in force")
        policy.write_text(BAD)
        rejected = 'airlock_policy_reloads_total{document="policy",outcome="rejected"}'
        until(lambda: server.metric(rejected) == 1, "the bad edit to be seen")
        assert server.ready
        assert "policy: revision" in server.probe("/readyz")[1]
        assert "line 1: mode: 'enforced' is none of" in server.probe("/readyz")[1]
        assert server.review("/validate", LATEST)["allowed"] is False


def test_a_policy_that_is_bad_from_the_start_keeps_it_from_being_ready_until_it_is_good(policy: Path) -> None:
    policy.write_text(BAD)
    with serving(policy.parent, "--policy", str(policy), ready=False) as server:
        status, text = server.probe("/readyz")
        assert (status, "policy: none yet; line 1: mode: 'enforced'" in text) == (503, True)
        assert server.probe("/healthz") == (200, "ok\n")
        status, headers, _ = server.ask("/validate", LATEST)
        assert (status, headers["retry-after"]) == (
            503,
            "1",
        )  # the API server asks again, then its failurePolicy decides
        policy.write_text(ENFORCE)
        until(lambda: server.ready, "it to be ready")
        assert server.review("/validate", LATEST)["allowed"] is False


def test_without_a_policy_nothing_is_blocked_and_what_would_be_is_a_warning(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        answer = server.review("/validate", LATEST)
        assert answer["allowed"] is True
        (warning,) = answer["warnings"]
        assert warning.startswith("airlock: scheduler Pod 'airflow/airflow-scheduler-7d4b9c-x2x9z': it is admitted: ")
        assert "in container 'scheduler'; fix: " in warning


def test_on_files_events_go_to_the_log_and_no_kubeconfig_is_touched(policy: Path) -> None:
    nowhere = {"PATH": "/usr/bin:/bin", "KUBECONFIG": str(policy.parent / "absent"), "HOME": str(policy.parent)}
    with serving(policy.parent, "--policy", str(policy), environ=nowhere) as server:
        server.review("/validate", LATEST)

        def told() -> list[object]:
            return [r["regarding"] for r in server.records() if r["event"] == "event" and r["reason"] == "Warned"]

        assert until(told, "the Event in the log") == ["Pod airflow/airflow-scheduler-7d4b9c-x2x9z"]


def test_every_line_of_the_log_is_json(policy: Path) -> None:
    with serving(policy.parent, "--policy", str(policy), "--log-level", "debug") as server:
        server.review("/validate", LATEST)
        server.ask("/validate", b"nonsense")
    records = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert "decision" in {record["event"] for record in records}  # though the server was told to end at once
    assert all({"timestamp", "level", "event"} <= set(record) for record in records)


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_every_decision_before_the_end_has_its_line(policy: Path, told: signal.Signals) -> None:
    asked = [f"{number:03}" for number in range(50)]
    with serving(policy.parent, "--policy", str(policy)) as server:
        for uid in asked:
            server.review("/validate", review(scheduler("apache/airflow:latest"), uid=uid))
        server.process.send_signal(told)
        assert server.process.wait(20) == 0
    records = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert [record["uid"] for record in records if record["event"] == "decision"] == asked


def test_options_come_from_the_environment_too(policy: Path) -> None:
    policy.write_text(ENFORCE)
    with serving(policy.parent, environ={"PATH": "/usr/bin:/bin", "AIRLOCK_POLICY": str(policy)}) as server:
        assert server.review("/validate", LATEST)["allowed"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--policy", "configmap:airlock"], 2, "names no ConfigMap: configmap:NAMESPACE/NAME"),
        (["--events", "somewhere"], 2, "'somewhere' is not one of"),
        (["--port", "70000"], 2, "70000 is not in the range"),
        ([], 1, "tls.crt"),
        (["--self-signed", "--service-name", "no name"], 1, "no name"),
        (["--self-signed", "--policy", "absent.yaml"], 3, "absent.yaml: no such file or directory"),
    ],
    ids=lambda value: " ".join(value) or "no certificate" if isinstance(value, list) else None,
)
def test_a_wrong_option_ends_it_with_a_line_that_names_the_value(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    ports = ["--host", "127.0.0.1", "--port", "0", "--metrics-port", "0"]
    ended = airlock("serve", "--cert-dir", str(tmp_path), *ports, *arguments)
    assert ended.returncode == code, ended.stderr
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr


def test_policy_check_names_file_line_and_way_out_of_every_problem(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("apiVersion: airlock/v1\nkind: Policy\nmode: enforc\nrules:\n  mutable-tagg: {}\n")
    known = "env-reference, expected-image, image-drift, image-skew, mutable-tag, pin-digest, required-env"
    hint = f"did you mean 'mutable-tag'? (known here: {known})"
    checked = airlock("policy", "check", str(path), *EXAMPLES)
    assert checked.returncode == 1
    assert checked.stdout.splitlines() == [
        f"{path}:3: mode: 'enforc' is none of 'off', 'audit', 'warn', 'enforce'; did you mean 'enforce'?",
        f"{path}:5: rules.mutable-tagg: unknown field 'mutable-tagg'; {hint}",
    ]
    assert checked.stderr.splitlines() == [f"{example}: ok" for example in EXAMPLES]


def test_policy_check_warns_about_an_exemption_that_has_ended_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    one = "name: {0}, reason: r, owner: data-platform, namespaces: [x]"
    path.write_text(
        "apiVersion: airlock/v1\nkind: Policy\nexemptions:\n"
        f"  - {{{one.format('future')}, expires: 2099-12-31}}\n"
        f"  - {{{one.format('past')},\n     expires: 2020-01-31}}\n"
    )
    checked = airlock("policy", "check", str(path))
    assert (checked.returncode, checked.stderr) == (0, f"{path}: ok\n")
    assert checked.stdout == (
        f"{path}:6: warning: exemptions[1].expires: 'past' of data-platform expired on 2020-01-31 and no longer"
        " covers anything; remove it, or set a later day\n"
    )


def test_policy_check_reads_standard_input_and_tells_an_absent_file_by_its_code() -> None:
    assert airlock("policy", "check", "-", stdin=ENFORCE).returncode == 0
    absent = airlock("policy", "check", "absent.yaml", "-", stdin=BAD)
    assert absent.returncode == 2
    assert "absent.yaml: no such file or directory" in absent.stderr
    assert "standard input:1: mode" in absent.stdout


def test_policy_show_prints_the_effective_policy(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(ENFORCE)
    shown = yaml.safe_load(airlock("policy", "show", str(path)).stdout)
    assert shown["mode"] == "enforce"
    assert shown["rules"]["mutable-tag"]["pullPolicies"] == ["IfNotPresent", "Never"]
    assert yaml.safe_load(airlock("policy", "show").stdout)["mode"] == "warn"


@pytest.mark.parametrize(
    ("text", "code", "told"),
    [
        (None, 2, "no such file or directory"),
        ("mode: enforec\napiVersion: airlock/v1\nkind: Policy\n", 1, "line 1: mode: 'enforec' is none of"),
        ("apiVersion: airlock/v1\nkind: RequiredEnv\n", 1, "line 2: kind: 'RequiredEnv' is neither 'Policy' nor"),
        ("kind: [Policy]\n", 1, "line 1: kind: a list is neither 'Policy' nor 'Release'"),
        ("[]", 1, "line 1: the document is a list"),
        ("", 1, "the document is empty"),
    ],
)
def test_policy_show_names_file_and_line_of_what_it_cannot_show(
    tmp_path: Path, text: str | None, code: int, told: str
) -> None:
    path = tmp_path / "policy.yaml"
    if text is not None:
        path.write_text(text)
    result = CliRunner().invoke(main, ["policy", "show", str(path)])
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(f"{path}: {told}")


@pytest.mark.parametrize("kind", ["[Policy]", "{a: b}", "7", "null", "List", "ConfigMapList", "ConfigMap"])
@pytest.mark.parametrize(
    "rest", ["", "items: 1", "items: [1, null, [], {data: 1}]", "data: [1]", "policy: {document: 1}"]
)
def test_policy_check_of_a_kind_that_is_none_ends_with_a_sentence(tmp_path: Path, kind: str, rest: str) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(f"kind: {kind}\n{rest}\n")
    result = CliRunner().invoke(main, ["policy", "check", str(path)])
    assert isinstance(result.exception, SystemExit)
    assert (result.exit_code, result.stdout.startswith(f"{path}:")) == (1, True)


def test_policy_show_prints_the_effective_release() -> None:
    shown = yaml.safe_load(airlock("policy", "show", "examples/release.yaml").stdout)
    assert shown["kind"] == "Release"
    assert [image["overlapMinutes"] for image in shown["images"]] == [30, 30]


def test_check_tells_a_new_scheduler_whose_executor_would_start_old_workers(tmp_path: Path) -> None:
    release = tmp_path / "release.yaml"
    release.write_text("{apiVersion: airlock/v1, kind: Release, images: [{tag: 3.2.2, repository: apache/airflow}]}")
    template = "spec: {containers: [{name: base, image: unused}]}"
    cfg = "[kubernetes_executor]\nworker_container_repository = apache/airflow\nworker_container_tag = 3.2.1\n"
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "airflow-config", "labels": {"tier": "airflow"}},
    }
    config["data"] = {"airflow.cfg": cfg, "pod_template_file.yaml": template}
    pod = {"containers": [{"name": "scheduler", "image": "apache/airflow:3.2.2"}]}
    labels = {"tier": "airflow", "component": "scheduler"}
    new = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "scheduler"}}
    new["spec"] = {"template": {"metadata": {"labels": labels}, "spec": pod}}

    checked = airlock("check", "--release", str(release), "-", "-o", "json", stdin=yaml.safe_dump_all([config, new]))

    found = [finding for finding in json.loads(checked.stdout)["findings"] if finding["rule"] == "expected-image"]
    assert [finding["component"] for finding in found] == ["task"], checked.stdout
    assert "apache/airflow:3.2.1" in str(found)
    assert "is not what the release expects: docker.io/apache/airflow, tag 3.2.2" in str(found)


def test_check_tells_a_variable_that_refers_to_a_config_map_of_another_namespace(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("{apiVersion: airlock/v1, kind: Policy, rules: {env-reference: {lookIn: [pipelines]}}}")
    callbacks: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"endpoint": "http://s3cr3t"}}
    callbacks["metadata"] = {"name": "callbacks", "namespace": "pipelines"}
    reference = {"configMapKeyRef": {"name": "callbacks", "key": "endpoint"}}
    env = [{"name": "MESSAGE_CALLBACK_ENDPOINT", "valueFrom": reference}]
    pod = {"containers": [{"name": "scheduler", "image": "apache/airflow:3.2.2", "env": env}]}
    new: dict[str, Any] = {"apiVersion": "apps/v1", "kind": "Deployment"}
    new["metadata"] = {"name": "scheduler", "namespace": "airflow"}
    new["spec"] = {"template": {"metadata": {"labels": {"tier": "airflow", "component": "scheduler"}}, "spec": pod}}

    checked = airlock("check", "--policy", str(policy), "-", "-o", "json", stdin=yaml.safe_dump_all([callbacks, new]))

    (found,) = [finding for finding in json.loads(checked.stdout)["findings"] if finding["rule"] == "env-reference"]
    assert "it exists in namespace pipelines: a Pod cannot refer to it" in str(found)
    assert "from: {configMap: {namespace: pipelines, name: callbacks, key: endpoint}}" in str(found)
    assert "s3cr3t" not in checked.stdout


@pytest.mark.parametrize(("kind", "field"), [("Policy", "exemptions"), ("RequiredEnv", "env"), ("Release", "images")])
def test_policy_schema_prints_the_schema_of_a_kind(kind: str, field: str) -> None:
    schema = json.loads(airlock("policy", "schema", kind).stdout)
    assert field in schema["properties"]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_demonstration_shows_a_denial_a_patch_and_a_healthy_pod(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.demo", "--once", "--port", "0", "--metrics-port", "0"]
    shown = subprocess.run(
        [*command, "--folder", str(tmp_path)], capture_output=True, text=True, check=False, timeout=90, cwd=ROOT
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "denied 422 Invalid" in shown.stdout
    assert "images.airflow.pullPolicy and images.airflow.digest do not reach worker pods" in shown.stdout
    assert '"name": "MESSAGE_CALLBACK_ENDPOINT"' in shown.stdout
    assert len(shown.stdout.splitlines()) < 40  # one screen


DEMO = [sys.executable, "-u", "-m", "examples.demo", "--metrics-port", "0"]


def test_the_demonstration_leaves_no_server_behind_when_it_is_told_to_end(tmp_path: Path) -> None:
    command = [*DEMO, "--port", "0", "--folder", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        try:
            next(line for line in demo.stdout if "Ctrl-C" in line)
            children = Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
            assert len(children) == 1
            demo.terminate()
            demo.wait(30)
        finally:
            demo.kill()
    assert not Path(f"/proc/{children[0]}").exists()


def test_the_demonstration_says_how_to_choose_another_port_when_one_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [*DEMO, "--port", str(taken.getsockname()[1]), "--folder", str(tmp_path)]
        shown = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)
    assert shown.returncode == 1
    assert "make run PORT=" in shown.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_of_the_list_is_there_and_its_summary_is_whole(name: str) -> None:
    shown = airlock("--help").stdout
    assert airlock(name, "--help").returncode == 0
    assert COMMANDS[name][1] in " ".join(shown.split())


@pytest.mark.parametrize(("words", "meant"), [(["chek"], "check"), (["policy", "shw"], "show")])
def test_a_misspelt_command_is_answered_with_the_one_that_was_meant(words: list[str], meant: str) -> None:
    found = CliRunner().invoke(main, words)
    assert (found.exit_code, f"Did you mean '{meant}'?" in found.stderr) == (2, True)


def test_version_names_the_commit_of_an_image_and_the_libraries() -> None:
    told = json.loads(airlock("version", "-o", "json", AIRLOCK_REVISION="4f2c9d1", PATH="/usr/bin").stdout)
    assert told["commit"] == "4f2c9d1"
    assert {"flask", "gunicorn", "kubernetes", "msgspec", "pydantic"} <= told["libraries"].keys()
    assert "missing" not in told["libraries"].values()
