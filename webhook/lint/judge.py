"""callback: a callback that Airflow cannot call, or that does not get what it takes.

Airflow calls back from several processes, with arguments that differ by version, and most of what goes wrong there is
only logged. Each finding says what is wrong, in which process the callback runs and what its caller passes. What the
files do not tell is never a finding.

Passes::

    def notify(dag, task_list, blocking_task_list, slas, blocking_tis):
        send(f"missed: {task_list}", [sla.task_id for sla in slas])

Fails::

    def notify(dag, task_list, blocking_task_list, slas, blocking_tis):
        send(", ".join(task.task_id for task in task_list))  # task_list is one string: its elements are characters
"""

import ast
from collections.abc import Iterator

from webhook.lint import deadline, names, shape
from webhook.lint.binding import signature
from webhook.lint.callers import SLA_ARGUMENTS, SLA_KEYS, Caller, caller
from webhook.lint.effect import without_effect
from webhook.lint.facts import Facts
from webhook.lint.finding import Also, Fault, Finding, Trouble
from webhook.lint.idle import idle, unknown_to
from webhook.lint.objects import is_empty
from webhook.lint.reading import Reading
from webhook.lint.record import Given, Misfit, Record, Slot, Use
from webhook.lint.undeclared import undeclared
from webhook.lint.values import UNKNOWN, Arguments, Function, Mapping, Nothing, Place, Value
from webhook.lint.versions import Versions
from webhook.rules.finding import Mode

_SLAS = Versions((2, 0, 0), (2, 999, 999))  # of Airflow that have SLAs
_CALLED = ast.Pass(lineno=0)  # stands for the caller's code


def judge(reading: Reading, given: Given, facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with *given*."""
    versions = facts.versions(given)
    if given.slot in (Slot.ASYNC, Slot.SYNC):
        yield from _of_deadline(reading, given, facts, versions)
        return
    if is_empty(given.value):  # Airflow asks `if callbacks` first
        return
    trouble = next(unknown_to(given, versions), None)
    if trouble is not None or given.parameter == "sla":
        if trouble is not None:
            yield _finding(given, None, trouble, _meant(given, versions))
        return
    who = caller(given.slot, given.parameter, versions)
    some = [one for one in shape.options(given.value) if not is_empty(one)]
    yield from _certain([list(_of_option(reading, given, one, facts, who)) for one in some])
    for trouble in idle(reading, given, versions):
        yield _finding(given, given.value, trouble, who)


def _meant(given: Given, versions: Versions) -> Caller | None:
    """Return who calls such a callback where it is called at all."""
    if given.parameter == "sla":
        return None
    slot = Slot.TASK if given.slot is Slot.DAG and given.parameter not in names.DAG_CALLBACKS else given.slot
    return caller(slot, given.parameter, _SLAS if given.parameter == "sla_miss_callback" else versions)


def _certain(by_option: list[list[Finding]]) -> list[Finding]:
    """Return the findings of all options, none when one option is right."""
    return [one for findings in by_option for one in findings] if all(by_option) else []


def _of_deadline(reading: Reading, given: Given, facts: Facts, versions: Versions) -> Iterator[Finding]:
    who = caller(given.slot, given.parameter, versions)
    found = list(deadline.unavailable(given, versions))
    if not found and given.slot is Slot.SYNC and not versions.until(3, 2):
        found = list(deadline.stops_scheduler(given, facts.executor))
    for trouble in found:
        yield _finding(given, given.value, trouble, who)
    if versions.until(3, 1):
        return
    wrong = [list(deadline.troubles(reading, given, one, versions)) for one in shape.options(given.value)]
    if all(wrong):
        yield from (_finding(given, given.value, trouble, who) for troubles in wrong for trouble in troubles)
    if isinstance(given.value, Function):
        record = reading.callback(given.module.scope, _CALLED, given.value, _keywords(given))
        for trouble, place in undeclared(reading, given, given.value, record, who, facts):
            yield _finding(given, given.value, trouble, who, place)


def _keywords(given: Given) -> Arguments:
    kwargs = given.arguments.keywords.get("kwargs", UNKNOWN)
    entries = dict(kwargs.entries) if isinstance(kwargs, Mapping) else {}
    return Arguments((), entries | {"context": UNKNOWN}, open=True)


def _of_option(reading: Reading, given: Given, option: Value, facts: Facts, who: Caller) -> Iterator[Finding]:
    """Yield what is wrong if *option* is given: one callback, or several."""
    for value in shape.several(given, option, facts.versions(given)):
        if isinstance(value, shape.Misfit):
            yield _finding(given, value.value, _not_callable(value.text), who)
            continue
        yield from _certain([list(_of_value(reading, given, one, facts, who)) for one in shape.options(value)])


def _of_value(reading: Reading, given: Given, value: Value, facts: Facts, who: Caller) -> Iterator[Finding]:
    if isinstance(value, Nothing):
        yield _finding(given, value, shape.called(value, "functools.partial({name}, ...) with its arguments"), who)
        return
    told = shape.misfit(value)
    if told:
        yield _finding(given, value, _not_callable(told), who)
        return
    given_arguments = Arguments(who.arguments)
    wrong = shape.problem(value, given_arguments)
    if wrong:
        fix = f"take what the caller passes: {who.passes}"
        yield _finding(given, value, (Fault.SIGNATURE, wrong, fix, Mode.ENFORCE), who, also=_where(given, value))
        return
    for trouble in without_effect(reading, given, value, facts):
        yield _finding(given, value, trouble, who)
        return
    record = _called(reading, given, value, given_arguments)
    yield from (_misuse(given, value, use, who) for use in record.uses)
    yield from (_unfit(given, value, one, who) for one in record.misfits)
    for trouble, place in undeclared(reading, given, shape.entry_point(value), record, who, facts):
        yield _finding(given, value, trouble, who, place)


def _where(given: Given, value: Value) -> tuple[Also, ...]:
    """Return where the function that *value* calls stands, if that is another file than the one that gives it."""
    function = shape.entry_point(value)
    if function is None or function.file == given.place.file:
        return ()
    return (Also(Place(function.file, function.node.lineno), f"defines {function.name}"),)


def _not_callable(text: str) -> Trouble:
    return Fault.NOT_CALLABLE, text, "give a function, or a list of functions", Mode.ENFORCE


def _called(reading: Reading, given: Given, value: Value, arguments: Arguments) -> Record:
    """Return what is met when *value* is called; it is followed once, however many DAGs of a file have it."""
    is_sla = given.parameter == "sla_miss_callback"
    key = given.module.file, is_sla, value
    if key in reading.followed:
        return reading.followed[key]
    if shape.is_notifier(value):
        keys = dict(zip(SLA_KEYS, SLA_ARGUMENTS, strict=True)) if is_sla else {}
        arguments = Arguments((Mapping(keys, open=True),))
        value = shape.entry_point(value) or value
    reading.followed[key] = reading.callback(given.module.scope, _CALLED, value, arguments)
    return reading.followed[key]


def _unfit(given: Given, value: Value, misfit: Misfit, who: Caller) -> Finding:
    """Return that the callback hands on what it gets to a function that does not take it."""
    name = misfit.function.name
    text = f"hands on what it gets to {name}{signature(misfit.function)}, which {misfit.problem}"
    fix = f"call {name} with what it takes; the caller passes {who.passes}"
    also = (Also(misfit.place, f"calls {name}"),)
    return _finding(given, value, (Fault.SIGNATURE, text, fix, Mode.ENFORCE), who, also=also)


def _misuse(given: Given, value: Value, use: Use, who: Caller) -> Finding:
    position = {"task_list": "second", "blocking_task_list": "third"}[use.name]
    if use.line_of:
        text = f"{use.how} a line of {use.name}, and a line is a string: 'task_id on date'"
    else:
        text = (
            f"{use.how} {use.name}, the {position} argument, which is one string (lines 'task_id on date'), no list:"
            " its elements are characters, without attributes"
        )
    fix = (
        f"use it as text, or its lines: {use.name}.splitlines(); objects are in the fourth argument"
        " (SlaMiss: task_id, execution_date) and the fifth (TaskInstance)"
    )
    through = tuple(Also(place, "called from here") for place in use.through if place.line)
    return _finding(given, value, (Fault.TEXT, text, fix, Mode.ENFORCE), who, use.place, through)


def _finding(  # noqa: PLR0913, PLR0917 - the parts of a finding
    given: Given,
    value: Value | None,
    trouble: Trouble,
    who: Caller | None,
    place: Place | None = None,
    also: tuple[Also, ...] = (),
) -> Finding:
    fault, text, fix, mode = trouble
    name = shape.title(value) if value is not None else ""
    what = f"{given.parameter} of {given.owner}" if given.slot not in (Slot.ASYNC, Slot.SYNC) else str(given.slot)
    at = given.place if place is None else place
    where = () if at == given.place else (Also(given.place, f"given as {what}"),)
    return Finding(
        fault=fault,
        place=at,
        given=given.place,
        what=what,
        callback=name,
        text=text,
        fix=fix,
        origin=_origin(fault, value, given),
        process=who.process if who is not None else "",
        passes=who.passes if who is not None else "",
        failure=who.failure if who is not None else "",
        mode=mode,
        also=(*where, *also),
        dags=frozenset({given.dag} if given.dag else ()),
        tasks=frozenset({given.task}),
    )


def _origin(fault: Fault, value: Value | None, given: Given) -> str:
    """Return what has to be mended: the function, or the place that gives it."""
    function = shape.entry_point(value) if value is not None and fault in _OF_FUNCTION else None
    if function is None or function.name == "<lambda>":
        return str(given.place)
    return f"{function.file}:{function.qualified}"


_OF_FUNCTION = frozenset({
    Fault.TEXT, Fault.SIGNATURE, Fault.NOT_ASYNC, Fault.NOT_IMPORTABLE, Fault.UNDECLARED_ENV, Fault.UNDECLARED_VARIABLE,
})  # fmt: skip
