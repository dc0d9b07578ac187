"""Where callbacks are given: to DAGs, tasks, default_args, and to the callbacks of deadlines."""

from collections.abc import Iterator

from webhook.lint import names
from webhook.lint.record import Given, Slot
from webhook.lint.state import constant
from webhook.lint.values import UNKNOWN, Arguments, Mapping, Module, Place, Value

_IDS = {Slot.DAG: "dag_id", Slot.TASK: "task_id"}
_NOUNS = {Slot.DAG: "DAG", Slot.TASK: "task"}


def sites(path: str, given: Arguments, module: Module, place: Place) -> Iterator[Given]:
    """Yield the callbacks that the external *path* gets with *given* at *place*."""
    if names.is_async_callback(path) or names.is_sync_callback(path):
        slot = Slot.ASYNC if names.is_async_callback(path) else Slot.SYNC
        value = given.positional[0] if given.positional else given.keywords.get("callback_callable", UNKNOWN)
        yield Given(slot, "callback_callable", value, place, f"{slot}(...)", module, given)
        return
    if names.is_dag(path):
        yield from _keywords(Slot.DAG, given, module, place)
        yield from _default_args(given, module, place, identity(Slot.DAG, given))
        return
    if names.is_task(path) or names.is_operator(path):
        yield from _keywords(Slot.TASK, given, module, place)
    elif not names.is_group(path):
        return
    yield from _default_args(given, module, place)


def attribute_site(path: str, name: str, value: Value, module: Module, place: Place) -> Iterator[Given]:
    """Yield the callback that `name` of something that *path* made is set to."""
    slot = Slot.DAG if names.is_dag(path) else Slot.TASK if names.is_operator(path) or names.is_task(path) else None
    if slot is not None and name in names.CALLBACKS:
        yield Given(slot, name, value, place, str(slot), module, Arguments(open=True))


def _keywords(slot: Slot, given: Arguments, module: Module, place: Place) -> Iterator[Given]:
    own = identity(slot, given)
    owner = f"{_NOUNS[slot]} '{own}'" if own else _NOUNS[slot]
    dag, task = (own, "") if slot is Slot.DAG else ("", own)
    for name, value in given.keywords.items():
        if name in names.CALLBACKS or name == "sla":
            yield Given(slot, name, value, given.places.get(name, place), owner, module, given, dag, task)


def _default_args(given: Arguments, module: Module, place: Place, dag: str = "") -> Iterator[Given]:
    args = given.keywords.get("default_args", UNKNOWN)
    if not isinstance(args, Mapping):
        return
    for name, value in args.entries.items():
        if name in names.CALLBACKS or name == "sla":
            at = args.places.get(name, place)
            yield Given(Slot.DEFAULT_ARGS, name, value, at, "default_args", module, given, dag)


def identity(slot: Slot, given: Arguments) -> str:
    """Return the id of the DAG or task that a call with *given* makes, "" where it does not tell it."""
    value = given.keywords.get(_IDS[slot], given.positional[0] if given.positional and slot is Slot.DAG else UNKNOWN)
    text = constant(value)
    return text if isinstance(text, str) else ""
