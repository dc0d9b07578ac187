"""Turns pydantic's errors into our sentences: the offending value, what is allowed, and the nearest match."""

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from webhook.grammar.yamltext import kind_of
from webhook.pods.text import printable

_SHOWN = 60  # characters of a value
_CLOSE = 0.7
_LONGEST_WORD = 64  # no name in a document is longer, and comparing takes time
_QUOTED = re.compile(r"'([^']*)'")

_LISTS = ("list_type", "tuple_type", "set_type", "frozen_set_type")
_MAPPINGS = ("dict_type", "mapping_type", "model_type", "model_attributes_type")


def show(value: object) -> str:
    """Return *value* for a message: short, printable, and without the contents of lists and mappings.

    >>> show("mutabel"), show(True), show([1])
    ("'mutabel'", 'true', 'a list')
    """
    if isinstance(value, str):
        return f"'{printable(value, _SHOWN)}'"
    if isinstance(value, bool | int | float):
        return printable(str(value).lower(), _SHOWN)
    return "nothing" if value is None else kind_of(value)


def nearest(word: str, allowed: Iterable[str]) -> str:
    """Return a question that offers the word of *allowed* that is closest to *word*, or nothing.

    >>> nearest("exemption", ["mode", "exemptions"])
    "; did you mean 'exemptions'?"
    """
    if len(word) > _LONGEST_WORD:
        return ""
    known = {name.lower(): name for name in allowed}
    close = get_close_matches(word.lower(), known, n=1, cutoff=_CLOSE)
    return f"; did you mean '{known[close[0]]}'?" if close else ""


def choice(value: object, allowed: Iterable[str]) -> str:
    """Say that *value* is none of *allowed*.

    >>> choice("mutabel", ["mutable", "immutable"])
    "'mutabel' is neither 'mutable' nor 'immutable'"
    """
    names = [f"'{name}'" for name in allowed]
    if len(names) == 1:
        return f"{show(value)} is not {names[0]}"
    if len(names) == 2:  # noqa: PLR2004 - one, two, many
        return f"{show(value)} is neither {names[0]} nor {names[1]}"
    guess = nearest(value, (name.strip("'") for name in names)) if isinstance(value, str) else ""
    return f"{show(value)} is none of {', '.join(names)}{guess}"


def unknown(name: str, allowed: Iterable[str]) -> str:
    """Say that a field of this *name* does not exist here, where the *allowed* ones do."""
    names = sorted(allowed)
    return f"unknown field {show(name)}{nearest(name, names) or '; remove it'} (known here: {', '.join(names)})"


def complain(kind: str, value: Any, context: Mapping[str, Any], message: str, *, secret: bool) -> str:  # noqa: ANN401
    """Return the sentence for an error of pydantic's type *kind* at *value*, which is not shown if *secret*."""
    scalar = isinstance(value, str | bool | int | float)
    shown = f"{show(value)} is {kind_of(value)}" if scalar and not secret else f"is {kind_of(value)}"
    if kind == "string_type":
        return f"{shown}, not text" + ("; quote it" if scalar else "")
    if kind in _LISTS:
        return f"{shown}, not a list" + ("; put it into [ ]" if scalar else "")
    if kind == "bool_type":
        return f"{shown}; write true or false, without quotes"
    if kind in _MAPPINGS:
        return f"{shown}, not a mapping of fields"
    if kind in {"enum", "literal_error"}:
        return choice(value, _QUOTED.findall(str(context.get("expected", ""))))
    tell = _SENTENCES.get(kind)
    return tell(context) if tell else f"{shown}: {message[:1].lower()}{message[1:]}"


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "missing": lambda _: "is required",
    "value_error": lambda context: str(context["error"]),
    "too_short": lambda _: "is empty; give at least one entry, or remove it",
    "too_long": lambda context: (
        f"has {context['actual_length']} entries, more than {context['max_length']}; shorten it"
    ),
    "string_too_short": lambda _: "is empty; give it a value, or remove it",
    "string_too_long": lambda context: f"has more than {context['max_length']} characters; shorten it",
}
