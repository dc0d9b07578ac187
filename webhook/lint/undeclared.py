"""Variables that a callback reads, and that its process does not have as far as anybody declares them."""

from collections.abc import Iterator

from webhook.lint.callers import Caller
from webhook.lint.facts import Facts
from webhook.lint.finding import Fault, Trouble
from webhook.lint.reading import Reading
from webhook.lint.record import Given, Kind, Lookup, Record
from webhook.lint.values import Function, Place
from webhook.pods.airflow import Component
from webhook.rules.finding import Mode

_OF_TASKS = "AIRFLOW_CTX_"  # what Airflow sets in the process of each task, and nowhere else (apache/airflow#56756)

_FILL = frozenset({"dotenv", "environs"})  # packages that put what a file says into the environment


def undeclared(  # noqa: PLR0913, PLR0917 - who reads what, and what is known
    reading: Reading, given: Given, function: Function | None, record: Record, who: Caller, facts: Facts
) -> Iterator[tuple[Trouble, Place]]:
    """Yield what the callback *function* reads, as *record* has it or whenever its files are imported, and has not."""
    if facts.environment is None and facts.variables is None:
        return
    files = reading.imports_of({given.module.file} | ({function.file} if function is not None else set()))
    filled = any(path.partition(".")[0] in _FILL for file in files for path in reading.modules[file].imported)
    components = _components(who, facts)
    for lookup in (*record.lookups, *reading.read_on_import(files)):
        if filled and lookup.kind is Kind.ENV:
            continue
        trouble = _environment(lookup, facts, components) if lookup.kind is Kind.ENV else _variable(lookup, facts)
        if trouble is not None:
            yield trouble, lookup.place


def _components(who: Caller, facts: Facts) -> tuple[Component, ...]:
    """Return where the callback may run: with the LocalExecutor tasks are children of the scheduler."""
    if Component.WORKER in who.components and "LocalExecutor" in facts.executor:
        return (*who.components, Component.SCHEDULER)
    return who.components


def _environment(lookup: Lookup, facts: Facts, components: tuple[Component, ...]) -> Trouble | None:
    if Component.TASK in components and lookup.name.startswith(_OF_TASKS):
        return None
    missing = facts.environment.missing(lookup.name, components) if facts.environment is not None else None
    if missing is None:
        return None
    effect = "KeyError" if lookup.fails else "None"
    text = f"reads the environment variable {lookup.name}, which {missing.words}: {effect} {_when(lookup)}"
    fix = f"declare {lookup.name} for {' and '.join(missing.components)}, in the chart or the required-env manifest"
    return Fault.UNDECLARED_ENV, text, fix, missing.mode if lookup.fails else Mode.WARN


def _variable(lookup: Lookup, facts: Facts) -> Trouble | None:
    if facts.variables is None or lookup.name in facts.variables:
        return None
    if facts.environment is not None and facts.environment.declares(f"AIRFLOW_VAR_{lookup.name.upper()}"):
        return None
    text = f"reads the Airflow Variable {lookup.name!r}, which does not exist: KeyError {_when(lookup)}"
    return Fault.UNDECLARED_VARIABLE, text, "create it, or give Variable.get a default", Mode.ENFORCE


def _when(lookup: Lookup) -> str:
    return "whenever the file is imported" if lookup.at_import else "there"
