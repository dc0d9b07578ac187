"""`airlock lint` as a user meets it: what it reads, what it passes over, what it exits with."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click.testing
import pytest

from tests.harness import places
from webhook.__main__ import main
from webhook.lint.source import SIZE

STORY = """\
import os
from datetime import datetime, timedelta

from airflow import DAG
from airflow.models import Variable
from airflow.operators.empty import EmptyOperator


def notify(dag, task_list, blocking_task_list, slas, blocking_tis):
    for task in task_list:
        print(task.task_id)
    print(os.environ["MESSAGE_CALLBACK_ENDPOINT"], Variable.get("channel"))


with DAG("etl", start_date=datetime(2024, 1, 1), schedule="@daily", sla_miss_callback=notify):
    EmptyOperator(task_id="extract", sla=timedelta(minutes=1))
"""
RIGHT = STORY.replace("task in task_list", "line in task_list.splitlines()").replace("task.task_id", "line")
SIGNATURE = """\
from airflow import DAG

with DAG("etl", on_failure_callback=lambda: None):
    pass
"""


def run(*arguments: str | Path) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["lint", *map(str, arguments)])


def report(*arguments: str | Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run("-o", "json", *arguments).stdout)
    return document


def kinds(*arguments: str | Path) -> list[str]:
    return [finding["kind"] for finding in report(*arguments)["findings"]]


def written(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.fixture
def story(tmp_path: Path) -> Path:
    return written(tmp_path / "dags" / "etl.py", STORY)


def test_the_page_on_lint_shows_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("dags").mkdir()
    Path("dags/etl.py").write_text(STORY)
    page = (places.ROOT / "docs" / "lint.md").read_text(encoding="utf-8")
    assert run("dags/").stdout.split() == page.partition("```text\n")[2].partition("```")[0].split()


def test_the_story_is_told_with_its_line_process_arguments_and_fix(story: Path) -> None:
    result = run("--fix-hints", story.parent)
    assert result.exit_code == 1
    assert (
        f"{story}:10: enforce: callback: text: sla_miss_callback of DAG 'etl': notify: goes over task_list"
        in result.stdout
    )
    assert "The callback runs in the scheduler (or the dag-processor, if that runs on its own)" in result.stdout
    assert "called with (dag, task_list: str, blocking_task_list: str, slas: list[SlaMiss]" in result.stdout
    assert "fix: use it as text, or its lines: task_list.splitlines()" in result.stdout
    assert result.stdout.endswith("1 file, 1 callback, 1 finding (1 enforce, 0 warn, 0 audit)\n")


def test_a_folder_without_a_wrong_callback_exits_with_0_and_one_line(tmp_path: Path) -> None:
    written(tmp_path / "etl.py", RIGHT)
    result = run(tmp_path)
    assert (result.exit_code, result.stdout) == (0, "1 file, 1 callback, 0 findings (0 enforce, 0 warn, 0 audit)\n")


@pytest.mark.parametrize(("fail_on", "code"), [("enforce", 0), ("warn", 1), ("audit", 1)])
def test_the_exit_code_says_whether_a_finding_is_as_strict_as_fail_on(tmp_path: Path, fail_on: str, code: int) -> None:
    never = written(tmp_path / "etl.py", RIGHT.replace(", sla=timedelta(minutes=1)", ""))
    assert run("--fail-on", fail_on, never).exit_code == code


def test_files_that_cannot_be_read_are_named_and_the_rest_is_judged(tmp_path: Path, story: Path) -> None:
    dags = story.parent
    bad = {
        "big.py": b"x = 1\n" * (SIZE // 6 + 1),
        "conflict.py": b"x = 1\n<<<<<<< HEAD\ny = 1\n=======\ny = 2\n>>>>>>> other\n",
        "deep.py": b"x = " + b"(" * 500 + b")" * 500,
        "deeper.py": b"x = 1" + b" + 1" * 60_000,
        "encoding.py": b"# coding: nowhere\nx = 1\n",
        "comment.py": b"x = 1\n# caf\xe9\n",
        "first.py": b"# caf\xe9\nx = 1\n",
        "latin.py": b"x = '\xe9'\n",
        "late.py": b"# coding: ascii\nx = 1\n# caf\xe9\n",
        "marked.py": b"\xef\xbb\xbf# coding: latin-1\nx = 1\n",
        "minus.py": b"x = " + b"-" * 60_000 + b"1",
        "null.py": b"x = 1\0",
        "other.py": b"try:\n    x = 1\nexcept KeyError, ValueError:\n    x = 2\n",
        "python2.py": b"import os\nprint 'hello'\n",
    }
    for name, data in bad.items():
        written(dags / name, data)
    written(dags / "empty.py", "")
    written(dags / "declared.py", b"# coding: latin-1\n# caf\xe9\nx = '\xe9'\n")
    written(dags / "utf8.py", "# café\n")
    (dags / "gone.py").symlink_to("nowhere.py")
    (dags / "itself.py").symlink_to("itself.py")
    (dags / "again").symlink_to("../dags")
    os.mkfifo(dags / "pipe.py")
    result = run("-o", "json", dags, tmp_path / "absent.py")
    seen = json.loads(result.stdout)
    named = {Path(one["file"]).name: one for one in seen["unusable"]}
    assert result.exit_code == 2
    assert set(named) == {*bad, "gone.py", "itself.py", "again", "pipe.py", "absent.py"}
    assert named["python2.py"]["line"] == 2
    assert named["python2.py"]["text"].startswith("is Python 2")
    assert (named["comment.py"]["line"], named["first.py"]["line"], named["late.py"]["line"]) == (2, 1, 3)
    assert named["comment.py"]["text"] == "is not UTF-8; save it as UTF-8, or declare its encoding"
    assert named["late.py"]["text"].startswith("is not ASCII")
    assert not named["other.py"]["text"].startswith("is Python 2")
    assert named["conflict.py"]["text"] == "holds the marks of a merge conflict"
    assert named["null.py"]["text"] == "is no Python: it holds null bytes"
    assert named["big.py"]["text"] == "is larger than 2 MiB"
    assert named["deeper.py"]["text"] == named["minus.py"]["text"] == "is nested too deeply to be read"
    assert named["itself.py"]["text"] == named["again"]["text"] == "is a loop of symbolic links"
    assert [finding["file"] for finding in seen["findings"]] == [str(story)]


def test_a_tree_that_is_deep_but_readable_is_followed_or_named_and_never_a_crash(tmp_path: Path) -> None:
    written(tmp_path / "a.py", SIGNATURE + "x = " + " + ".join(["'callback'"] * 900) + "\n")
    written(tmp_path / "b.py", SIGNATURE + "x = " + "[" * 90 + "]" * 90 + "\n")
    branches = "".join(f"elif x == {number}:\n    y = 1\n" for number in range(900))
    written(tmp_path / "c.py", SIGNATURE + f"x = 1\nif x == 0:\n    y = 1\n{branches}")
    written(tmp_path / "d.py", SIGNATURE + "def f(n):\n    return f(n)\nf(1)\nx = f\n" + "x = x.y\n" * 900)
    result = run("-o", "json", tmp_path)
    seen = json.loads(result.stdout)
    named = {Path(one["file"]).name for one in (*seen["unusable"], *seen["findings"])}
    assert named == {"a.py", "b.py", "c.py", "d.py"}
    assert {one["text"] for one in seen["unusable"]} <= {
        "is nested too deeply to be followed",
        "is nested too deeply to be read",
    }


@pytest.mark.skipif(os.getuid() != 0, reason="gives a program the rights of nobody")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path, story: Path) -> None:
    hidden = tmp_path / "dags" / "secret"
    written(hidden / "a.py", STORY)
    hidden.chmod(0o700)
    written(tmp_path / "dags" / "mine.py", STORY).chmod(0o600)
    temporary = Path(tempfile.gettempdir()).resolve()
    for folder in (tmp_path, *tmp_path.parents):
        if temporary in folder.parents:
            folder.chmod(0o755)
    report(story)  # loads what nobody may not read
    os.seteuid(65534)
    try:
        seen = report(tmp_path / "dags")
    finally:
        os.seteuid(0)
    assert {(Path(one["file"]).name, one["text"]) for one in seen["unusable"]} == {
        ("secret", "permission denied"),
        ("mine.py", "permission denied"),
    }
    assert [finding["file"] for finding in seen["findings"]] == [str(story)]


def test_a_folder_is_walked_through_links_and_without_what_is_hidden(tmp_path: Path) -> None:
    for name in ("a.py", "deep/b.py", ".hidden/c.py", ".d.py", "__pycache__/e.py", "f.txt"):
        written(tmp_path / "dags" / name, STORY)
    written(tmp_path / "common" / "g.py", STORY)
    (tmp_path / "dags" / "linked").symlink_to(tmp_path / "common")
    written(tmp_path / "dags" / "venv" / "pyvenv.cfg", "")
    written(tmp_path / "dags" / "venv" / "h.py", STORY)
    seen = report(tmp_path / "dags")
    names = [Path(one["file"]).relative_to(tmp_path / "dags").as_posix() for one in seen["findings"]]
    assert names == ["a.py", "deep/b.py", "linked/g.py"]
    assert [Path(one["file"]).name for one in seen["skipped"]] == ["venv"]


def test_a_folder_without_python_is_a_mistake(tmp_path: Path) -> None:
    result = run(tmp_path)
    assert (result.exit_code, "holds no *.py" in result.stdout) == (2, True)


def test_a_file_that_is_named_twice_is_read_once(story: Path) -> None:
    seen = report(story, story, story.parent)
    assert (seen["summary"]["files"], len(seen["findings"])) == (1, 1)


def test_a_file_that_is_named_alone_still_finds_its_helpers_as_in_pre_commit(tmp_path: Path) -> None:
    helper = written(tmp_path / "dags" / "common" / "alerts.py", STORY.partition("with DAG")[0])
    body = (
        STORY.partition("def notify")[0]
        + "from common.alerts import notify\n\nwith DAG"
        + STORY.partition("with DAG")[2]
    )
    dag = written(tmp_path / "dags" / "team" / "etl.py", body)
    assert [(one["file"], one["kind"]) for one in report(dag)["findings"]] == [(str(helper), "text")]


def test_one_cause_is_one_finding_with_all_its_places(tmp_path: Path) -> None:
    written(tmp_path / "common.py", "def notify():\n    pass\n")
    for name in ("a", "b", "c"):
        text = f"from airflow import DAG\nfrom common import notify\n\nDAG('{name}', on_failure_callback=notify)\n"
        written(tmp_path / f"{name}.py", text)
    [finding] = report(tmp_path)["findings"]
    assert [(Path(one["file"]).name, one["line"]) for one in finding["places"]] == [
        ("a.py", 4),
        ("b.py", 4),
        ("c.py", 4),
    ]
    assert f"also at {tmp_path / 'b.py'}:4, {tmp_path / 'c.py'}:4" in run(tmp_path).stdout


@pytest.mark.parametrize(("version", "expected"), [("2", []), ("2.11", []), ("3", ["removed"]), ("3.0+", ["removed"])])
def test_the_version_decides_about_what_was_removed(tmp_path: Path, version: str, expected: list[str]) -> None:
    path = written(tmp_path / "etl.py", RIGHT.replace(", sla=timedelta(minutes=1)", ", on_failure_callback=print"))
    assert [kind for kind in kinds("--airflow", version, path) if kind == "removed"] == expected


@pytest.mark.parametrize("version", ["4", "1.10", "three", "2.x", ""])
def test_a_version_that_is_none_ends_it_with_a_line_that_names_it(story: Path, version: str) -> None:
    result = run("--airflow", version, story)
    assert result.exit_code == 2
    assert f"{version!r} is no version of Airflow such as 2, 2.10, 3.1 or 3.1+" in result.stderr


def test_options_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch, story: Path) -> None:
    monkeypatch.setenv("AIRLOCK_AIRFLOW", "3")
    assert kinds(story) == ["removed", "removed"]


def test_required_env_says_which_process_has_a_variable(tmp_path: Path, story: Path) -> None:
    entry = "{{name: MESSAGE_CALLBACK_ENDPOINT, value: x, components: [{}]}}"
    manifest = "apiVersion: airlock/v1\nkind: RequiredEnv\nenv:\n- " + entry
    workers = written(tmp_path / "a.yaml", manifest.format("worker"))
    assert kinds("--required-env", workers, story) == ["text", "undeclared-env"]
    assert kinds("--required-env", written(tmp_path / "b.yaml", manifest.format("scheduler")), story) == ["text"]
    assert kinds(story) == ["text"]


def test_manifests_say_variables_version_and_executor(tmp_path: Path, story: Path) -> None:
    chart = places.CORPUS / "official-1.22.0" / "af2-k8s.yaml"
    [_, finding] = report("--manifests", chart, story)["findings"]
    assert (finding["kind"], finding["mode"]) == ("undeclared-env", "warn")
    assert "declared for nobody, unless the image sets it" in finding["text"]
    tuples = written(tmp_path / "tuple.py", SIGNATURE.replace("lambda: None", "lambda c: None") + TUPLE)
    assert kinds(tuples) == []
    assert kinds("--manifests", chart, tuples) == ["not-callable"]
    newer = places.CORPUS / "official-1.22.0" / "celery-databasecleanup-otel.yaml"
    assert kinds("--manifests", newer, tuples) == []
    deployed = written(tmp_path / "k8s.yaml", DEPLOYED)
    sync = written(tmp_path / "sync.py", SYNC)
    assert kinds(sync) == []
    assert kinds("--manifests", deployed, sync) == ["executor-cannot"]
    assert kinds("--executor", "LocalExecutor", "--manifests", deployed, sync) == []


TUPLE = """
from airflow.operators.bash import BashOperator

BashOperator(task_id="x", on_failure_callback=(lambda context: None,))
"""
SYNC = """
from airflow.sdk import SyncCallback


def notify(context):
    print("late")


SyncCallback(notify)
"""
DEPLOYED = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: scheduler, namespace: airflow}
spec:
  template:
    metadata: {labels: {tier: airflow, component: scheduler, release: a}}
    spec:
      containers:
      - name: scheduler
        image: apache/airflow:3.2.2
        env: [{name: AIRFLOW__CORE__EXECUTOR, value: KubernetesExecutor}]
        envFrom: [{configMapRef: {name: settings}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: airflow}
data: {MESSAGE_CALLBACK_ENDPOINT: "http://x"}
"""


def test_an_env_from_that_the_input_holds_declares_its_keys(tmp_path: Path, story: Path) -> None:
    deployed = DEPLOYED.replace("3.2.2", "2.11.2")
    assert kinds("--manifests", written(tmp_path / "a.yaml", deployed), story) == ["text"]
    alone = written(tmp_path / "b.yaml", deployed.partition("---")[0])
    [_, finding] = report("--manifests", alone, story)["findings"]
    assert (finding["kind"], finding["mode"], "an envFrom cannot" in finding["text"]) == (
        "undeclared-env",
        "warn",
        True,
    )


def test_manifests_that_cannot_be_read_are_named_and_exit_with_2(tmp_path: Path, story: Path) -> None:
    result = run("-o", "json", "--manifests", written(tmp_path / "a.yaml", "a: b: c"), story)
    assert (result.exit_code, [one["line"] for one in json.loads(result.stdout)["unusable"]]) == (2, [1])


@pytest.mark.parametrize("text", ['{"channel": "#secret"}', '["channel"]', "# names\nchannel\n", "channel=#secret\n"])
def test_a_file_of_variables_says_which_exist_and_values_are_never_printed(
    tmp_path: Path, story: Path, text: str
) -> None:
    assert kinds("--variables", written(tmp_path / "a", text), story) == ["text"]
    result = run("--variables", written(tmp_path / "b", text.replace("channel", "token")), "--fix-hints", story)
    assert "reads the Airflow Variable 'channel', which does not exist" in result.stdout
    assert "secret" not in result.stdout


@pytest.mark.parametrize("text", [b"{", b"\xff\xfe\xff"])
def test_a_file_of_variables_that_is_none_ends_it(tmp_path: Path, story: Path, text: bytes) -> None:
    assert run("--variables", written(tmp_path / "a", text), story).exit_code == 2
    assert run("--variables", tmp_path / "absent", story).exit_code == 2


def test_plugins_lie_beside_the_dag_folder_or_where_an_option_says(tmp_path: Path) -> None:
    dag = written(
        tmp_path / "dags" / "etl.py",
        "from airflow.sdk import AsyncCallback\nfrom alerts import notify\n\nAsyncCallback(notify)\n",
    )
    notify = "async def notify(context):\n    print('late')\n"
    plugin = written(tmp_path / "plugins" / "alerts.py", notify)
    assert kinds(dag.parent) == kinds(dag) == kinds(tmp_path) == []
    elsewhere = written(tmp_path / "mine" / "alerts.py", notify.removeprefix("async "))
    plugin.unlink()
    assert kinds("--plugins", elsewhere.parent, dag.parent) == ["not-async"]
    written(tmp_path / "dags" / "alerts.py", notify)
    assert kinds("--plugins", tmp_path / "plugins", dag.parent) == ["not-importable"]


def test_an_ignored_finding_is_counted_and_shown_on_request(tmp_path: Path) -> None:
    comment = "in task_list:  # airlock: ignore[callback] goes away with Airflow 3"
    path = written(tmp_path / "etl.py", STORY.replace("in task_list:", comment))
    result = run("--show-exempted", path)
    assert result.exit_code == 0
    assert "exempted by a comment (goes away with Airflow 3): callback: text:" in result.stdout
    assert "1 exempted" in result.stdout


def test_nothing_of_a_file_is_ever_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w').write('x')\n"
    path = written(tmp_path / "etl.py", code + STORY)
    assert kinds(path) == ["text"]
    assert not mark.exists()


def test_as_a_program_it_prints_no_colours_into_a_pipe_and_loads_no_edge(story: Path) -> None:
    code = (
        "import sys\nfrom webhook.__main__ import main\ntry:\n    main()\n"
        "finally:\n    print(sorted({'flask', 'kubernetes'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, "lint", str(story)]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60, cwd=places.ROOT)
    assert (ended.returncode, ended.stderr) == (1, b"")
    assert b"\x1b" not in ended.stdout
    assert ended.stdout.endswith(b"\n[]\n")
