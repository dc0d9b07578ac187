"""`airlock diagnose`: the story, told whole, on a real API server; and what it says where it cannot know."""

import json
from pathlib import Path
from typing import Any

import click.testing
import pytest
import yaml

from tests.diagnosis.test_message import DENIED, info, newer, older
from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, installation
from tests.harness.livepods import REPOSITORY, digest, running, task
from tests.harness.places import ROOT
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
        kubelets.scale(name, 0)
        plane.kubectl("delete", "deployment", name, "-n", namespace)
        scheduler["spec"]["containers"][0]["env"] = yaml.safe_load(MANIFEST)["env"]
        kubelets.deploy(scheduler, {node: OLD})
        assert list(answers(*asked, kubeconfig=account).values()) == ["cannot know", *["not the cause"] * 3]
        assert run(*asked, kubeconfig=account).exit_code == 0


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


def test_where_no_cluster_answers_the_message_and_the_dag_files_are_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "message.txt").write_text(
        newer(info(DENIED), task="<TaskInstance: sales_daily.load_orders r [queued]>")
    )
    (tmp_path / "sales.py").write_text(BAD_DAG)
    asked = ("--message", tmp_path / "message.txt", "--dags", tmp_path)
    found = run(*asked, kubeconfig=tmp_path / "none.yaml")
    assert found.exit_code == 2, found.output + found.stderr
    assert "cluster: " in found.stdout
    assert "leads to no cluster" in found.stdout
    expected = ["cannot know", "the cause", "cannot know", "the cause"]
    assert list(answers(*asked, kubeconfig=tmp_path / "none.yaml").values()) == expected
    assert run("--dags", tmp_path, kubeconfig=tmp_path / "none.yaml").stdout == ""


QUIET = """
from airflow import DAG
with DAG({dag_id}):
    pass
"""


@pytest.mark.parametrize(
    ("files", "answer"),
    [
        ({"other.py": QUIET.format(dag_id="'other'")}, "cannot know"),
        ({"other.py": BAD_DAG.replace("sales_daily", "other")}, "cannot know"),  # whose fault is another DAG's
        ({"other.py": QUIET.format(dag_id="'sales_' + 'daily'")}, "cannot know"),
        ({"other.py": QUIET.format(dag_id="'sales_daily'")}, "not the cause"),
        ({"sales_daily.py": QUIET.format(dag_id="Path(__file__).stem")}, "not the cause"),
        ({"other.py": BAD_DAG}, "the cause"),
    ],
)
def test_files_without_the_dag_say_nothing_about_it(files: dict[str, str], answer: str, tmp_path: Path) -> None:
    (tmp_path / "message.txt").write_text(
        newer(info(DENIED), task="<TaskInstance: sales_daily.load_orders r [queued]>")
    )
    dags = tmp_path / "dags"
    dags.mkdir()
    for name, text in files.items():
        (dags / name).write_text(text)
    asked = ("--message", tmp_path / "message.txt", "--dags", dags)
    assert list(answers(*asked, kubeconfig=tmp_path / "none.yaml").values())[3] == answer
    told = run(*asked, kubeconfig=tmp_path / "none.yaml").stdout
    assert ("no DAG file that was read has the id 'sales_daily'" in told) == (answer == "cannot know")


SHARED = """
from airflow import DAG
from airflow.decorators import dag
from airflow.operators.empty import EmptyOperator
from datetime import datetime, timedelta
from common import notify

def alone():
    print("failed")

with DAG("{dag}", schedule="@daily", start_date=datetime(2026, 1, 1), sla_miss_callback=notify):
    EmptyOperator(task_id="{task}", sla=timedelta(minutes=5), on_failure_callback=alone)
"""


@pytest.mark.parametrize(
    ("asked", "places"),
    [
        (("--dag", "first"), {"common.py:2", "first.py:12", "generated.py:4"}),
        (("--dag", "second"), {"common.py:2", "second.py:12", "generated.py:4"}),
        (("--dag", "second", "--task", "group.load"), {"common.py:2", "second.py:12", "generated.py:4"}),
        (("--dag", "second", "--task", "other"), {"common.py:2", "generated.py:4"}),
        (("--dag", "decorated"), {"decorated.py:8", "generated.py:4"}),
        (("--dag", "generated"), {"generated.py:4"}),
        (("--dag", "third"), {"generated.py:4"}),  # whose id no file tells
        ((), {"common.py:2", "first.py:12", "second.py:12", "decorated.py:8", "generated.py:4"}),
    ],
)
def test_a_fault_is_the_cause_of_those_dags_and_tasks_alone_that_it_can_concern(
    tmp_path: Path, asked: tuple[str, ...], places: set[str]
) -> None:
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "common.py").write_text("def notify(dag, tasks, *rest):\n    print([task.task_id for task in tasks])\n")
    (dags / "first.py").write_text(SHARED.format(dag="first", task="extract"))
    (dags / "second.py").write_text(SHARED.format(dag="second", task="load"))
    (dags / "decorated.py").write_text(
        "from airflow.decorators import dag, task\n\ndef alone():\n    print('failed')\n\n"
        "@dag(schedule='@daily')\ndef decorated():\n    @task(on_failure_callback=alone)\n"
        "    def extract():\n        print('x')\n    extract()\n\ndecorated()\n"
    )
    (dags / "generated.py").write_text(
        "from airflow import DAG\n\nfor name in open('names'):\n"
        "    DAG(name.strip(), default_args={'on_failure_callback': lambda: None})\n"
    )
    dump = tmp_path / "empty.json"
    dump.write_text(listed())
    layer = json.loads(run("-o", "json", "-f", dump, "--dags", dags, *asked).stdout)["layers"][3]
    assert {Path(one["where"]).name for one in layer["evidence"]} == places


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (older("None"), "with the KubernetesExecutor the pod was made, and ended or was deleted"),
        (newer("None"), "names no reason (Info: None): the pod was made, and ended or was deleted"),
        (newer("None").replace("Kubernetes", "Celery"), "the CeleryExecutor makes no pod for a task"),
    ],
)
def test_a_message_without_a_reason_says_a_pod_was_made_only_of_the_executor_that_makes_them(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "message.txt").write_text(text)
    found = run("--kubeconfig", tmp_path / "none", "-o", "json", "--message", tmp_path / "message.txt")
    assert any(said in one for one in json.loads(found.stdout)["said"])


def test_a_message_that_names_no_task_is_about_the_whole_namespace_or_what_is_asked_for(
    papers: tuple[str | Path, ...], tmp_path: Path
) -> None:
    dump = tmp_path / "pods.json"
    dump.write_text(listed({"apiVersion": "v1", "kind": "Pod", **running()}))
    story = "Executor reports task instance finished (failed) although the task says it's queued"
    found = run("-f", dump, "--message", "-", *papers, stdin=story)
    assert "every DAG in all namespaces" in found.stdout
    assert (
        "the message names no task (a browser hides <TaskInstance: ...>): name it by --dag and --task" in found.stdout
    )
    found = run("-f", dump, "--message", "-", "--dag", "etl", "--task", "load", *papers, stdin=story)
    assert "task 'load' of DAG 'etl'" in found.stdout
    assert "the message names no task (a browser hides <TaskInstance: ...>)" in found.stdout


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
        (("--message", "Executor x reported that"), "", "--message takes a file, or - for the text on standard input"),
        (("--message", f"Executor x reported that {'the ' * 999}"), "", "--message takes a file, or - for the text"),
        (("--message", "no-such-file"), "", "no-such-file: no such file or directory\n"),
        (("-n", "airflow-*"), "", "'airflow-*' is not the name of a namespace"),
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


def test_the_page_on_the_four_layers_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dags").mkdir()
    Path("dags/sales.py").write_text(BAD_DAG)
    Path("policy.yaml").write_text(POLICY)
    Path("required-env.yaml").write_text(MANIFEST)
    pods = (
        running("scheduler", "apache/airflow:2.10.5"),
        running("triggerer", "apache/airflow:2.10.4", NEW),
        task("apache/airflow:main", NEW, name="sales-daily-load-orders-swd42sz2"),
    )
    Path("dump.json").write_text(listed(*({"apiVersion": "v1", "kind": "Pod", **pod} for pod in pods)))
    asked = ("--dag", "sales_daily", "--task", "load_orders", "--dags", "dags/")
    found = run("-f", "dump.json", "--policy", "policy.yaml", "--required-env", "required-env.yaml", *asked)
    page = (ROOT / "docs" / "four-layers.md").read_text(encoding="utf-8")
    assert found.stdout.strip() == page.partition("```text\n")[2].partition("```")[0].strip()


def one_pod(folder: Path, **facts: Any) -> Path:
    dump = folder / "pods.json"
    pod = task("apache/airflow:2.10.5", name="sales-daily-load-1", **facts)
    dump.write_text(listed({"apiVersion": "v1", "kind": "Pod", **pod}))
    return dump


def test_a_pod_of_a_dump_is_found_in_any_namespace_and_leads_to_its_task(tmp_path: Path) -> None:
    found = run("-f", one_pod(tmp_path), "sales-daily-load-1")
    assert found.stdout.startswith("task 'load_orders' of DAG 'sales_daily'"), found.output


def test_what_could_not_be_seen_is_told_once(tmp_path: Path) -> None:
    found = run("-f", one_pod(tmp_path), "--dag", "sales_daily")
    assert "images are not compared with a release" in found.stdout
    assert found.stderr == ""


def event(reason: str, regarding: dict[str, str], note: str, controller: str) -> dict[str, Any]:
    metadata = {"name": f"e-{reason}", "namespace": "airflow", "creationTimestamp": "2026-11-24T12:00:00Z"}
    about = {"regarding": {"namespace": "airflow", **regarding}, "note": note, "reason": reason}
    kind = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "type": "Warning", "reportingController": controller}
    return {**kind, "metadata": metadata, **about}


def test_events_of_the_task_and_of_its_pod_are_what_was_said(tmp_path: Path) -> None:
    pod = task("apache/airflow:2.10.5", name="sales-daily-load-1")
    denied = (
        "task 'load_orders' of DAG 'sales_daily': mutable-tag: 'r/a:latest' is mutable\n"
        "- mutable-tag: 'r/a:latest': tag 'latest' is mutable (latest); fix: set images.airflow.tag"
    )
    objects = [
        {"apiVersion": "v1", "kind": "Pod", **pod},
        event("Denied", {"kind": "Namespace", "name": "airflow"}, denied, "airlock"),
        event("Failed", {"kind": "Pod", "name": "sales-daily-load-1"}, 'Error: configmap "gone" not found', "kubelet"),
        event("Failed", {"kind": "Pod", "name": "another"}, "Error: of another pod", "kubelet"),
        event("Denied", {"kind": "Namespace", "name": "x"}, "task 'a' of DAG 'b': mutable-tag\n- x", "airlock"),
    ]
    dump = tmp_path / "dump.json"
    dump.write_text(listed(*objects))
    found = run("-f", dump, "--dag", "sales_daily", "-o", "json")
    read = json.loads(found.stdout)
    said = "\n".join(read["said"])
    assert "Denied of Namespace airflow: task 'load_orders' of DAG 'sales_daily'" in said
    assert 'Failed of Pod sales-daily-load-1: Error: configmap "gone" not found' in said
    assert len(read["said"]) == 2
    assert "tag 'latest' is mutable" in json.dumps(read["layers"][1]["evidence"])


def test_a_denial_of_which_only_the_first_line_was_copied_shows_its_layer_once(tmp_path: Path) -> None:
    denial = "task 'load' of DAG 'etl', Pod 'airflow/etl-x': mutable-tag: 'busybox:main' with imagePullPolicy"
    first = f'admission webhook "pods.validate.airlock" denied the request: {denial} IfNotPresent; and 1 more'
    found = run("-f", one_pod(tmp_path), "--message", "-", "-o", "json", stdin=newer(first))
    layer = json.loads(found.stdout)["layers"][1]
    assert layer["answer"] == "the cause"
    assert [one["text"] for one in layer["evidence"] if one["where"] == "the scheduler's message"] == [
        "mutable-tag: 'busybox:main' with imagePullPolicy IfNotPresent; and 1 more"
    ]
    assert found.exit_code == 1


def test_a_dag_that_nothing_shows_is_said_to_be_unseen(tmp_path: Path) -> None:
    dump = one_pod(tmp_path)
    assert "no pod and no Event of it was seen: the name may be wrong" in run("-f", dump, "--dag", "sales_dialy").stdout
    assert "the name may be wrong" not in run("-f", dump, "--dag", "sales_daily").stdout


def test_a_log_with_several_messages_is_about_the_last_or_the_one_that_is_asked_for(tmp_path: Path) -> None:
    quota = info('pods "x" is forbidden: exceeded quota: compute', 403, "Forbidden")
    log = newer() + "\n" + newer(quota, "<TaskInstance: billing.close r [queued]>")
    dump = one_pod(tmp_path)
    ended = run("-f", dump, "--message", "-", stdin=log)
    assert ended.exit_code == 1
    last = ended.stdout
    assert last.startswith("task 'close' of DAG 'billing'")
    assert "1 message about other tasks left aside" in last
    assert "exceeded quota: compute; that is a cause by itself, beside the four layers" in last
    assert "in all namespaces: 1 cause beside the four layers, no cause found in them" in last
    asked = run("-f", dump, "--message", "-", "--dag", "etl", stdin=log).stdout
    assert asked.startswith("task 'load' of DAG 'etl'")
    assert "denied by airlock" in asked
    none = run("-f", dump, "--message", "-", "--dag", "nope", stdin=log)
    assert (none.exit_code, "only about etl.load, billing.close" in none.stderr) == (2, True)


def test_the_page_needs_nothing_else_and_shows_all_four_cards(tmp_path: Path, papers: tuple[str | Path, ...]) -> None:
    dump, page = tmp_path / "pods.json", tmp_path / "page.html"
    pod = {"apiVersion": "v1", "kind": "Pod", **running(image="apache/airflow:<script>alert(1)</script>")}
    dump.write_text(listed(pod))
    assert run("-f", dump, *papers, "-o", "html", "--output-file", page).exit_code == 1
    text = page.read_text()
    assert text.count('class="question"') == 4
    assert "<script" not in text
    assert "http" not in text.partition("<main>")[0].replace("http-equiv", "")
