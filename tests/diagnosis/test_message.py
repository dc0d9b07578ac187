"""The scheduler's message, in every shape in which people have it."""

import html
import json
import textwrap
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.diagnosis.message import Denial, Message, read_messages

DENIED = (
    'admission webhook "pods.validate.airlock" denied the request: task Pod airflow/etl-load-x1: mutable-tag'
    " 'r/a:latest'\n- mutable-tag: \"quoted\" and \\ kept; fix: set images.airflow.tag"
)
TASK = "<TaskInstance: etl.load manual__2026-11-22T00:00:00+00:00 [queued]>"


def info(message: str = DENIED, code: int = 422, reason: str = "Unprocessable Entity") -> str:
    """Return an ApiException of the Kubernetes client as it prints itself."""
    status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message}
    body = json.dumps({**status, "reason": "Invalid", "code": code})
    headers = "HTTPHeaderDict({'Audit-Id': '5d1', 'Content-Type': 'application/json', 'Date': 'Thu, 26 Nov 2026'})"
    return f"({code})\nReason: {reason}\nHTTP response headers: {headers}\nHTTP response body: {body}\n\n"


def older(text: str = "", task: str = TASK) -> str:
    return (
        f"Executor reports task instance {task} finished (failed) although the task says it's queued."
        f" (Info: {text or info()}) Was the task killed externally?"
    )


def newer(text: str = "", task: str = TASK) -> str:
    return (
        f"Executor KubernetesExecutor(parallelism=32) reported that the task instance {task} finished with state"
        " failed, but the task instance's state attribute is queued. Learn more: https://airflow.apache.org/docs/apache-airflow/"
        f"stable/troubleshooting.html#task-state-changed-externally Extra info: {text or info()}"
    )


def read(text: str) -> Message:
    (message,) = read_messages(text)
    return message


def bold(text: str) -> str:
    """Return *text* as Airflow's log prints it on a terminal: each argument of the message in bold."""
    for argument in (TASK, "failed", "queued."):
        text = text.replace(argument, f"\x1b[1m{argument}\x1b[22m")
    return text


AROUND: dict[str, Callable[[str], str]] = {
    "alone": lambda text: text,
    "in a line of the log": lambda text: (
        f"[2026-11-22T10:00:00.000+0000] {{scheduler_job_runner.py:775}} ERROR - {text}"
    ),
    "in a JSON log": lambda text: json.dumps({"timestamp": "2026-11-22T10:00:00Z", "level": "error", "event": text}),
    "in the REST API's event logs": lambda text: json.dumps(
        {"event_logs": [{"event": "state mismatch", "extra": text}]}
    ),
    "in a JSON log of a JSON log": lambda text: json.dumps({"log": json.dumps({"event": text})}),
    "wrapped by a mail": lambda text: textwrap.fill(text, 80, break_long_words=False, break_on_hyphens=False),
    "wrapped in a JSON log": lambda text: textwrap.fill(
        json.dumps({"event": text}), 72, break_long_words=False, break_on_hyphens=False
    ),
    "behind the name of its pod": lambda text: "\n".join(f"[pod/s-0/scheduler] {line}" for line in text.splitlines()),
    "in a debug line of Python": lambda text: f"Queuing CallbackRequest: {{'msg': {text!r}, 'is_failure': True}}",
    "from a terminal with colours": lambda text: (
        f"[\x1b[34m2026-11-22T10:00:00\x1b[0m] {{\x1b[34mscheduler_job.py:\x1b[0m775}} ERROR\x1b[0m - {bold(text)}"
    ),
    "from a terminal with colours, in a JSON log": lambda text: json.dumps({"log": bold(text)}),
    "with colours whose escape character was lost": lambda text: bold(text).replace("\x1b", ""),
    "with colours whose escape character is written as two": lambda text: bold(text).replace("\x1b", "^["),
    "from the source of a mail in HTML": lambda text: html.escape(text).replace("\n", "<br>"),
    "from an answer to a mail": lambda text: textwrap.indent(textwrap.fill(text, 70, break_on_hyphens=False), "> > "),
    "from a chat with curly quotes": lambda text: text.replace("'", "\u2019").replace('"', "\u201d"),
    "among others": lambda text: f"INFO - all is well\n{text}\nTraceback (most recent call last):\n",
}


@pytest.mark.parametrize("around", AROUND.values(), ids=list(AROUND))
@pytest.mark.parametrize("wording", [older, newer])
def test_both_wordings_are_read_wherever_they_come_from(
    wording: Callable[[], str], around: Callable[[str], str]
) -> None:
    message = read(around(wording()))
    assert (message.tasks, message.run_id) == ((("etl", "load"),), "manual__2026-11-22T00:00:00+00:00")
    assert (message.finished, message.says, message.status) == ("failed", "queued", 422)
    assert message.denial == Denial("pods.validate.airlock", DENIED.partition("request: ")[2])
    assert message.denial.by_airlock


@pytest.mark.parametrize("its", ["its", "it''s"], ids=["the first releases of Airflow 2", "SQL and YAML"])
def test_the_apostrophe_may_be_missing_or_doubled(its: str) -> None:
    message = read(older().replace("it's", its))
    assert (message.ids, message.says, message.status) == ("etl.load", "queued", 422)


@pytest.mark.parametrize("width", range(60, 90))
@pytest.mark.parametrize("wording", [older, newer])
def test_a_terminal_may_have_broken_the_lines_at_any_character(wording: Callable[[], str], width: int) -> None:
    lines = wording().splitlines()
    message = read("\n".join(line[at : at + width] for line in lines for at in range(0, len(line), width)))
    assert (message.ids, message.says, message.status) == ("etl.load", "queued", 422)
    assert message.denial is not None


@pytest.mark.parametrize("task", ["<TaskInstance:  scheduled]>", "<TaskInstance: REDACTED [queued]>", "etl.load"])
@pytest.mark.parametrize("wording", [older, newer])
def test_a_message_whose_task_cannot_be_read_is_read_for_the_rest(wording: Callable[..., str], task: str) -> None:
    message = read(wording(task=task))
    assert (message.ids, message.says, message.status, message.denial is not None) == ("", "queued", 422, True)


@pytest.mark.parametrize("wording", [older, newer])
def test_a_mapped_task_has_its_index(wording: Callable[..., str]) -> None:
    message = read(wording(task="<TaskInstance: etl.load manual__1 map_index=7 [queued]>"))
    assert (message.ids, message.run_id, message.map_index) == ("etl.load", "manual__1", "7")


@pytest.mark.parametrize("around", [str, json.dumps, lambda text: json.dumps(json.dumps(text))])
@pytest.mark.parametrize("index", ["", " map_index=3"])
@pytest.mark.parametrize(
    "run_id", ["my run of Monday", "run[1]", "run (x)", "r>x", "fünf", 'x"y', "it's", "a%b&c", "é/\\d"]
)
@pytest.mark.parametrize("wording", [older, newer])
def test_a_run_may_have_any_id(
    wording: Callable[..., str], run_id: str, index: str, around: Callable[[str], str]
) -> None:
    message = read(around(wording(task=f"<TaskInstance: etl.load {run_id}{index} [queued]>")))
    assert (message.ids, message.run_id, message.map_index) == ("etl.load", run_id, index[-1:])
    assert message.denial is not None


@pytest.mark.parametrize(
    ("text", "says", "reason"),
    [
        ("Executor reports task instance finished (failed) although the task says it's queued", True, None),
        ("... the task instance's state attribute is queued. Extra info: (422)", True, 422),
        (older(task=""), False, 422),
        (newer(task=""), False, 422),
        (newer(task="").partition("but ")[2], False, 422),
    ],
)
def test_a_message_from_which_a_browser_took_the_task_is_read_for_the_rest(
    text: str,
    says: bool,  # noqa: FBT001 - a case's value
    reason: int | None,
) -> None:
    message = read(text)
    assert (message.ids, message.tasks, message.says, message.status) == ("", (), "queued", reason)
    assert (message.denial is None) is says
    assert message.is_of("any", "one")
    assert message.task([("a", "b")], "asked") == ("asked", "")


def test_a_task_that_the_message_lost_is_the_one_that_airlocks_denial_names() -> None:
    text = DENIED.replace("task Pod airflow/etl-load-x1", "task 'load' of DAG 'etl', Pod 'airflow/etl-load-x1'")
    assert read(newer(info(text), task="")).ids == "etl.load"


@pytest.mark.parametrize("wording", [older, newer])
def test_a_message_without_a_reason_is_read_as_one(wording: Callable[..., str]) -> None:
    message = read(wording("None"))
    assert (message.info, message.status, message.answer, message.denial) == ("", None, "", None)


def test_ids_with_dots_are_read_in_every_way_that_they_may_be_meant() -> None:
    message = read(newer(task="<TaskInstance: sales.daily.group.load r [queued]>"))
    assert message.tasks == (
        ("sales", "daily.group.load"),
        ("sales.daily", "group.load"),
        ("sales.daily.group", "load"),
    )


@pytest.mark.parametrize(
    ("answer", "airlock"),
    [
        ('admission webhook "validate.kyverno.svc-fail" denied the request: no', False),
        ('admission webhook "lax.pods.validate.airlock" denied the request: no', True),
        ('admission webhook "airlocked.example.com" denied the request: no', False),
    ],
)
def test_it_tells_who_denied(answer: str, airlock: bool) -> None:  # noqa: FBT001 - a case's value
    denial = read(newer(info(answer))).denial
    assert denial is not None
    assert denial.by_airlock is airlock


def test_an_answer_that_is_no_denial_is_kept_with_its_status() -> None:
    failed = 'Internal error occurred: failed calling webhook "pods.validate.airlock": context deadline exceeded'
    message = read(newer(info(failed, 500, "Internal Server Error")))
    assert (message.status, message.answer, message.denial) == (500, failed, None)


def test_an_answer_whose_escapes_were_lost_on_the_way_is_read_all_the_same() -> None:
    shell = newer().replace("\\n", "\n").replace('\\"', '"')  # what `echo -e` makes of it
    denial = read(shell).denial
    assert denial is not None
    assert denial.text.startswith("task Pod airflow/etl-load-x1")


def test_an_answer_without_an_end_costs_a_time_that_grows_with_its_length() -> None:
    # A search that looked for the end from each beginning would take minutes here.
    text = 'HTTP response body: {"message": ' + '"message": "' * 80_000
    assert read(newer(f"(422) Reason: {text}")).answer == ""


@pytest.mark.parametrize(
    "text",
    [
        *("", "Task failed with exception", "Executor reports", "{" * 5000, "\\u0000" * 5000),
        *("Executor" + " " * 500_000, "Executor reports task instance " * 20_000),  # hours, if a search began again
    ],
)
def test_other_text_is_no_such_message(text: str) -> None:
    assert read_messages(text) == ()


@given(st.text(max_size=300), st.sampled_from([older, newer]))
def test_no_text_behind_extra_info_breaks_the_reading(text: str, wording: Callable[..., str]) -> None:
    for reading in (wording(text), json.dumps(wording(text)), wording(info(text))):
        assert read(reading).ids == "etl.load"


OTHER = "<TaskInstance: billing.close manual__2026-11-22T01:00:00+00:00 [queued]>"


@pytest.mark.parametrize("wording", [older, newer])
@pytest.mark.parametrize("join", ["\n".join, lambda texts: "\n".join(json.dumps({"event": text}) for text in texts)])
def test_a_log_with_messages_about_several_tasks_is_read_as_one_for_each_with_its_own_reason(
    wording: Callable[..., str], join: Callable[[list[str]], str]
) -> None:
    quota = 'pods "x" is forbidden: exceeded quota: compute'
    log = join(["INFO - fine", wording(), wording(info(quota, 403, "Forbidden"), task=OTHER), "INFO - fine"])
    first, last = read_messages(log)
    assert (first.ids, last.ids) == ("etl.load", "billing.close")
    assert first.denial is not None
    assert (last.denial, last.answer, last.status) == (None, quota, 403)
    assert (last.is_of("billing", "close"), last.is_of("billing", ""), last.is_of("etl", "")) == (True, True, False)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (older().split("Reason")[0], (422, False)),  # what grep leaves of it
        (newer().split("\n")[0], (422, False)),
        (older("None").partition(" (Info")[0], (None, True)),
        (newer().partition(" Learn")[0], (None, True)),
        (older("None"), (None, False)),
    ],
)
def test_a_message_that_is_cut_off_is_known_as_such_and_never_read_as_one_without_a_reason(
    text: str, says: tuple[int | None, bool]
) -> None:
    message = read(text)
    assert (message.status, message.cut) == says


def test_the_asked_dag_decides_how_dots_are_read() -> None:
    message = read(newer(task="<TaskInstance: sales.daily.load r [queued]>"))
    assert message.task([], "sales.daily") == ("sales.daily", "load")
    assert message.task([]) == ("sales", "daily.load")
