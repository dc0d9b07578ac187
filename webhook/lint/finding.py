"""What lint says: a finding, with all that a reader needs to believe and to mend it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import msgspec
from msgspec.structs import replace

from webhook.lint.values import Place
from webhook.rules.finding import Mode

RULE = "callback"


class Fault(StrEnum):
    """The kinds of the rule."""

    TEXT = "text"  # a string is taken for a list of objects
    SIGNATURE = "signature"  # the caller's arguments do not fit
    NOT_CALLABLE = "not-callable"
    CALLED = "called"  # a call stands where the function belongs
    NOT_ASYNC = "not-async"
    NOT_IMPORTABLE = "not-importable"
    REMOVED = "removed"  # this version of Airflow does not have it
    NEVER_CALLED = "never-called"
    UNDECLARED_ENV = "undeclared-env"
    UNDECLARED_VARIABLE = "undeclared-variable"
    EXECUTOR_CANNOT = "executor-cannot"


Trouble = tuple[Fault, str, str, Mode]  # the kind, what is wrong, what to do, and how sure that is


@dataclass(frozen=True, slots=True, order=True)
class Also:
    """Another place that has to do with a finding."""

    place: Place
    text: str


class Finding(msgspec.Struct, frozen=True):
    """One fault of one callback, with every place that shows it."""

    fault: Fault
    place: Place  # of the code that is wrong; the first, where there are several
    given: Place  # of the argument that gives the callback
    what: str  # sla_miss_callback of DAG 'etl'
    callback: str  # its name, "" when it has none
    text: str  # what is wrong
    fix: str
    origin: str  # what has to be mended: the function, or the place that gives it
    process: str = ""  # where the callback runs
    passes: str = ""  # what its caller passes
    failure: str = ""  # what an exception does there
    mode: Mode = Mode.ENFORCE
    also: tuple[Also, ...] = ()  # other places that have to do with it
    more: tuple[Place, ...] = ()  # the places behind the first
    dags: frozenset[str] = frozenset()  # ids of the DAGs that it can concern; "" for any
    tasks: frozenset[str] = frozenset()  # same, of tasks

    @property
    def places(self) -> tuple[Place, ...]:
        """Where the fault is, each place once."""
        return (self.place, *self.more)

    @property
    def sentence(self) -> str:
        """All of it in one line, but the fix."""
        name = f": {self.callback}" if self.callback else ""
        told = f"{self.fault}: {self.what}{name}: {self.text}"
        if not self.process:
            return told
        who = _IDLE.get(self.fault, "The callback runs")
        return f"{told}. {who} in {self.process}, called with {self.passes}; {self.failure}"

    @property
    def key(self) -> tuple[str, ...]:
        """What findings have in common that have one cause."""
        return self.fault, self.origin, self.text, self.fix, self.mode

    @property
    def fingerprint(self) -> tuple[str, ...]:
        """What stays the same while lines move."""
        return RULE, self.fault, self.place.file, self.what, self.callback, _NUMBER.sub("", self.text)


def merged(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield one finding for each cause, with the places of all, in the order of their first places."""
    by_key: dict[tuple[str, ...], list[Finding]] = {}
    for one in sorted(findings, key=lambda one: (one.place, one.fault, one.text, one.given)):
        by_key.setdefault(one.key, []).append(one)
    for ones in by_key.values():
        places = sorted({one.place for one in ones})
        also = tuple(sorted({also for one in ones for also in one.also if also.place not in places}))
        dags, tasks = (
            frozenset[str]().union(*ids) for ids in zip(*((one.dags, one.tasks) for one in ones), strict=True)
        )
        yield replace(ones[0], place=places[0], more=tuple(places[1:]), also=also, dags=dags, tasks=tasks)


_IDLE = {Fault.CALLED: "It would run", Fault.NEVER_CALLED: "It would run", Fault.REMOVED: "Where it is there, it runs"}
_NUMBER = re.compile(r"(?<=:)\d+")
