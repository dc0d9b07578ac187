"""What is said, and in which bounds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.judge import message
from webhook.judge.decision import Decision, ObjectRef, TaskRef
from webhook.judge.verdict import Verdict, Violation
from webhook.pods.airflow import Component
from webhook.pods.text import printable
from webhook.rules.finding import Finding, Mode

FINDING = Finding("spec.containers[0].image", "tag 'latest' is mutable", "set a full version", "scheduler")


def violations(*modes: Mode) -> tuple[Violation, ...]:
    return tuple(Violation("mutable-tag", mode, FINDING) for mode in modes)


def decision(verdict: Verdict, component: Component = Component.SCHEDULER, task: TaskRef | None = None) -> Decision:
    pod = ObjectRef("v1", "Pod", "airflow", "airflow-scheduler-x2x9z", "5b1f")
    return Decision("/validate", "uid", "CREATE", False, pod, None, component, None, task, verdict)  # noqa: FBT003


def test_a_denial_counts_names_and_lists_what_enforces_and_what_warns_but_no_audit() -> None:
    text = message.denial(decision(Verdict(violations(Mode.ENFORCE, Mode.AUDIT, Mode.WARN))))
    what = "mutable-tag: spec.containers[0].image (container scheduler): tag 'latest' is mutable"
    assert text.splitlines() == [
        "2 problems in the scheduler Pod airflow/airflow-scheduler-x2x9z:",
        f"- {what}; fix: set a full version",
        f"- (warning) {what}; fix: set a full version",
    ]


def test_a_denial_of_a_task_names_its_dag_and_task() -> None:
    task = TaskRef("sales daily", "load_orders")
    text = message.denial(decision(Verdict(violations(Mode.ENFORCE)), Component.TASK, task))
    assert text.startswith(
        "1 problem in the task Pod airflow/airflow-scheduler-x2x9z (DAG sales daily, task load_orders):"
    )


@pytest.mark.parametrize("phrase", ["exceeded quota", "Exceeded Quota", "object has been modified"])
def test_no_text_holds_a_phrase_that_makes_an_executor_try_again(phrase: str) -> None:
    finding = replace(FINDING, text=f"tag {phrase!r} is mutable")
    said = decision(
        Verdict((Violation("mutable-tag", Mode.ENFORCE, finding),)), Component.TASK, TaskRef(phrase, phrase)
    )
    for text in (message.denial(said), message.note(said)):
        assert phrase.lower() not in text.lower()
        assert phrase.lower() in text.lower().replace("-", " ")


@given(st.lists(st.tuples(st.text(max_size=400), st.text(max_size=400)), max_size=60))
def test_warnings_stay_in_the_bounds_that_the_api_server_keeps(texts: list[tuple[str, str]]) -> None:
    found = tuple(Violation("mutable-tag", Mode.WARN, Finding("spec", text, fix, "c" * 300)) for text, fix in texts)
    lines = message.warnings(Verdict(found))
    assert all(len(line) <= 256 and line.isprintable() for line in lines)
    assert sum(map(len, lines)) <= 4096
    if len(lines) < len(found):
        assert lines[-1] == f"airlock: and {len(found) - len(lines) + 1} more"


@given(st.lists(st.text(alphabet=st.characters(), max_size=500), max_size=10))
def test_a_note_has_at_most_1024_bytes_and_no_half_character(texts: list[str]) -> None:
    found = tuple(Violation("mutable-tag", Mode.ENFORCE, Finding("spec", text, "x")) for text in texts)
    text = message.note(decision(Verdict(found)))
    assert len(text.encode()) <= 1024


def test_a_note_names_every_problem_before_it_says_what_to_do() -> None:
    found = [Violation(rule, Mode.WARN, Finding("spec", "w" * 200, "f" * 200)) for rule in ("a", "b", "c")]
    few, many = (message.note(decision(Verdict(tuple(found[:count])))) for count in (2, 3))
    assert few.count("; fix: ") == 2
    assert many.count("; fix: ") == 0
    assert [line[:3] for line in many.splitlines()[1:]] == ["- a", "- b", "- c"]


@given(st.text(alphabet=st.characters(), max_size=400), st.integers(1, 300))
def test_printable_text_is_printable_and_no_longer_than_asked(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    if text.isprintable() and len(text) <= limit:
        assert shown == text
