"""What following code keeps: scopes, the stack of calls, how much may still be followed, and what was met."""

import ast
import builtins
from typing import Any

from webhook.lint.folder import Folder
from webhook.lint.record import Kind, Lookup, Record, Use
from webhook.lint.values import (
    UNKNOWN,
    Either,
    External,
    Function,
    FunctionNode,
    Mapping,
    Module,
    Place,
    Scope,
    Text,
    Value,
    Word,
)

STEPS = 200_000  # expressions of one file, calls followed each time
DEPTH = 24  # calls within calls
_BUILTINS = frozenset(dir(builtins))


class ExhaustedError(Exception):
    """More code than can be followed."""


class State:
    """The scopes and the stack of one reading of a folder."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.modules: dict[str, Module] = {}
        self.packages: dict[str, str] = {}  # dotted names of `import a.b`, and their files
        self.record = Record()
        self.steps = STEPS
        self.defined: list[Function] = []
        self.called: set[FunctionNode] = set()
        self.stack: list[FunctionNode] = []
        self.trail: list[Place] = []  # where each call of the stack stands
        self.passed: list[Value] = []  # by Airflow, to the callback that is being followed
        self.tested: set[str] = set()  # texts that the code asks for their type
        self.foreseen: set[str] = set()  # variables whose absence the code is ready for
        self.provided: set[str] = set()  # variables that the code sets itself
        self.muted = 0  # > 0: within a try that catches what a wrong use raises
        self.guarded = 0  # > 0: within a test or an `or`, where absence is foreseen
        self.imports: list[str] = []  # files whose top level is being followed, innermost last
        self.on_import: dict[str, list[Lookup]] = {}  # what is read whenever the file is imported

    def place(self, scope: Scope, node: ast.AST) -> Place:
        """Return where *node* stands."""
        return Place(scope.module.file, getattr(node, "lineno", 0))

    def tick(self, steps: int = 1) -> None:
        """Count *steps*; raises ExhaustedError when there were too many."""
        self.steps -= steps
        if self.steps < 0:
            raise ExhaustedError

    def lookup(self, scope: Scope, name: str) -> Value:
        """Return what *name* means in *scope*."""
        at: Scope | None = scope
        while at is not None:
            if name in at.names and (at is scope or not at.is_class):
                return at.names[name]
            at = at.parent
        if name in _BUILTINS:
            return External(f"builtins.{name}")
        star = scope.module.star
        return External(f"{star}.{name}") if star and not name.startswith("_") else UNKNOWN

    def bind(self, scope: Scope, name: str, value: Value) -> None:
        """Let *name* mean *value* in *scope*, or further out where it was declared so."""
        at = scope
        if name in scope.outer:
            outer = scope.parent
            while outer is not None and outer.parent is not None and name not in outer.names:
                outer = outer.parent
            at = outer or scope
        at.names[name] = value

    def texts(self, value: Value) -> Text | Word | None:
        """Return the text that *value* is for certain."""
        options = value.options if isinstance(value, Either) else (value,)
        first = options[0]
        if isinstance(first, Text | Word) and all(isinstance(one, Text | Word) for one in options):
            return first
        return None

    def misuse(self, scope: Scope, node: ast.AST, text: Text | Word, how: str) -> Value:
        """Take note that *text* is used as what it is not."""
        if not self.muted and text.name not in self.tested:
            use = Use(text.name, how, self.place(scope, node), tuple(self.trail), isinstance(text, Word))
            self.record.uses.append(use)
        return UNKNOWN

    def read(self, scope: Scope, node: ast.AST, kind: Kind, name: str, *, fails: bool) -> None:
        """Take note that a variable is read without a default, unless the code is ready for its absence."""
        if self.guarded:
            self.foreseen.add(name)
        if name in self.foreseen or name in self.provided or (self.muted and fails):
            return
        lookup = Lookup(kind, name, fails, self.place(scope, node), tuple(self.trail), at_import=bool(self.imports))
        met = self.on_import.setdefault(self.imports[-1], []) if self.imports else self.record.lookups
        met.append(lookup)

    def foresee(self, name: str) -> None:
        """Take note that the code is ready for the absence of the environment variable *name*, which it has read."""
        self.foreseen.add(name)
        for met in (self.record.lookups, *self.on_import.values()):
            met[:] = [one for one in met if one.fails or one.kind is not Kind.ENV or one.name != name]

    def untaint(self, value: Value) -> None:
        """Take note that the code asks what *value* is."""
        text = self.texts(value)
        if text is not None:
            self.tested.add(text.name)

    # What the classes that build on this one add.

    def evaluate(self, scope: Scope, node: ast.AST) -> Value:
        """Return what the expression *node* is in *scope*."""
        raise NotImplementedError

    def run(self, scope: Scope, body: list[ast.stmt]) -> bool:
        """Follow *body*; return whether what stands behind it is reached."""
        raise NotImplementedError

    def load(self, file: str) -> Module | None:
        """Return the module in *file*, None when it cannot be read."""
        raise NotImplementedError


def constant(value: Value) -> Any:  # noqa: ANN401 - a literal may be anything
    """Return the literal that *value* is, else None."""
    return getattr(value, "value", None)


def entry(mapping: Value, key: str) -> Value:
    """Return what *mapping* has under *key*, UNKNOWN when that cannot be told."""
    return mapping.entries.get(key, UNKNOWN) if isinstance(mapping, Mapping) else UNKNOWN
