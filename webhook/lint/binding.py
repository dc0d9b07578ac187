"""Arguments meet parameters, as Python binds them."""

import ast
from collections.abc import Iterator

import msgspec

from webhook.lint.values import UNKNOWN, Arguments, Function, Items, Mapping, Value, join


class BindError(ValueError):
    """Python would raise TypeError; the text is what is wrong."""


class Bound(msgspec.Struct, frozen=True):
    """The values of parameters; those that no argument was given for take their defaults."""

    names: dict[str, Value]
    defaults: dict[str, ast.expr]


def bind(function: Function, given: Arguments) -> Bound:
    """Return what each parameter of *function* gets from *given*; raises BindError when Python would."""
    spec = function.node.args
    positional = [*spec.posonlyargs, *spec.args]
    values = (*function.bound, *given.positional)
    names: dict[str, Value] = {one.arg: value for one, value in zip(positional, values, strict=False)}
    if spec.vararg is not None:
        names[spec.vararg.arg] = Items("tuple", values[len(positional) :], UNKNOWN if given.open else None)
    elif len(values) > len(positional):
        raise BindError(_too_many(function, len(positional), len(values)))
    by_name = {one.arg for one in (*spec.args, *spec.kwonlyargs)}
    others: dict[str, Value] = {}
    for name, value in given.keywords.items():
        if name in names and name in by_name:
            raise BindError(f"gets {name!r} twice")
        if name in by_name:
            names[name] = value
        elif spec.kwarg is None:
            raise BindError(f"has no parameter {name!r}")
        else:
            others[name] = value
    if spec.kwarg is not None:
        names[spec.kwarg.arg] = Mapping(others, dict(given.places), open=given.open)
    defaults = dict(_defaults(spec))
    missing = [one.arg for one in (*positional, *spec.kwonlyargs) if one.arg not in names and one.arg not in defaults]
    if missing and not given.open:
        raise BindError(_missing(missing, [one.arg for one in spec.kwonlyargs]))
    for name in missing:
        names[name] = UNKNOWN
    return Bound(names, {name: value for name, value in defaults.items() if name not in names})


def unknown_arguments(function: Function) -> Arguments:
    """Return arguments that fit *function*, whatever it takes."""
    spec = function.node.args
    count = len(spec.posonlyargs) + len(spec.args) - len(function.bound)
    keywords: dict[str, Value] = {one.arg: UNKNOWN for one in spec.kwonlyargs}
    return Arguments((UNKNOWN,) * max(count, 0), keywords, open=True)


def prepend(first: Arguments, then: Arguments) -> Arguments:
    """Return the arguments of a call to what functools.partial made with *first*."""
    return Arguments(
        first.positional + then.positional,
        first.keywords | then.keywords,
        first.places | then.places,
        open=first.open or then.open,
    )


def starred(value: Value) -> tuple[tuple[Value, ...], bool]:
    """Return what `*value` adds to a call, and whether there may be more."""
    if isinstance(value, Items):
        return value.items, value.rest is not None
    return (), True


def element(values: tuple[Value, ...]) -> Value:
    """Return what one of *values* is."""
    return join(list(values)) if values else UNKNOWN


def signature(function: Function) -> str:
    """Return the parameters of *function* as they are written, without annotations and defaults."""
    spec = function.node.args
    parts = [one.arg for one in spec.posonlyargs]
    parts += ["/"] if spec.posonlyargs else []
    parts += [one.arg for one in spec.args]
    if spec.vararg is not None:
        parts.append(f"*{spec.vararg.arg}")
    elif spec.kwonlyargs:
        parts.append("*")
    parts += [one.arg for one in spec.kwonlyargs]
    parts += [f"**{spec.kwarg.arg}"] if spec.kwarg is not None else []
    return f"({', '.join(parts)})"


def _defaults(spec: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*spec.posonlyargs, *spec.args]
    yield from (
        (one.arg, value)
        for one, value in zip(positional[len(positional) - len(spec.defaults) :], spec.defaults, strict=True)
    )
    for one, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        if default is not None:
            yield one.arg, default


def _too_many(function: Function, takes: int, gets: int) -> str:
    own = len(function.bound)
    return f"takes {takes - own} positional argument{'' if takes - own == 1 else 's'} and gets {gets - own}"


def _missing(names: list[str], keyword_only: list[str]) -> str:
    told = ", ".join(repr(name) for name in names)
    only = " (keyword only)" if all(name in keyword_only for name in names) else ""
    return f"gets nothing for {told}{only}"
