"""What is said, in which order, and in which bounds."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from webhook.judge import message
from webhook.judge.decision import Decision, ObjectRef, TaskRef
from webhook.judge.verdict import Cause, Verdict, Violation, Where
from webhook.pods.airflow import Component
from webhook.pods.image import ImageError, parse
from webhook.pods.text import printable
from webhook.rules.finding import Mode

LATEST = Cause(
    text="'apache/airflow:latest': tag 'latest' is mutable, and imagePullPolicy IfNotPresent lets nodes run a copy",
    fix="set a full version",
    places=(
        Where("spec.initContainers[0].image", "wait-for-airflow-migrations"),
        Where("spec.containers[0].image", "scheduler"),
        Where("spec.containers[1].image", "scheduler-log-groomer"),
    ),
    image="docker.io/apache/airflow:latest",
    brief="with imagePullPolicy IfNotPresent",
)
LACKING = Cause(
    text="'DEPLOY_ENV' is missing",
    fix="recreate the pod",
    places=(Where("spec.containers[0].env", "scheduler"),),
    variable="DEPLOY_ENV",
    brief="is missing",
)
UNREADABLE = Cause("cannot be read: Expected `array`, got `object`", "write it as the API has it", (Where("spec.x"),))
TAG, VARIABLE = Violation("mutable-tag", Mode.ENFORCE, LATEST), Violation("required-env", Mode.WARN, LACKING)
POD = ObjectRef("v1", "Pod", "airflow", "airflow-scheduler-x2x9z", "5b1f")
DEPLOYMENT = ObjectRef("apps/v1", "Deployment", "airflow", "airflow-scheduler")
TASK = TaskRef("sales daily", "load_orders")

WHERE = "in init container 'wait-for-airflow-migrations', containers 'scheduler' and 'scheduler-log-groomer'"
names = st.text(st.characters(exclude_categories=()), max_size=300)
modes = st.sampled_from([Mode.ENFORCE, Mode.WARN, Mode.AUDIT])
places = st.lists(st.builds(Where, names, names, names), min_size=1, max_size=8).map(tuple)
causes = st.builds(Cause, names, names, places, st.just("docker.io/a/b:c") | st.just(""), names, names)
found = st.lists(
    st.builds(Violation, st.just("mutable-tag"), modes, causes, st.just(""), modes | st.none()), min_size=1, max_size=60
)


def decision(*violations: Violation, **changes: Any) -> Decision:
    made = Decision(
        path="/validate",
        uid="uid",
        operation="CREATE",
        dry_run=False,
        regarding=POD,
        owner=None,
        component=Component.SCHEDULER,
        distrusted=None,
        task=None,
        verdict=Verdict(violations),
    )
    return replace(made, **changes)


def task(*violations: Violation, dag: TaskRef = TASK) -> Decision:
    return decision(*violations, component=Component.TASK, task=dag)


def first(made: Decision) -> str:
    return message.denial(made).splitlines()[0]


def test_the_first_line_alone_names_component_object_rules_image_variable_and_half_of_each_condition() -> None:
    assert first(decision(TAG, VARIABLE)) == (
        "scheduler Pod 'airflow/airflow-scheduler-x2x9z': mutable-tag: 'apache/airflow:latest' with imagePullPolicy"
        " IfNotPresent; required-env: 'DEPLOY_ENV' is missing"
    )


def test_the_first_line_of_a_task_names_task_and_dag() -> None:
    assert first(task(TAG)).startswith(
        "task 'load_orders' of DAG 'sales daily', Pod 'airflow/airflow-scheduler-x2x9z': "
    )
    assert first(task(TAG, dag=TaskRef("sales daily", ""))).startswith("task of DAG 'sales daily', Pod 'airflow/")


def test_the_first_line_says_of_a_long_text_that_it_is_no_image() -> None:
    with pytest.raises(ImageError) as caught:
        parse(f"registry.example.com/data/airflow@sha256:{'A' * 64}")
    malformed = Cause(str(caught.value), "write it as ...", (Where("spec.containers[0].image", "scheduler"),))
    line = first(decision(Violation("mutable-tag", Mode.ENFORCE, malformed)))
    assert line.endswith(
        "mutable-tag: 'registry.example.com/dat…' is not an image reference: its digest must be sha25…"
    )


def test_a_first_line_says_how_many_findings_it_has_no_room_for() -> None:
    variables = [replace(VARIABLE, cause=replace(LACKING, variable=f"VARIABLE_{n}")) for n in range(9)]
    line = first(decision(TAG, *variables))
    assert len(line) <= 200
    shown = line.count(" is missing")
    assert line.endswith(f"; and {9 - shown} more")
    assert shown >= 1


def test_what_denies_stands_before_what_warns_and_a_denial_leaves_out_what_is_only_audited() -> None:
    text = message.denial(decision(VARIABLE, TAG, replace(VARIABLE, mode=Mode.AUDIT)))
    assert text.splitlines()[1:] == [
        f"- mutable-tag: {LATEST.text}; {WHERE}; fix: set a full version",
        "- (warning) required-env: 'DEPLOY_ENV' is missing; in container 'scheduler'; fix: recreate the pod",
    ]


def test_a_field_that_no_container_has_stands_before_what_is_wrong_with_it() -> None:
    text = message.denial(decision(replace(TAG, cause=UNREADABLE)))
    assert "- mutable-tag: spec.x: cannot be read: Expected `array`" in text
    assert "mutable-tag: spec.x: cannot be read" in text.splitlines()[0]


@given(found, names, names, names)
def test_a_first_line_has_at_most_200_characters_and_the_rule_of_a_finding_whatever_the_names(
    violations: list[Violation], name: str, dag: str, job: str
) -> None:
    ref = replace(POD, name=name)
    for made in (decision(*violations, regarding=ref), task(*violations, dag=TaskRef(dag, job))):
        line = message.note(made).split("\n")[0]
        assert len(line) <= 200
        assert line.isprintable()
        assert "mutable-tag" in line


def test_names_that_a_first_line_cuts_are_whole_in_the_second() -> None:
    dag, job = "d" * 250, "t" * 250
    line, second, *_ = message.denial(task(TAG, dag=TaskRef(dag, job))).splitlines()
    assert "mutable-tag: 'apache/airflow:latest' with imagePullPolicy IfNotPresent" in line
    assert second == f"in full: task '{job}' of DAG '{dag}', Pod 'airflow/airflow-scheduler-x2x9z'"
    assert "in full" not in message.denial(task(TAG))


def test_a_long_image_keeps_its_end_in_a_first_line() -> None:
    long = replace(LATEST, image=f"registry.example.com/{'path/' * 30}airflow:latest")
    assert "airflow:latest' with imagePullPolicy IfNotPresent" in first(decision(replace(TAG, cause=long)))


@pytest.mark.parametrize("phrase", ["exceeded quota", "Exceeded Quota", "object has been modified"])
def test_no_text_holds_a_phrase_that_makes_an_executor_try_again(phrase: str) -> None:
    cause = replace(LATEST, text=f"tag {phrase!r} is mutable", brief=phrase)
    said = task(replace(TAG, cause=cause), replace(VARIABLE, cause=cause), dag=TaskRef(phrase, phrase))
    for text in (message.denial(said), message.note(said), "\n".join(message.warnings(said))):
        assert phrase.lower() not in text.lower()
        assert phrase.lower() in text.lower().replace("-", " ")


def template(*pods: Mode) -> Decision:
    told = [replace(VARIABLE, pods=mode, cause=replace(LACKING, variable=f"V{n}")) for n, mode in enumerate(pods)]
    return decision(*told, regarding=DEPLOYMENT)


def test_a_warning_names_the_workload_and_what_becomes_of_its_pods() -> None:
    (line,) = message.warnings(template(Mode.ENFORCE))
    assert line == (
        "airlock: scheduler Deployment 'airflow/airflow-scheduler': its Pods will be denied: required-env: 'DEPLOY_ENV'"
        " is missing; in container 'scheduler'; fix: recreate the pod"
    )
    (line,) = message.warnings(template(Mode.WARN))
    assert "Deployment 'airflow/airflow-scheduler': its Pods will be admitted with a warning: " in line
    (line,) = message.warnings(decision(VARIABLE))
    assert line.startswith("airlock: scheduler Pod 'airflow/airflow-scheduler-x2x9z': it is admitted: required-env: ")


def test_only_what_warns_is_a_warning() -> None:
    assert message.warnings(decision(replace(TAG, mode=Mode.AUDIT))) == []


def lines(count: int, reason: int, fix: int = 150) -> list[str]:
    told = [
        replace(VARIABLE, pods=Mode.ENFORCE, cause=replace(LACKING, text="r" * reason, fix="f" * fix, variable=f"V{n}"))
        for n in range(count)
    ]
    return message.warnings(decision(*told, regarding=DEPLOYMENT))


def test_warnings_are_whole_as_long_as_all_have_4096_characters() -> None:
    (one,) = lines(1, 3000, 800)
    assert "r" * 3000 in one
    assert one.endswith("f" * 800)
    assert [line.count("fix: ") for line in lines(9, 100)] == [1] * 9


def test_fixes_give_way_before_reasons_and_reasons_before_findings() -> None:
    some = lines(15, 100)
    assert 0 < sum("fix: " in line for line in some) < 15
    assert all("r" * 100 in line for line in some)
    more = lines(27, 100)
    assert (len(more), sum("fix: " in line for line in more)) == (27, 0)
    assert 0 < sum("r" * 100 in line for line in more) < 27
    assert all(f"'V{n}' is missing" in more[n] or "r" * 100 in more[n] for n in range(27))
    many = lines(90, 100)
    assert many[-1] == f"airlock: scheduler Deployment 'airflow/airflow…': and {90 - len(many) + 1} more"
    assert len(many) > 25
    for told in (some, more, many):
        assert 3500 < sum(map(len, told)) <= 4096


@given(found)
def test_warnings_stay_in_the_bounds_that_the_api_server_keeps(violations: list[Violation]) -> None:
    told = message.warnings(decision(*(replace(one, mode=Mode.WARN) for one in violations)))
    assert all(line.isprintable() for line in told)
    assert sum(map(len, told)) <= 4096
    assert len(told) == len(violations) or told[-1].endswith(f"and {len(violations) - len(told) + 1} more")


@given(found, names)
def test_a_note_has_at_most_1024_bytes_and_no_half_character(violations: list[Violation], name: str) -> None:
    text = message.note(decision(*violations, regarding=replace(POD, name=name)))
    assert len(text.encode()) <= 1024


def test_a_note_names_every_finding_before_it_says_what_to_do() -> None:
    told = [Violation(rule, Mode.WARN, Cause("w" * 150, "f" * 200, LACKING.places)) for rule in ("a", "b", "c")]
    few, many = (message.note(decision(*told[:count])) for count in (2, 3))
    assert few.count("; fix: ") == 2
    assert many.count("; fix: ") < 3
    assert [line[:3] for line in many.splitlines()[1:]] == ["- a", "- b", "- c"]
    assert many.count("w" * 150) == 3


@given(st.text(alphabet=st.characters(), max_size=400), st.integers(1, 300))
def test_printable_text_is_printable_and_no_longer_than_asked(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    if text.isprintable() and len(text) <= limit:
        assert shown == text
