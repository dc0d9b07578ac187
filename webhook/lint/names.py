"""Which names of Airflow and Python mean what, whatever module they are imported from."""

import re

from webhook.lint.values import Class, External, Made, Value

TASK_CALLBACKS = frozenset(f"on_{event}_callback" for event in ("execute", "failure", "retry", "skipped", "success"))
DAG_CALLBACKS = frozenset({"on_failure_callback", "on_success_callback", "sla_miss_callback"})
CALLBACKS = TASK_CALLBACKS | DAG_CALLBACKS

_TASK = re.compile(r"airflow\.(decorators|sdk)(\.\w+)*\.(task|python_task)(\.\w+)?")
_OPERATOR = re.compile(r"(\w+\.)*[A-Z]\w*(Operator|Sensor)(Async)?")
_AIRFLOWS = re.compile(r"airflow\.providers\.(\w+\.)*(operators|sensors|transfers)(\.\w+)*\.[A-Z]\w*")
_NOTIFIER = re.compile(r"airflow\.(\w+\.)*[A-Z]\w*Notifier")


def _named(path: str, *names: str) -> bool:
    return path.startswith("airflow.") and path.rpartition(".")[2] in names


def is_dag(path: str) -> bool:
    """Return whether *path* is the class DAG or the decorator dag.

    >>> is_dag("airflow.models.dag.DAG"), is_dag("airflow.sdk.dag"), is_dag("dagster.DAG")
    (True, True, False)
    """
    return _named(path, "DAG", "dag")


def is_task(path: str) -> bool:
    """Return whether *path* is the decorator task, or one of its kinds.

    >>> is_task("airflow.sdk.task.bash"), is_task("airflow.decorators.task"), is_task("airflow.sdk.task_group")
    (True, True, False)
    """
    return _TASK.fullmatch(path) is not None


def is_group(path: str) -> bool:
    """Return whether *path* is TaskGroup or its decorator."""
    return _named(path, "TaskGroup", "task_group")


def is_operator(path: str) -> bool:
    """Return whether *path* is a class of operators.

    >>> is_operator("airflow.operators.bash.BashOperator"), is_operator("company.sensors.FileSensor")
    (True, True)
    """
    return _OPERATOR.fullmatch(path) is not None or _AIRFLOWS.fullmatch(path) is not None


def is_notifier(path: str) -> bool:
    """Return whether *path* is a class of notifiers of Airflow or a provider."""
    return _NOTIFIER.fullmatch(path) is not None


def is_async_callback(path: str) -> bool:
    """Return whether *path* is AsyncCallback."""
    return _named(path, "AsyncCallback")


def is_sync_callback(path: str) -> bool:
    """Return whether *path* is SyncCallback."""
    return _named(path, "SyncCallback")


def is_variable_get(path: str) -> bool:
    """Return whether *path* reads an Airflow Variable.

    >>> is_variable_get("airflow.models.Variable.get"), is_variable_get("airflow.sdk.Variable.set")
    (True, False)
    """
    return path.startswith("airflow.") and path.endswith(".Variable.get")


def ancestors(value: Value) -> list[Value]:
    """Return the class *value* and every class that it is made from, each once, in the order that Python looks at."""
    found: list[Value] = []
    seen: set[int] = set()

    def visit(one: Value) -> None:
        if id(one) in seen:
            return
        seen.add(id(one))
        if isinstance(one, Class):
            for base in reversed(one.bases):
                visit(base)
        found.append(one)

    visit(value)
    found.reverse()
    return found


def roots(value: Value) -> list[str]:
    """Return the dotted paths of the classes from outside that *value* is made from."""
    return [one.path for one in ancestors(value) if isinstance(one, External)]


def is_enum(cls: Class) -> bool:
    """Return whether the constants of *cls* become members, which are objects of it."""
    return any(path.rpartition(".")[2].endswith(("Enum", "Flag")) for path in roots(cls))


def path_of(value: Value) -> str:
    """Return the path of what *value* is, or was made by; "" when it is of the folder or unknown."""
    return value.path if isinstance(value, External | Made) else ""
