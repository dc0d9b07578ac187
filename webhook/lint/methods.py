"""The methods of lists, dicts and strings that callbacks pass through, and what calls of Airflow's objects return."""

import ast
from typing import Any, Protocol

from webhook.lint import template
from webhook.lint.expressions import Expressions
from webhook.lint.state import constant
from webhook.lint.values import (
    UNKNOWN,
    Arguments,
    Constant,
    Items,
    Made,
    Mapping,
    Place,
    Scope,
    Text,
    Value,
    join,
)


class _Known(Protocol):
    def __call__(self, state: Any, scope: Scope, node: ast.AST, owner: Value, given: Arguments, /) -> Value: ...  # noqa: ANN401


def _get(_state: Expressions, _scope: Scope, _node: ast.AST, owner: Value, given: Arguments) -> Value:
    key = constant(given.positional[0]) if given.positional else None
    if not isinstance(owner, Mapping) or not isinstance(key, str):
        return UNKNOWN
    return owner.entries.get(key, UNKNOWN)


def _copy(_state: Expressions, _scope: Scope, _node: ast.AST, owner: Value, _given: Arguments) -> Value:
    return copied(owner)


def copied(value: Value) -> Value:
    """Return *value* as an object of its own, if code can change it."""
    if isinstance(value, Mapping):
        return Mapping(dict(value.entries), dict(value.places), open=value.open)
    return Items(value.kind, value.items, value.rest) if isinstance(value, Items) else value


def _grow(_state: Expressions, _scope: Scope, _node: ast.AST, owner: Value, _given: Arguments) -> Value:
    if isinstance(owner, Items):
        owner.loosen(owner.items)
    return UNKNOWN


def _lose(_state: Expressions, _scope: Scope, _node: ast.AST, owner: Value, _given: Arguments) -> Value:
    if isinstance(owner, Items):
        owner.loosen()
    elif isinstance(owner, Mapping):
        owner.loosen(None, UNKNOWN)
    return UNKNOWN


def _pop(state: Expressions, scope: Scope, node: ast.AST, owner: Value, given: Arguments) -> Value:
    found = _get(state, scope, node, owner, given)
    key = constant(given.positional[0]) if given.positional else None
    if not isinstance(owner, Mapping) or not isinstance(key, str):
        return _lose(state, scope, node, owner, given)
    if key in owner.entries:
        owner.loosen(key, UNKNOWN)
    return found


def _update(_state: Expressions, _scope: Scope, _node: ast.AST, owner: Value, given: Arguments) -> Value:
    if isinstance(owner, Mapping):
        for one in (*given.positional, Mapping(given.keywords, open=given.open)):
            for key, value in one.entries.items() if isinstance(one, Mapping) else ():
                owner.loosen(key, value)
            if not isinstance(one, Mapping) or one.open:
                owner.loosen(None, UNKNOWN)
    return UNKNOWN


def _setdefault(_state: Expressions, _scope: Scope, _node: ast.AST, owner: Value, given: Arguments) -> Value:
    key = constant(given.positional[0]) if given.positional else None
    if isinstance(owner, Mapping) and key not in owner.entries:
        owner.loosen(key if isinstance(key, str) else None, UNKNOWN)
    return UNKNOWN


def _values(_state: Expressions, _scope: Scope, _node: ast.AST, owner: Value, _given: Arguments) -> Value:
    if not isinstance(owner, Mapping) or owner.open:
        return UNKNOWN
    return Items("list", tuple(owner.entries.values()))


def _items(_state: Expressions, _scope: Scope, _node: ast.AST, owner: Value, _given: Arguments) -> Value:
    if not isinstance(owner, Mapping) or owner.open:
        return UNKNOWN
    return Items("list", tuple(Items("tuple", (Constant(key), value)) for key, value in owner.entries.items()))


def _join(state: Expressions, scope: Scope, node: ast.AST, owner: Value, given: Arguments) -> Value:
    if len(given.positional) != 1 or not isinstance(owner, Constant) or not isinstance(owner.value, str):
        return UNKNOWN
    value = given.positional[0]
    if isinstance(value, Text) and not owner.value:
        return value  # "".join(text) is the text
    state.element(scope, node, value, "joins the elements of")
    return UNKNOWN


def _extend(state: Expressions, scope: Scope, node: ast.AST, owner: Value, given: Arguments) -> Value:
    if isinstance(owner, Items) and len(given.positional) == 1:
        state.element(scope, node, given.positional[0])
    return _grow(state, scope, node, owner, given)


def of_made(state: Expressions, scope: Scope, node: ast.AST, owner: Made, name: str, given: Arguments) -> Value:  # noqa: PLR0913, PLR0917
    """Return what a method of something external returns: something of its kind, or a template."""
    if name == "from_string":
        return template.from_string(owner, given) or UNKNOWN
    for text, how in template.uses(state, owner, given) if name in template.RENDERS else ():
        state.element(scope, node, text, how)
    _over_all(state, scope, node, owner, name, given)
    return owner


def _over_all(state: Expressions, scope: Scope, node: ast.AST, owner: Made, name: str, given: Arguments) -> None:  # noqa: PLR0913, PLR0917
    """Follow what pools of threads and processes call."""
    if not owner.path.endswith(("Executor", "Pool")) or not given.positional:
        return
    function, rest = given.positional[0], given.positional[1:]
    if name in ("map", "imap", "starmap"):
        state.apply(scope, node, function, tuple(state.element(scope, node, one) for one in rest))
    elif name in ("submit", "apply", "apply_async"):
        state.apply(scope, node, function, rest)


METHODS: dict[str, _Known] = {
    "get": _get,
    "pop": _pop,
    "popitem": _lose,
    "clear": _lose,
    "remove": _lose,
    "append": _grow,
    "insert": _grow,
    "update": _update,
    "setdefault": _setdefault,
    "copy": _copy,
    "values": _values,
    "items": _items,
    "join": _join,
    "extend": _extend,
}


def changed(owner: Value, name: str, given: Arguments, place: Place) -> Value | None:
    """Return what *owner* is after its method *name* has changed it at *place*; None when that changes nothing."""
    if isinstance(owner, Mapping):
        return _changed_dict(owner, name, given, place)
    if isinstance(owner, Items) and owner.kind == "list" and len(given.positional) == 1:
        first = given.positional[0]
        if name == "append":
            return Items("list", (*owner.items, first), owner.rest)
        if name == "extend":
            more = first if isinstance(first, Items) else Items("list", (), UNKNOWN)
            rest = [one for one in (owner.rest, more.rest) if one is not None]
            return Items("list", owner.items + more.items, join(rest) if rest else None)
    return None


def _changed_dict(owner: Mapping, name: str, given: Arguments, place: Place) -> Value | None:
    if name == "update":
        first = given.positional[0] if given.positional else Mapping()
        more = first if isinstance(first, Mapping) else Mapping(open=True)
        return owner.merged(more).merged(Mapping(given.keywords, given.places, open=given.open))
    key = constant(given.positional[0]) if given.positional else None
    if name == "pop" and isinstance(key, str):
        return Mapping(
            {one: value for one, value in owner.entries.items() if one != key}, owner.places, open=owner.open
        )
    if name == "setdefault" and isinstance(key, str) and key not in owner.entries and len(given.positional) > 1:
        return owner.merged(Mapping({key: given.positional[1]}, {key: place}))
    return None
