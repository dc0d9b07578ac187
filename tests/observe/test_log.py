"""A record is one line of JSON, whatever is in it, and tells no more than it may."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.harness.decisions import CLEAN, DENIED, IMAGE, NOT_AIRFLOW, POD, decision, violation
from webhook.judge.decision import Mutation, TaskRef
from webhook.judge.verdict import Exempted, Verdict
from webhook.observe.log import LONGEST, LONGEST_LIST, LONGEST_TRACEBACK, configure, decision_fields, log_decision
from webhook.pods.airflow import Component
from webhook.rules.finding import Mode

NOW = datetime(2026, 6, 1, 8, 30, 0, 250_000, UTC)
ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Leave `logging` and structlog to the other tests as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:], root.level = handlers, level
    for name in ("urllib3", "kubernetes", "asyncio"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def lines(write: Callable[[], object], level: str = "info") -> list[dict[str, Any]]:
    """Return the records that *write* writes, each a line of strict JSON."""
    stream = io.StringIO()
    configure(level, stream)
    write()
    text = stream.getvalue()
    assert text.isascii()
    assert text.count("\n") == len(text.splitlines())
    return [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]


def test_a_record_has_its_time_in_utc_its_level_and_what_happened() -> None:
    (line,) = lines(lambda: structlog.get_logger().warning("document", revision="abc", count=3))
    assert list(line) == ["timestamp", "level", "event", "revision", "count"]
    assert line["timestamp"].endswith("Z")
    assert abs((datetime.now(UTC) - datetime.fromisoformat(line["timestamp"])).total_seconds()) < 60
    assert (line["level"], line["event"], line["revision"], line["count"]) == ("warning", "document", "abc", 3)


@pytest.mark.parametrize("name", ["gunicorn.error", "urllib3.connectionpool", "kubernetes", "airlock.source"])
def test_records_of_other_libraries_are_the_same_lines(name: str) -> None:
    (line,) = lines(lambda: logging.getLogger(name).error("cannot %s\n%d", "bind", 3))
    assert (line["level"], line["event"], line["logger"]) == ("error", "cannot bind\n3", name)


def test_arguments_that_do_not_fit_lose_no_record() -> None:
    arguments = ("x",)
    (line,) = lines(lambda: logging.getLogger("any").error("%d of %d", *arguments))
    assert line["event"] == "%d of %d"


def test_a_process_writes_nothing_but_lines_to_stderr_and_warnings_are_such_lines() -> None:
    program = "import warnings; from webhook.observe.log import configure; configure(); warnings.warn('old name')"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    (line,) = map(json.loads, run.stderr.splitlines())
    assert (line["level"], line["logger"]) == ("warning", "py.warnings")
    assert "old name" in line["event"]
    assert run.stdout == ""


def test_what_other_libraries_say_at_debug_level_is_never_told() -> None:
    def chatter() -> None:
        for name in ("urllib3", "kubernetes.client.rest", "airlock.x"):
            logging.getLogger(name).debug("body: secret")

    assert [line["logger"] for line in lines(chatter, "debug")] == ["airlock.x"]


@given(ANY_TEXT, ANY_TEXT)
def test_no_text_breaks_a_line(text: str, other: str) -> None:
    def write() -> None:
        structlog.get_logger().info(text, field=other, several=[text, {other: text}])
        logging.getLogger("any").error("%s", text)

    assert len(lines(write)) == 2


def test_half_a_surrogate_pair_is_escaped() -> None:
    (line,) = lines(lambda: structlog.get_logger().info("a\ud800b"))
    assert line["event"] == r"a\ud800b"


def test_a_long_text_and_a_long_list_are_cut() -> None:
    big = "x" * (1 << 20)
    (line,) = lines(lambda: structlog.get_logger().info(big, field=big, several=[big] * 1000))
    assert line["event"] == "x" * (LONGEST - 1) + "…"
    assert len(line["field"]) == LONGEST
    assert len(line["several"]) == LONGEST_LIST


def test_of_a_long_traceback_the_end_is_kept() -> None:
    def fail() -> None:
        raise LookupError("x" * LONGEST_TRACEBACK + " the end")

    def write() -> None:
        try:
            fail()
        except LookupError:
            logging.getLogger("any").exception("it failed")
            structlog.get_logger().exception("it failed")

    for line in lines(write):
        assert (line["level"], line["event"], len(line["exception"])) == ("error", "it failed", LONGEST_TRACEBACK)
        assert line["exception"].endswith(" the end")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object, b"\xff", {1, 2}, (1, "a"), None, True])
def test_any_value_is_json(value: object) -> None:
    (line,) = lines(lambda: structlog.get_logger().info("e", value=value))
    assert "value" in line


def test_a_stream_that_is_gone_fails_nobody() -> None:
    stream = io.StringIO()
    configure("info", stream)
    stream.close()
    log_decision(DENIED, NOW)
    logging.getLogger("any").error("x")


def test_a_level_that_is_none_is_named_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="'loud' is not a level of logging: debug, info, warning, error or critical"):
        configure("loud")


def test_a_decision_is_one_line_of_facts() -> None:
    made = replace(DENIED, task=TaskRef("sales daily", "load_orders"), seconds=0.00123)
    (line,) = lines(lambda: log_decision(made, NOW))
    assert line == {
        "timestamp": "2026-06-01T08:30:00.250000Z",
        "level": "warning",
        "event": "decision",
        "text": "task 'load_orders' of DAG 'sales daily', Pod 'airflow/airflow-scheduler-7d4b9c-x2x9z': mutable-tag:"
        " 'apache/airflow:latest'",
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
        "path": "/validate",
        "operation": "CREATE",
        "kind": "Pod",
        "namespace": "airflow",
        "name": "airflow-scheduler-7d4b9c-x2x9z",
        "component": "scheduler",
        "dag_id": "sales daily",
        "task_id": "load_orders",
        "verdict": "denied",
        "mode": "enforce",
        "rules": ["mutable-tag"],
        "ms": 1.23,
    }


def test_a_mutation_a_dry_run_an_exemption_and_a_claim_in_vain_are_told() -> None:
    exempted = Exempted("mutable-tag", "legacy-etl", violation(Mode.WARN).cause)
    made = replace(
        CLEAN,
        path="/mutate",
        dry_run=True,
        mutation=Mutation.INJECTED,
        distrusted=Component.WORKER,
        verdict=Verdict(exempted=(exempted,)),
    )
    fields = decision_fields(made)
    told = {name: fields[name] for name in ("mutation", "dry_run", "distrusted", "exemptions", "verdict")}
    assert told == {
        "mutation": "injected",
        "dry_run": True,
        "distrusted": "worker",
        "exemptions": ["legacy-etl"],
        "verdict": "allowed",
    }
    assert "mode" not in fields


def test_of_what_is_admitted_neither_sentences_nor_images_are_told() -> None:
    (line,) = lines(lambda: log_decision(decision(Mode.WARN), NOW))
    assert line["level"] == "info"
    assert IMAGE.removeprefix("docker.io/") not in str(line)
    assert "mutable'" not in str(line)


def test_what_is_not_airflows_is_told_at_debug_level_only() -> None:
    assert lines(lambda: log_decision(NOT_AIRFLOW, NOW)) == []
    assert len(lines(lambda: log_decision(NOT_AIRFLOW, NOW), "debug")) == 1


@pytest.mark.parametrize(
    "made", [replace(NOT_AIRFLOW, distrusted=Component.WORKER), replace(decision(Mode.AUDIT), component=None)]
)
def test_what_is_not_airflows_and_still_remarkable_is_told(made: Any) -> None:
    assert len(lines(lambda: log_decision(made, NOW))) == 1


@given(ANY_TEXT)
def test_names_that_people_made_up_do_not_break_the_line_of_a_decision(name: str) -> None:
    made = replace(DENIED, regarding=replace(POD, name=name), uid=name, task=TaskRef(name, name))
    (line,) = lines(lambda: log_decision(made, NOW))
    assert line["event"] == "decision"
