"""Expressions of CEL, put together from parts."""

import json
from collections.abc import Iterable, Mapping


def text(value: str) -> str:
    r"""Return *value* as a literal.

    >>> text('a "b" \\d')
    '"a \\"b\\" \\\\d"'
    """
    return json.dumps(value)


def texts(values: Iterable[str]) -> str:
    """Return *values* as a literal list."""
    return f"[{', '.join(map(text, values))}]"


def table(rows: Mapping[str, str]) -> str:
    """Return *rows* as a literal map of texts."""
    return f"{{{', '.join(f'{text(key)}: {text(value)}' for key, value in rows.items())}}}"


def matches(subject: str, pattern: str) -> str:
    """Return whether the whole of the expression *subject* matches the RE2 *pattern*."""
    return f"{subject}.matches({text(f'^(?s:{pattern})$')})"


def any_of(parts: Iterable[str]) -> str:
    """Return the disjunction of *parts*; `false` of none."""
    found = list(parts)
    return f"({' || '.join(found)})" if found else "false"


def all_of(parts: Iterable[str]) -> str:
    """Return the conjunction of *parts*; `true` of none."""
    found = list(parts)
    return f"({' && '.join(found)})" if found else "true"


def first(choices: Iterable[tuple[str, str]], otherwise: str) -> str:
    """Return the value of the first of *choices* whose condition holds, else *otherwise*."""
    found = list(choices)
    return "".join(f"{condition} ? {value} : " for condition, value in found) + otherwise if found else otherwise
