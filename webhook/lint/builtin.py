"""The functions of Python that callbacks are made with, and that go over what they are given."""

import ast
from collections.abc import Callable
from typing import Any, Protocol

from webhook.lint.expressions import Expressions
from webhook.lint.methods import copied
from webhook.lint.objects import FLAGS, flagged
from webhook.lint.record import Kind
from webhook.lint.state import constant
from webhook.lint.text import attribute_of
from webhook.lint.values import (
    UNKNOWN,
    Arguments,
    Constant,
    External,
    File,
    Items,
    Made,
    Mapping,
    Nothing,
    Partial,
    Scope,
    Text,
    Value,
    Word,
    join,
)


class _Known(Protocol):
    def __call__(self, state: Any, scope: Scope, node: ast.AST, given: Arguments, /) -> Value: ...  # noqa: ANN401


def _over(kind: str) -> Callable[[Expressions, Scope, ast.AST, Arguments], Value]:
    """Return what a function does that makes a *kind* of the items of its first argument."""

    def known(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
        if not given.positional:
            return UNKNOWN if given.open else Items(kind)
        value = given.positional[0]
        if isinstance(value, Items) and kind in ("list", "tuple", "set"):
            return Items(kind, value.items, value.rest)
        return Items(kind, (), state.element(scope, node, value))

    return known


def _all_of(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    return Items("list", (), Items("tuple", tuple(state.element(scope, node, one) for one in given.positional)))


def _enumerate(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    if not given.positional:
        return UNKNOWN
    return Items("list", (), Items("tuple", (UNKNOWN, state.element(scope, node, given.positional[0]))))


def _map(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    elements = tuple(state.element(scope, node, one) for one in given.positional[1:])
    if not elements:
        return UNKNOWN
    return Items("list", (), state.apply(scope, node, given.positional[0], elements))


def _filter(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    if len(given.positional) < 2:  # noqa: PLR2004 - a function and what it goes over
        return UNKNOWN
    found = state.element(scope, node, given.positional[1])
    state.apply(scope, node, given.positional[0], (found,))
    return Items("list", (), found)


def _reduce(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    if len(given.positional) < 2:  # noqa: PLR2004 - a function and what it goes over
        return UNKNOWN
    found = state.element(scope, node, given.positional[1])
    return state.apply(scope, node, given.positional[0], (UNKNOWN, found))


def _setattr(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    name = constant(given.positional[1]) if len(given.positional) == 3 else None  # noqa: PLR2004
    if isinstance(name, str):
        state.set_attribute(scope, node, given.positional[0], name, given.positional[2])
    return UNKNOWN


def _chain(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    return Items("list", (), join([state.element(scope, node, one) for one in given.positional] or [UNKNOWN]))


def _first(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    if len(given.positional) != 1:
        return UNKNOWN
    return state.element(scope, node, given.positional[0])


def _next(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    return state.element(scope, node, given.positional[0]) if given.positional else UNKNOWN


def _tests(state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    if given.positional:
        state.untaint(given.positional[0])
    return UNKNOWN


def _bool(state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    first = given.positional[0] if given.positional else UNKNOWN
    if isinstance(first, Made) and first.path == "os.getenv":
        state.foresee(str(constant(first.arguments.positional[0])))
    return UNKNOWN


def _string(_state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    first = given.positional[0] if given.positional else UNKNOWN
    return first if isinstance(first, Text | Word) else Constant("") if isinstance(first, Constant) else UNKNOWN


def _getattr(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    name = constant(given.positional[1]) if len(given.positional) > 1 else None
    if not isinstance(name, str):
        return UNKNOWN
    owner = given.positional[0]
    text = state.texts(owner)
    if text is None:
        return state.attribute(scope, node, owner, name)
    return attribute_of(state, scope, node, text, name) if len(given.positional) == 2 else UNKNOWN  # noqa: PLR2004


def _dict(_state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    first = given.positional[0] if given.positional else Mapping()
    base = first if isinstance(first, Mapping) else Mapping(open=True)
    return base.merged(Mapping(given.keywords, given.places, open=given.open))


def _partial(_state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    if not given.positional:
        return UNKNOWN
    return Partial(given.positional[0], given.positional[1:], given.keywords, given.open)


def _transparent(_state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    """Return a decorator with arguments that leaves what it decorates, or the function that was decorated."""
    return given.positional[0] if given.positional and not given.keywords else External("builtins.transparent")


def _copied(_state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    return copied(given.positional[0]) if given.positional else UNKNOWN


def _print(_state: Expressions, _scope: Scope, _node: ast.AST, _given: Arguments) -> Value:
    return Nothing("print")


def _cast(_state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    return given.positional[1] if len(given.positional) == 2 else UNKNOWN  # noqa: PLR2004


def _flag(flag: str) -> _Known:
    """Return what `staticmethod(...)` and its kin do."""

    def known(_state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
        return flagged(given.positional[0], flag) if given.positional else UNKNOWN

    return known


def _provides(state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    name = constant(given.positional[0]) if given.positional else None
    if isinstance(name, str):
        state.provided.add(name)
    return UNKNOWN


def _provides_all(state: Expressions, _scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    for one in given.positional:
        state.provided.update(one.entries if isinstance(one, Mapping) else ())
    state.provided.update(given.keywords)
    return UNKNOWN


def _wraps(_state: Expressions, _scope: Scope, _node: ast.AST, _given: Arguments) -> Value:
    return External("builtins.transparent")


def _getenv(state: Expressions, scope: Scope, node: ast.AST, given: Arguments) -> Value:
    name = constant(given.positional[0] if given.positional else given.keywords.get("key", UNKNOWN))
    has_default = len(given.positional) > 1 or "default" in given.keywords or given.open
    if not isinstance(name, str) or has_default:
        return UNKNOWN
    state.read(scope, node, Kind.ENV, name, fails=False)
    return Made("os.getenv", Arguments((Constant(name),)))


def _import_module(state: Expressions, scope: Scope, _node: ast.AST, given: Arguments) -> Value:
    name = constant(given.positional[0]) if given.positional else None
    file = state.folder.find(name, scope.module.file) if isinstance(name, str) and len(given.positional) == 1 else None
    module = state.load(file) if file is not None else None
    return UNKNOWN if module is None else File(module)


BUILTINS: dict[str, _Known] = {
    **{name: _over(name) for name in ("list", "tuple", "set", "frozenset")},
    **{name: _over("list") for name in ("sorted", "reversed", "iter", "islice", "cycle", "groupby", "batched")},
    "enumerate": _enumerate,
    "zip": _all_of,
    "zip_longest": _all_of,
    "product": _all_of,
    "map": _map,
    "filter": _filter,
    "filterfalse": _filter,
    "chain": _chain,
    "max": _first,
    "min": _first,
    "sum": _first,
    "next": _next,
    "isinstance": _tests,
    "issubclass": _tests,
    "type": _tests,
    "hasattr": _tests,
    "callable": _tests,
    "str": _string,
    "bool": _bool,
    "getattr": _getattr,
    "dict": _dict,
    "print": _print,
    "transparent": _transparent,
    "setattr": _setattr,
    **{path.removeprefix("builtins."): _flag(flag) for path, flag in FLAGS.items()},
    "functools.reduce": _reduce,
    "functools.partial": _partial,
    "functools.wraps": _wraps,
    "functools.lru_cache": _transparent,
    "functools.cache": _transparent,
    "asyncio.run": _transparent,
    "copy.copy": _copied,
    "copy.deepcopy": _copied,
    "typing.cast": _cast,
    "os.environ.setdefault": _provides,
    "os.environ.update": _provides_all,
    "os.putenv": _provides,
    "os.getenv": _getenv,
    "os.environ.get": _getenv,
    "importlib.import_module": _import_module,
}
