"""Callbacks of deadlines: found again by their import path, called with keywords, AsyncCallback's awaited."""

import ast
import re
from collections.abc import Iterator

from webhook.lint import names
from webhook.lint.binding import BindError, bind
from webhook.lint.finding import Fault, Trouble
from webhook.lint.objects import find_member
from webhook.lint.reading import Reading
from webhook.lint.record import Given, Slot
from webhook.lint.shape import called, entry_point, misfit, title
from webhook.lint.state import constant
from webhook.lint.values import (
    UNKNOWN,
    Arguments,
    Class,
    Constant,
    External,
    File,
    Function,
    Instance,
    Mapping,
    Nothing,
    Partial,
    Value,
)
from webhook.lint.versions import Versions
from webhook.rules.finding import Mode

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_NO_CALLBACKS = ("KubernetesExecutor",)


def unavailable(given: Given, versions: Versions) -> Iterator[Trouble]:
    """Yield what *versions* say of the class itself."""
    if versions.until(3, 1):
        text = f"{given.slot} is there from Airflow 3.1 on: the file cannot be imported"
        yield Fault.REMOVED, text, "use sla_miss_callback or on_failure_callback here, or upgrade", Mode.ENFORCE
    elif given.slot is Slot.SYNC and versions.until(3, 2):
        text = "a deadline takes SyncCallback from Airflow 3.2 on; 3.1 raises ValueError while the file is read"
        yield Fault.REMOVED, text, "use AsyncCallback with a coroutine function of the plugins folder", Mode.ENFORCE


def stops_scheduler(given: Given, executor: str) -> Iterator[Trouble]:
    """Yield what *executor* cannot do for a SyncCallback."""
    arguments = given.arguments
    own = arguments.keywords.get("executor", next(iter(arguments.positional[2:]), None))
    named = constant(own) if own is not None else None
    if own is not None and not isinstance(named, str) and own != Constant(None):
        return
    # The first of several executors is the default; alias:package.Class is a way to write one.
    chosen = (named or executor.split(",", maxsplit=1)[0]).strip().rpartition(":")[2].rpartition(".")[2]
    if chosen in _NO_CALLBACKS:
        text = (
            f"{chosen} cannot run a SyncCallback: when the deadline passes, the scheduler ends with"
            " NotImplementedError, and again at every start, so that this one DAG stops all"
        )
        fix = "use AsyncCallback, or name an executor that can: SyncCallback(..., executor='LocalExecutor')"
        yield Fault.EXECUTOR_CANNOT, text, fix, Mode.ENFORCE


def troubles(reading: Reading, given: Given, value: Value, versions: Versions) -> Iterator[Trouble]:
    """Yield what is wrong with *value* as the callable of an AsyncCallback or a SyncCallback."""
    if isinstance(value, Constant) and isinstance(value.value, str):
        yield from _of_path(reading, given, value.value.strip(), versions)
        return
    if isinstance(value, Nothing):
        yield called(value, "the arguments as kwargs")
        return
    told = misfit(value)
    if told:
        yield Fault.NOT_CALLABLE, told, "give the function itself, or its import path as a string", Mode.ENFORCE
        return
    yield from _of_value(reading, given, value, versions)


def _of_path(reading: Reading, given: Given, path: str, versions: Versions) -> Iterator[Trouble]:
    if not _DOTTED.fullmatch(path):
        text = f"{path!r} names no module, so that no process can import it"
        if not path.isidentifier():
            text = f"{path!r} is no dotted path, which raises ImportError while the file is read"
        yield Fault.NOT_IMPORTABLE, text, "write package.module.function", Mode.ENFORCE
        return
    module, _, name = path.rpartition(".")
    file = reading.folder.find(module, given.module.file)
    loaded = reading.load(file) if file is not None else None
    if loaded is None:
        return
    value = reading.member(File(loaded), name)
    if value == UNKNOWN:
        return
    yield from _of_value(reading, given, value, versions)


def _of_value(reading: Reading, given: Given, value: Value, versions: Versions) -> Iterator[Trouble]:
    is_async = given.slot is Slot.ASYNC
    if is_async and _is_sync(value):
        text = f"{title(value)} is no coroutine function, which raises AttributeError while the file is read"
        yield Fault.NOT_ASYNC, text, "write async def, or use SyncCallback (Airflow 3.2 or later)", Mode.ENFORCE
        return
    if is_async and isinstance(value, Class) and _lacks_notify(value):
        text = f"{title(value)} has no async_notify, which the triggerer calls"
        yield Fault.NOT_ASYNC, text, "add async def async_notify(self, context)", Mode.ENFORCE
    yield from _imported(reading, given, value)
    wrong = _keywords(given, value, versions)
    if wrong:
        yield Fault.SIGNATURE, wrong, "take the keywords of kwargs, and context or **kwargs", Mode.ENFORCE


def _imported(reading: Reading, given: Given, value: Value) -> Iterator[Trouble]:
    """Yield why the process that runs *value* will not find it by its path."""
    fix = "move it to the top of a module in the plugins folder, or of an installed package"
    if isinstance(value, Instance | Partial):
        kind = "a functools.partial" if isinstance(value, Partial) else f"an object of {title(value)}"
        text = f"is {kind}, which has no import path: AttributeError while the file is read"
        yield Fault.NOT_IMPORTABLE, text, "give a function, and its arguments as kwargs", Mode.ENFORCE
        return
    if not isinstance(value, Function | Class):
        return
    if "." in value.qualified or value.qualified == "<lambda>":
        text = f"{title(value)} is not at the top of its module, so that no process can import it by its path"
        yield Fault.NOT_IMPORTABLE, text, fix, Mode.ENFORCE
        return
    file = value.scope.module.file
    if given.slot is Slot.ASYNC and not reading.folder.is_plugin(file):
        is_dag = file == given.module.file
        where = "the DAG file" if is_dag else f"the DAG folder ({file})"
        text = f"{title(value)} stands in {where}, which the triggerer has not on its path: the import fails there"
        yield Fault.NOT_IMPORTABLE, text, fix, Mode.ENFORCE if is_dag else Mode.WARN


def _is_sync(value: Value) -> bool:
    """Return whether *value* is certainly neither a coroutine function nor awaitable."""
    if isinstance(value, External):
        return value.path in ("builtins.print", "builtins.len")
    if isinstance(value, Class):
        bases = [one for one in names.ancestors(value) if not isinstance(one, Class)]
        whole = all(isinstance(one, External) and one.path == "builtins.object" for one in bases)
        return whole and not value.opaque and find_member(value, "__await__") == UNKNOWN
    if isinstance(value, Instance):
        return False
    function = entry_point(value)
    return function is not None and not isinstance(function.node, ast.AsyncFunctionDef)


def _lacks_notify(cls: Class) -> bool:
    bases = names.roots(cls)
    return (
        bool(bases)
        and all(path.endswith(".BaseNotifier") for path in bases)
        and find_member(cls, "async_notify") == UNKNOWN
    )


def _keywords(given: Given, value: Value, versions: Versions) -> str:
    """Return how the keywords that the caller passes do not fit *value*."""
    arguments = given.arguments
    kwargs = arguments.keywords.get("kwargs", next(iter(arguments.positional[1:]), None))
    keywords: dict[str, Value] = {}
    if isinstance(kwargs, Mapping):
        if "context" in kwargs.entries:
            return "kwargs has the key 'context', which Airflow keeps for itself: ValueError while the file is read"
        keywords = dict(kwargs.entries)
    unsure = arguments.open or (isinstance(kwargs, Mapping) and kwargs.open)
    if unsure or (kwargs is not None and not isinstance(kwargs, Mapping) and kwargs != Constant(None)):
        return ""
    function = value if isinstance(value, Function) else None
    if function is None:
        return ""
    spec = function.node.args
    takes = spec.kwarg is not None or any(one.arg == "context" for one in (*spec.args, *spec.kwonlyargs))
    if takes or versions.until(3, 2):
        keywords["context"] = UNKNOWN
    try:
        bind(function, Arguments((), keywords))
    except BindError as error:
        return f"{function.name} {error}"
    return ""
