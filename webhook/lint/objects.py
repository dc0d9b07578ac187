"""Small questions to values: members of classes, methods, emptiness, slices."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from webhook.lint import names
from webhook.lint.values import NONE, UNKNOWN, Class, Constant, Function, Items, Mapping, Value, join


def bound(function: Function, owner: Value) -> Function:
    """Return *function* as a method of *owner*."""
    return replace(function, bound=(owner,))


# What says how a class hands a function out.
FLAGS = {
    "builtins.staticmethod": "staticmethod",
    "builtins.classmethod": "classmethod",
    "builtins.property": "property",
    "functools.cached_property": "property",
}


def flagged(value: Value, flag: str) -> Value:
    """Return *value* after a decorator that says how classes hand it out."""
    return replace(value, flag=flag) if isinstance(value, Function) else value


def find_member(cls: Class, name: str) -> Value:
    """Return what *cls* or the first base that has it calls *name*; UNKNOWN when nobody in the folder does."""
    if name in cls.members:
        return cls.members[name]
    if not cls.bases:
        return UNKNOWN
    found = (one.members.get(name, UNKNOWN) for one in names.ancestors(cls) if isinstance(one, Class))
    return next((one for one in found if one is not UNKNOWN), UNKNOWN)


def is_empty(value: Value) -> bool:
    """Return whether *value* is None, or an empty literal."""
    if isinstance(value, Items):
        return not value.all
    if isinstance(value, Mapping):
        return not value.entries and not value.open
    return value == NONE or (isinstance(value, Constant) and not value.value)


def sliced(owner: Value, part: ast.Slice) -> Value:
    """Return a slice with literal bounds of known items."""
    if not isinstance(owner, Items):
        return UNKNOWN
    bounds: list[int | None] = []
    for one in (part.lower, part.upper, part.step):
        literal = one.value if isinstance(one, ast.Constant) else None
        if one is not None and not isinstance(literal, int):
            return Items(owner.kind, (), join(list(owner.all)) if owner.all else None)
        bounds.append(literal if isinstance(literal, int) else None)
    if owner.rest is not None:
        return Items(owner.kind, (), join(list(owner.all)))
    low, high, step = bounds
    return Items(owner.kind, owner.items[low:high:step]) if step != 0 else UNKNOWN


@lru_cache(maxsize=4096)
def is_generator(code: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether calling *code* makes a generator."""
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in _own(code))


@lru_cache(maxsize=4096)
def returns_something(code: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether some branch of *code* returns another thing than None."""
    values = (node.value for node in _own(code) if isinstance(node, ast.Return) and node.value is not None)
    return any(not isinstance(value, ast.Constant) or value.value is not None for value in values)


def _own(code: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield what stands in *code*, and in no function or class within it."""
    todo: list[ast.AST] = list(code.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo.extend(ast.iter_child_nodes(node))
