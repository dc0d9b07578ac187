"""`airlock diagnose`: the story, told whole, on a real API server; and what it says where it cannot know."""

import json
from pathlib import Path
from typing import Any

import click.testing
import pytest

from tests.diagnosis.test_message import info, newer
from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, installation
from tests.harness.livepods import REPOSITORY, digest, running, task
from tests.harness.running import Kubelets, fresh_name, nodes, since
from tests.harness.scanning import listed, reader
from webhook.__main__ import main

POLICY = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
MANIFEST = """
apiVersion: airlock/v1
kind: RequiredEnv
env: [{name: MESSAGE_CALLBACK_ENDPOINT, value: "https://hooks.example.com/s3cret"}]
"""
BAD_DAG = """
from airflow import DAG
from airflow.operators.empty import EmptyOperator
from datetime import datetime, timedelta

def notify(dag, task_list, blocking_task_list, slas, blocking_tis):
    for task in task_list:
        print(task.task_id)

with DAG("sales_daily", schedule="@daily", start_date=datetime(2026, 1, 1), sla_miss_callback=notify) as dag:
    EmptyOperator(task_id="load_orders", sla=timedelta(minutes=5))
"""
GOOD_DAG = BAD_DAG.replace("for task in task_list:", "for task in slas:")
OLD, NEW = f"{REPOSITORY}@{digest('1')}", f"{REPOSITORY}@{digest('2')}"


def run(*arguments: str | Path, kubeconfig: Path | None = None, stdin: str = "") -> click.testing.Result:
    environ = {"KUBECONFIG": str(kubeconfig)} if kubeconfig is not None else {}
    return click.testing.CliRunner(env=environ).invoke(main, ["diagnose", *map(str, arguments)], input=stdin)


def answers(*arguments: str | Path, kubeconfig: Path | None = None, stdin: str = "") -> dict[str, str]:
    """Return the answer to each layer."""
    result = run("-o", "json", *arguments, kubeconfig=kubeconfig, stdin=stdin)
    assert result.stdout.startswith("{"), result.output + result.stderr
    return {layer["name"]: layer["answer"] for layer in json.loads(result.stdout)["layers"]}


@pytest.fixture
def papers(tmp_path: Path) -> tuple[str | Path, ...]:
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "required-env.yaml").write_text(MANIFEST)
    return ("--policy", tmp_path / "policy.yaml", "--required-env", tmp_path / "required-env.yaml")


@pytest.fixture(scope="module")
def made(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Any:
    with installation(control_plane, tmp_path_factory.mktemp("installation")) as found:
        for path in found.hooks:
            found.delete(path)  # pods are made as they are
        yield found


def test_with_everything_wrong_at_once_all_four_are_named_and_each_that_is_mended_leaves_the_rest(
    made: Installation, namespace: str, tmp_path: Path, papers: tuple[str | Path, ...]
) -> None:
    kubelets, node = Kubelets(made.cluster, namespace), fresh_name()
    plane = made.plane
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "sales.py").write_text(BAD_DAG)
    asked = ("-n", namespace, "--dag", "sales_daily", "--task", "load_orders", "--dags", dags, *papers)
    with nodes(made.cluster, node):
        scheduler = running(
            "scheduler", "apache/airflow:2.10.5", started=since(hours=2), node=node, namespace=namespace
        )
        name = kubelets.deploy(scheduler, {node: OLD})
        triggerer = running(
            "triggerer", "apache/airflow:2.10.4", started=since(hours=2), node=node, namespace=namespace
        )
        behind = kubelets.deploy(triggerer, {node: NEW})
        moving = task("apache/airflow:main", NEW, name="sales-daily-load-1", node=node, namespace=namespace)
        kubelets.run(moving)
        account = reader(plane, namespace, within=(namespace,))
        found = run(*asked, kubeconfig=account)
        assert found.exit_code == 1, found.output + found.stderr
        assert "4 causes found" in found.stdout
        for said in ("2.10.4", "tag 'main' is mutable", "MESSAGE_CALLBACK_ENDPOINT", "sales.py:", "fix: "):
            assert said in found.stdout
        assert "s3cret" not in found.stdout

        (dags / "sales.py").write_text(GOOD_DAG)
        assert list(answers(*asked, kubeconfig=account).values()) == ["the cause"] * 3 + ["not the cause"]
        kubelets.end("sales-daily-load-1")
        assert list(answers(*asked, kubeconfig=account).values())[1:] == ["not the cause", "the cause", "not the cause"]
        kubelets.scale(behind, 0)
        plane.kubectl("delete", "deployment", behind, "-n", namespace)
        now = answers(*asked, kubeconfig=account)
        assert list(now.values()) == ["cannot know", "not the cause", "the cause", "not the cause"]
        plane.kubectl("set", "env", f"deployment/{name}", "MESSAGE_CALLBACK_ENDPOINT=x", "-n", namespace)


def test_the_message_alone_leads_to_the_answer(papers: tuple[str | Path, ...], tmp_path: Path) -> None:
    dump = tmp_path / "pods.json"
    dump.write_text(listed({"apiVersion": "v1", "kind": "Pod", **running()}))
    denied = (
        "admission webhook \"pods.validate.airlock\" denied the request: task 'load' of DAG 'etl', Pod 'airflow/x':"
        " mutable-tag: 'r/a:latest' is mutable\n- mutable-tag: 'r/a:latest': tag 'latest' is mutable (latest), and"
        " imagePullPolicy IfNotPresent lets the node run its cached copy; in container 'base';"
        " fix: set images.airflow.tag"
    )
    found = run("-f", dump, "--message", "-", *papers, stdin=json.dumps({"event": newer(info(denied))}))
    assert found.exit_code == 1, found.output + found.stderr
    assert "task 'load' of DAG 'etl'" in found.stdout
    assert "its pod was denied by airlock" in found.stdout
    assert "fix: set images.airflow.tag" in found.stdout


def test_what_was_not_looked_at_is_no_cause_and_no_acquittal(tmp_path: Path, papers: tuple[str | Path, ...]) -> None:
    dump = tmp_path / "empty.json"
    dump.write_text(listed())
    found = answers("-f", dump, *papers)
    assert set(found.values()) == {"cannot know"}


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (("--task", "x"), "", "--dag"),
        (("--message", "-"), "Task exited with return code 1", "no such message"),
        (("-n", "airflow", "no-such-pod"), "", "pod no-such-pod: it is not in the dump"),
    ],
)
def test_what_cannot_be_asked_exits_with_2_and_a_sentence(
    tmp_path: Path, arguments: tuple[str, ...], stdin: str, said: str
) -> None:
    dump = tmp_path / "pods.json"
    dump.write_text(listed({"apiVersion": "v1", "kind": "Pod", **running()}))
    found = run("-f", dump, *arguments, stdin=stdin)
    assert found.exit_code == 2
    assert said in found.stderr


def test_the_page_needs_nothing_else_and_shows_all_four_cards(tmp_path: Path, papers: tuple[str | Path, ...]) -> None:
    dump, page = tmp_path / "pods.json", tmp_path / "page.html"
    pod = {"apiVersion": "v1", "kind": "Pod", **running(image="apache/airflow:<script>alert(1)</script>")}
    dump.write_text(listed(pod))
    assert run("-f", dump, *papers, "-o", "html", "--output-file", page).exit_code == 1
    text = page.read_text()
    assert text.count('class="question"') == 4
    assert "<script" not in text
    assert "http" not in text.partition("<main>")[0].replace("http-equiv", "")
