"""Reads what it can of an object whose fields have wrong types; an API server never sends one."""

import re
from functools import reduce
from typing import Any

import msgspec


class Unreadable(msgspec.Struct, frozen=True):
    """A field whose type is not what the API says."""

    path: str  # "spec.containers[0].image"; "" for the whole object
    text: str


_PLACE = re.compile(r" - at `(?:key in )?\$(?P<path>.*)`$")
_STEP = re.compile(r"\.(?P<field>\w+)|\[(?P<index>\d+)\]")
_MOST_UNREADABLE = 20


def salvage(tree: Any, type_: Any) -> tuple[Any, tuple[Unreadable, ...]]:  # noqa: ANN401 - any JSON, any type
    """Return what can be read of *tree* as *type_*: leave out one wrong field after the other, and list them."""
    unreadable: list[Unreadable] = []
    while True:
        try:
            return msgspec.convert(tree, type_), tuple(unreadable)
        except msgspec.ValidationError as error:
            text = str(error)
            place = _PLACE.search(text)
            where = place["path"] if place else ""
            unreadable.append(Unreadable(where.lstrip("."), text.partition(" - at ")[0].replace("`", "")))
            if len(unreadable) < _MOST_UNREADABLE:
                tree = _without(tree, where)
            else:  # the labels may be among what is not known now
                unreadable.append(Unreadable("", "it has too many fields of wrong types"))
                tree = {}


def _without(tree: Any, where: str) -> Any:  # noqa: ANN401 - any JSON
    """Return *tree* with the value at *where* left out; an element of a list becomes an empty object."""
    steps: list[Any] = [step["field"] or int(step["index"]) for step in _STEP.finditer(where.partition("[...]")[0])]
    if not steps:
        return {}
    parent: Any = reduce(lambda level, step: level[step], steps[:-1], tree)
    if isinstance(parent, list):
        parent[steps[-1]] = {}
    else:
        del parent[steps[-1]]
    return tree
