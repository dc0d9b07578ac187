"""What was met while code was followed: callbacks that are given, uses of text, variables that are read."""

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from webhook.lint.values import Arguments, Function, Module, Place, Value


class Slot(StrEnum):
    """The kind of thing that a callback is given to."""

    DAG = "DAG"
    TASK = "task"
    DEFAULT_ARGS = "default_args"
    ASYNC = "AsyncCallback"
    SYNC = "SyncCallback"


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """A callback, or what stands in place of one, where it is given."""

    slot: Slot
    parameter: str  # sla_miss_callback
    value: Value
    place: Place
    owner: str  # DAG "etl"
    module: Module
    arguments: Arguments = field(default_factory=Arguments)  # of the call, for what depends on the others
    dag: str = ""  # its id, "" where the call does not tell it
    task: str = ""  # same


class Use(msgspec.Struct, frozen=True):
    """A use of text that only an object or a list stands."""

    name: str  # of the text: task_list
    how: str
    place: Place
    through: tuple[Place, ...]  # the calls that led there
    line_of: bool = False  # whether it is a line of the text, after a split


class Misfit(msgspec.Struct, frozen=True):
    """A call that hands on what Airflow passes to a function that does not take it."""

    function: Function
    problem: str
    place: Place


class Kind(StrEnum):
    """Where a value comes from."""

    ENV = "environment variable"
    VARIABLE = "Airflow Variable"


class Lookup(msgspec.Struct, frozen=True):
    """A variable that is read, without a default."""

    kind: Kind
    name: str
    fails: bool  # whether its absence raises; else it gives None
    place: Place
    through: tuple[Place, ...] = ()
    at_import: bool = False


@dataclass(slots=True)
class Record:
    """Everything that one pass met."""

    given: list[Given] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    misfits: list[Misfit] = field(default_factory=list)
