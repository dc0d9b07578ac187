"""Callbacks that nobody calls: the version has no such callback, or nothing ever leads to the call."""

import ast
from collections.abc import Iterator

from webhook.lint import names
from webhook.lint.finding import Fault, Trouble
from webhook.lint.folder import ELSEWHERE
from webhook.lint.reading import Reading
from webhook.lint.record import Given, Slot
from webhook.lint.values import NONE, UNKNOWN, Constant, Items, Made, Mapping
from webhook.lint.versions import Versions
from webhook.rules.finding import Mode

_NOT_PERIODIC = (None, "@once", "@continuous")
# Packages whose calls make no tasks; what others return may be tasks with an SLA.
_HARMLESS = frozenset({
    "airflow", "pendulum", "pytz", "dateutil", "requests", "httpx", "yaml", "jinja2", "pandas", "numpy",
    "slack_sdk", "boto3", "botocore", "sqlalchemy", "sentry_sdk", "structlog", "croniter", "pydantic", "attr",
    "attrs", "typing_extensions", "kubernetes", "google", "psycopg2", "urllib3", "certifi",
})  # fmt: skip


def unknown_to(given: Given, versions: Versions) -> Iterator[Trouble]:
    """Yield why *versions* of Airflow do not know what is given."""
    name, slot = given.parameter, given.slot
    deadline = "use deadline=DeadlineAlert(...) (Airflow 3.1 or later), or on_failure_callback"
    if name == "sla":
        if versions.since(3):
            text = "SLAs are removed in Airflow 3: the argument does nothing but warn"
            yield Fault.REMOVED, text, deadline, Mode.WARN
    elif name == "sla_miss_callback" and versions.since(3):
        effect = "3.1.0 raises TypeError while the file is read, others only warn, and nobody ever calls it"
        yield Fault.REMOVED, f"SLAs are removed in Airflow 3: {effect}", deadline, Mode.ENFORCE
    elif name == "sla_miss_callback" and slot is Slot.DEFAULT_ARGS:
        text = "default_args reach operators only, and the DAG calls sla_miss_callback: nobody ever calls it"
        yield Fault.NEVER_CALLED, text, "give it to DAG(...) itself", Mode.ENFORCE
    elif name == "sla_miss_callback" and slot is Slot.TASK:
        text = "operators have no sla_miss_callback: the file cannot be imported"
        yield Fault.NEVER_CALLED, text, "give it to DAG(...), and sla= to the operator", Mode.ENFORCE
    elif slot is Slot.DAG and name not in names.DAG_CALLBACKS:
        text = f"a DAG has no {name}: TypeError while the file is read"
        yield Fault.NEVER_CALLED, text, "give it to the operators, or in default_args", Mode.ENFORCE
    elif name == "on_skipped_callback" and versions.until(2, 9):
        text = "on_skipped_callback is there from Airflow 2.9 on"
        yield Fault.REMOVED, text, "leave it out, or upgrade", Mode.ENFORCE


def idle(reading: Reading, given: Given, versions: Versions) -> Iterator[Trouble]:
    """Yield why nothing ever leads to the call of an SLA callback."""
    if given.parameter != "sla_miss_callback" or versions.since(3):
        return
    keywords = given.arguments.keywords
    for name in ("schedule", "schedule_interval", "timetable"):
        value = keywords.get(name, UNKNOWN)
        if value == NONE and name == "timetable":
            continue  # as if it were not given: a DAG runs once a day
        if isinstance(value, Constant) and value.value in _NOT_PERIODIC:
            text = f"SLAs are checked only on a periodic schedule, and {name} is {value.value!r}: nobody ever calls it"
            yield Fault.NEVER_CALLED, text, "give the DAG a schedule, or use on_failure_callback", Mode.ENFORCE
            return
        if isinstance(value, Items) and value.items and all(isinstance(one, Made) for one in value.items):
            text = "SLAs are checked only on a periodic schedule, and datasets start this DAG: nobody ever calls it"
            yield Fault.NEVER_CALLED, text, "use on_failure_callback", Mode.ENFORCE
            return
    if _has_no_sla(reading, given):
        text = "SLAs are checked only for tasks with sla=, and no task of this DAG has one: nobody ever calls it"
        fix = "give the tasks sla=timedelta(...), here or in default_args"
        yield Fault.NEVER_CALLED, text, fix, Mode.WARN


def _has_no_sla(reading: Reading, given: Given) -> bool:
    """Return whether nothing in the file, and in those that it imports, can give a task an SLA."""
    args = given.arguments.keywords.get("default_args")
    if given.arguments.open or (args is not None and (not isinstance(args, Mapping) or args.open)):
        return False
    for file in reading.imports_of({given.module.file}):
        module, source = reading.modules[file], reading.folder.source(file)
        if source is None or module.dynamic or _foreign(module.imported) or _writes_sla(source.tree):
            return False
    return True


def _foreign(imported: set[str]) -> bool:
    return any(path.partition(".")[0] not in _HARMLESS | ELSEWHERE for path in imported)


def _writes_sla(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "sla":
            return True
        if isinstance(node, ast.Attribute) and node.attr == "sla":
            return True
        if isinstance(node, ast.Constant) and node.value == "sla":
            return True
    return False
