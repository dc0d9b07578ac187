"""What stands where a callback belongs: several, one that can be called, or something else."""

from collections.abc import Iterator

import msgspec

from webhook.lint import names
from webhook.lint.binding import BindError, bind, prepend, signature
from webhook.lint.finding import Fault, Trouble
from webhook.lint.objects import bound, find_member
from webhook.lint.record import Given, Slot
from webhook.lint.values import (
    NONE,
    UNKNOWN,
    Arguments,
    Class,
    Constant,
    Either,
    External,
    File,
    Function,
    Instance,
    Items,
    Made,
    Mapping,
    Nothing,
    Partial,
    Value,
)
from webhook.lint.versions import Versions
from webhook.rules.finding import Mode

_TASKS = (Slot.TASK, Slot.DEFAULT_ARGS)
_LONGEST = 40


class Misfit(msgspec.Struct, frozen=True):
    """A value that nobody can call, in words."""

    value: Value
    text: str


def several(given: Given, value: Value, versions: Versions) -> Iterator[Value | Misfit]:
    """Yield each callback that *given* gives if it is *value*, or why it gives none."""
    collects = given.slot in _TASKS and versions.since(3)
    if isinstance(value, Items) and value.kind == "list":
        yield from value.all
    elif isinstance(value, Items) and given.slot in _TASKS and not versions.until(3):
        yield from value.all if collects else ()
    elif isinstance(value, Constant) and isinstance(value.value, str) and collects:
        if value.value:
            yield Misfit(
                value, f"is the string {_short(value)}, and Airflow 3 takes each of its characters for a callback"
            )
    else:
        yield value


def misfit(value: Value) -> str:
    """Return what *value* is if it cannot be called, else ""."""
    if isinstance(value, Items):
        return f"is a {value.kind}, which is called like a function; only a list is several callbacks"
    if isinstance(value, Instance) and is_whole(value.of) and find_member(value.of, "__call__") == UNKNOWN:
        return f"is an object of {value.of.node.name}, which has no __call__"
    noun = _noun(value)
    return f"is {noun}, which cannot be called" if noun else ""


def problem(value: Value, arguments: Arguments) -> str:
    """Return what is wrong with calling *value* with *arguments*, "" when it fits or cannot be told."""
    if isinstance(value, Partial):
        first = Arguments(value.args, value.keywords, {}, open=value.open)
        return "" if value.open else problem(value.function, prepend(first, arguments))
    function = entry_point(value)
    if isinstance(value, Class) and function is None and is_whole(value) and not value.node.decorator_list:
        return f"the class {value.node.name} takes no arguments" if arguments.positional or arguments.keywords else ""
    if function is None:
        return ""
    if is_notifier(value):
        arguments = Arguments((Mapping(open=True),))
    try:
        bind(function, arguments)
    except BindError as error:
        return f"{function.name}{signature(function)} {error}"
    return ""


def entry_point(value: Value) -> Function | None:
    """Return the function of the folder that runs when *value* is called; None when that cannot be told."""
    if isinstance(value, Function):
        return value
    if isinstance(value, Partial):
        return entry_point(value.function)
    if isinstance(value, Class):
        if value.node.keywords or find_member(value, "__new__") != UNKNOWN:
            return None
        found = find_member(value, "__init__")
        return bound(found, Instance(value)) if isinstance(found, Function) and not value.opaque else None
    if isinstance(value, Instance):
        found = find_member(value.of, "__call__")
        if found == UNKNOWN and is_notifier(value):
            found = find_member(value.of, "notify")
        return bound(found, value) if isinstance(found, Function) else None
    return None


def is_notifier(value: Value) -> bool:
    """Return whether *value* is an object whose `__call__` is that of Airflow's BaseNotifier."""
    return (
        isinstance(value, Instance)
        and find_member(value.of, "__call__") == UNKNOWN
        and any(names.is_notifier(path) for path in names.roots(value.of))
    )


def is_whole(cls: Class) -> bool:
    """Return whether *cls* has no base that stands outside of the folder."""
    bases = [one for one in names.ancestors(cls) if not isinstance(one, Class)]
    if cls.node.keywords or find_member(cls, "__new__") != UNKNOWN:  # a metaclass, or another way to make objects
        return False
    return not cls.opaque and all(isinstance(one, External) and one.path == "builtins.object" for one in bases)


def title(value: Value) -> str:
    """Return the name of *value*, "" when it has none."""
    if isinstance(value, Function):
        return "a lambda" if value.name == "<lambda>" else value.qualified
    if isinstance(value, Partial):
        return title(value.function)
    if isinstance(value, Class):
        return value.qualified
    if isinstance(value, Instance):
        return value.of.qualified
    return value.path.rpartition(".")[2] if isinstance(value, External) else ""


def options(value: Value) -> tuple[Value, ...]:
    """Return what *value* may be; that there may be no callback makes no other one right."""
    return tuple(one for one in value.options if one != NONE) if isinstance(value, Either) else (value,)


def called(value: Nothing, otherwise: str) -> Trouble:
    """Return what is wrong with a call in place of a function; *otherwise* says how to give it arguments."""
    name = value.function
    text = f"{name} is called while the file is read, "
    if value.problem:
        text += f"which raises TypeError: {name} {value.problem}"
    elif value.is_coroutine:
        text += "which only makes a coroutine: that is given, and nobody can call it"
    else:
        text += "and the None that it returns is given: nobody calls it later"
    return Fault.CALLED, text, f"give the function itself ({name}), or {otherwise.format(name=name)}", Mode.ENFORCE


def _noun(value: Value) -> str:
    """Return what *value* is, if it is nothing that anybody can call."""
    if isinstance(value, Constant):
        noun = "string" if isinstance(value.value, str) else type(value.value).__name__
        return f"the {noun} {_short(value)}"
    if isinstance(value, Mapping):
        return "a dict"
    if isinstance(value, File):
        return f"the module {value.module.file}"
    return "a string" if isinstance(value, Made) and value.path == "builtins.str" else ""


def _short(value: Constant) -> str:
    text = repr(value.value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...{text[0]}"
