"""What an expression may be, as far as a file tells: the values that reading a DAG file computes with.

`UNKNOWN` is the answer to everything that cannot be told, and nothing that follows from it is ever a finding.
"""

import ast
from dataclasses import dataclass, field
from typing import Any, Union

import msgspec

MANY = 1000  # items of a list, or keys of a dict, that are told apart
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Unknown(msgspec.Struct, frozen=True):
    """Something that the files do not tell."""


class Constant(msgspec.Struct, frozen=True):
    """A literal: a string, a number, None, ..."""

    value: Any


class Text(msgspec.Struct, frozen=True):
    """A string that Airflow passes where its name promises a list."""

    name: str  # of what Airflow passes: task_list


class Word(msgspec.Struct, frozen=True):
    """A string that was made from a Text: a line of it, or one of its characters."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """A list, tuple or set: its known items, and what any further ones are (None: there are none)."""

    kind: str
    items: tuple["Value", ...] = ()
    rest: Union["Value", None] = None

    def __post_init__(self) -> None:
        """Forget which items there are when there are many: a list that is added to itself doubles each time."""
        if len(self.items) > MANY:
            object.__setattr__(self, "rest", join(list(self.all)))
            object.__setattr__(self, "items", ())

    def loosen(self, items: tuple["Value", ...] = ()) -> None:
        """Forget all but *items*: code that holds this same list by another name has changed it."""
        object.__setattr__(self, "rest", UNKNOWN)
        object.__setattr__(self, "items", items)

    @property
    def all(self) -> tuple["Value", ...]:
        """What an item may be."""
        return self.items if self.rest is None else (*self.items, self.rest)


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A line of a file."""

    file: str
    line: int  # 0: the file as a whole

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A dict: the values of its known keys and where they are written, and whether it may have others."""

    entries: dict[str, "Value"] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    open: bool = False

    def loosen(self, key: str | None, value: "Value") -> None:
        """Let *key* (None: any) mean *value* as well: code that holds this same dict by another name has set it."""
        for one in list(self.entries) if key is None else {key} & self.entries.keys():
            self.entries[one] = join([self.entries[one], value])
        if key not in self.entries:
            object.__setattr__(self, "open", True)

    def merged(self, other: "Mapping") -> "Mapping":
        """Return this dict after an update with *other*."""
        if len(self.entries) > MANY:
            return Mapping(dict(other.entries), dict(other.places), open=True)
        return Mapping(self.entries | other.entries, self.places | other.places, self.open or other.open)


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A function or lambda of a file in the folder."""

    node: FunctionNode
    scope: "Scope"  # in which it was defined
    name: str
    qualified: str  # as Python calls it: Alerts.notify, outer.<locals>.notify
    bound: tuple["Value", ...] = ()  # what stands before the caller's arguments: self or cls
    wraps: Union["Function", None] = None  # what functools.wraps says
    flag: str = ""  # staticmethod, classmethod or property: how a class hands it out

    @property
    def file(self) -> str:
        """The file in which it stands."""
        return self.scope.module.file


@dataclass(frozen=True, slots=True, eq=False)
class Class:
    """A class of a file in the folder."""

    node: ast.ClassDef
    scope: "Scope"
    qualified: str
    bases: tuple["Value", ...]
    members: dict[str, "Value"]
    opaque: bool = False  # whether a decorator may have made something else of it


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """An object of a class in the folder."""

    of: Class
    attributes: dict[str, "Value"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Partial:
    """What functools.partial makes."""

    function: "Value"
    args: tuple["Value", ...]
    keywords: dict[str, "Value"]
    open: bool = False  # whether there may be arguments that cannot be told


class External(msgspec.Struct, frozen=True):
    """Something that is imported from outside of the folder, by its dotted path."""

    path: str


class Made(msgspec.Struct, frozen=True):
    """What a call of something external returned."""

    path: str
    arguments: "Arguments"


@dataclass(frozen=True, slots=True, eq=False)
class File:
    """A module of the folder."""

    module: "Module"


class Nothing(msgspec.Struct, frozen=True):
    """The None that a call of *function* returned; or the TypeError that it raised, in words."""

    function: str
    problem: str = ""
    is_coroutine: bool = False  # whether it is no None, but a coroutine that nobody has awaited


class Method(msgspec.Struct, frozen=True):
    """A method of a built-in value, or of something external: `text.split`, `dag.partial`."""

    owner: "Value"
    name: str


class Either(msgspec.Struct, frozen=True):
    """One of several, by a condition that the file does not decide."""

    options: tuple["Value", ...]


Value = (
    Unknown | Constant | Text | Word | Items | Mapping | Function | Class | Instance | Partial | External | Made | File
    | Nothing | Method | Either
)  # fmt: skip

UNKNOWN = Unknown()
NONE = Constant(None)


@dataclass(frozen=True, slots=True, eq=False)
class Arguments:
    """The arguments of a call."""

    positional: tuple[Value, ...] = ()
    keywords: dict[str, Value] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)  # of the keywords
    open: bool = False  # whether there may be more: a * or ** of something unknown


@dataclass(slots=True, eq=False)
class Module:
    """A file of the folder, and the names that it defines at its top."""

    file: str
    scope: "Scope" = field(init=False)
    certain: frozenset[str] = frozenset()  # dotted paths of what it imports under no condition
    imported: set[str] = field(default_factory=set)  # dotted paths of what it imports from outside
    star: str = ""  # the module of Airflow that it imports everything from
    uses: set[str] = field(default_factory=set)  # files of the folder that it imports
    dags: set[str] = field(default_factory=set)  # ids of the DAGs that its code makes; "" for one that is not told
    dynamic: bool = False  # whether some call takes keywords that cannot be told

    def __post_init__(self) -> None:
        self.scope = Scope(self, None, "")


@dataclass(slots=True, eq=False)
class Scope:
    """The names of a module, class or function while it is read."""

    module: Module
    parent: Union["Scope", None]
    path: str  # before the names of functions that are defined here: "outer.<locals>."
    names: dict[str, Value] = field(default_factory=dict)
    is_class: bool = False
    outer: frozenset[str] = frozenset()  # names that `global` or `nonlocal` give to a scope further out


def join(values: list[Value]) -> Value:
    """Return what is one of *values*; UNKNOWN when that says nothing."""
    options: list[Value] = []
    for value in values:
        for one in value.options if isinstance(value, Either) else (value,):
            if one not in options:
                options.append(one)
        if len(options) > _MOST:  # to compare each of many with each other takes the square of their number
            return UNKNOWN
    if len(options) == 1:
        return options[0]
    return Either(tuple(options)) if options and len(options) <= _MOST else UNKNOWN


_MOST = 8
