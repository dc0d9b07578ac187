"""Who calls a callback, with what, in which process, and what an exception there does.

The facts were read in Airflow 2.8.4 to 2.11.2 and 3.0.0 to 3.3.2, and run on 2.11.2 and 3.3.2 (`make test-callers`).
"""

import msgspec

from webhook.lint.record import Slot
from webhook.lint.values import UNKNOWN, Items, Mapping, Text, Value
from webhook.lint.versions import Versions
from webhook.pods.airflow import Component

_ANY_LIST = Items("list", (), UNKNOWN)
SLA_ARGUMENTS: tuple[Value, ...] = (UNKNOWN, Text("task_list"), Text("blocking_task_list"), _ANY_LIST, _ANY_LIST)
SLA_KEYS = ("dag", "task_list", "blocking_task_list", "slas", "blocking_tis")

_SLA_PASSES = "(dag, task_list: str, blocking_task_list: str, slas: list[SlaMiss], blocking_tis: list[TaskInstance])"
_PARSERS = (Component.SCHEDULER, Component.DAG_PROCESSOR)


class Caller(msgspec.Struct, frozen=True):
    """The caller, in words and in values."""

    passes: str
    process: str
    failure: str
    components: tuple[Component, ...]  # any of them may be the process
    arguments: tuple[Value, ...] = ()


def caller(slot: Slot, parameter: str, versions: Versions) -> Caller:
    """Return what calls the callback that *slot* gets as *parameter*."""
    if slot is Slot.ASYNC:
        failure = "an exception ends the callback as failed, and only the table of callbacks says so"
        return Caller(_keywords(versions), "the triggerer", failure, (Component.TRIGGERER,))
    if slot is Slot.SYNC:
        failure = "an exception ends the callback as failed"
        return Caller(_keywords(versions), "the executor's worker", failure, (Component.WORKER,))
    if parameter == "sla_miss_callback":
        never = "" if versions.until(3) else ", and Airflow 3 never calls it"
        failure = f"an exception is logged there and nowhere else{never}"
        return Caller(_SLA_PASSES, _parser(versions), failure, _PARSERS, SLA_ARGUMENTS)
    context = Mapping(open=True)
    if slot is Slot.DAG:
        parsers = (Component.DAG_PROCESSOR,) if versions.since(3) else _PARSERS
        return Caller("(context)", _parser(versions), "an exception is logged there", parsers, (context,))
    process = "the task's own process, on the worker"
    if parameter in ("on_failure_callback", "on_retry_callback"):
        where = "dag-processor" if versions.since(3) else "scheduler or dag-processor"
        process += f" (for a task that never started, in the {where})"
    failure = "an exception is only logged"
    return Caller("(context)", process, failure, (Component.WORKER, Component.TASK), (context,))


def _parser(versions: Versions) -> str:
    if versions.since(3):
        return "the dag-processor"
    if versions.until(3):
        return "the scheduler (or the dag-processor, if that runs on its own)"
    return "the scheduler or the dag-processor"


def _keywords(versions: Versions) -> str:
    when = "" if versions.until(3, 2) else ", if it takes that"
    return f"the keywords of kwargs and context={{dag_run, deadline}}{when}"
