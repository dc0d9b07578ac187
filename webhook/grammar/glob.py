"""Globs as expressions, and the only module that uses RE2 (google-re2, untyped), which runs all patterns."""

import re
from typing import Protocol

import re2

from webhook.pods.text import printable

SHOWN = 60  # characters of a pattern in a message
WILDCARDS = re.compile(r"\*+|\?")


class PatternError(ValueError):
    """A text that is not a pattern of the kind asked for; the message is a sentence for its author."""


class Program(Protocol):
    """A compiled expression; safe to use from many threads."""

    def fullmatch(self, text: bytes) -> object | None:
        """Return something when the whole of *text* (UTF-8) matches."""


def _options() -> re2.Options:
    options = re2.Options()
    options.max_mem = 1 << 18  # of a program and its caches; many times what a sensible tag expression needs
    options.log_errors = False  # the reason is in the error, and standard error is not RE2's
    options.never_capture = True
    options.dot_nl = True  # `*` means any character at all
    return options


_OPTIONS = _options()


def program(expression: str) -> Program:
    """Return *expression* compiled; PatternError, whose message is RE2's reason, when it cannot be."""
    try:
        compiled: Program = re2.compile(expression.encode(errors="replace"), _OPTIONS)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace")
        raise PatternError(printable(reason, SHOWN)) from None
    return compiled


def expression(glob: str, *, star: str = ".*", stars: str = ".*", one: str = ".") -> str:
    r"""Return the expression for *glob*, in which *star* stands for `*`, *stars* for `**` and *one* for `?`.

    >>> expression("v1.?-*")
    'v1\\..\\-.*'
    """
    parts, end = [], 0
    for wildcard in WILDCARDS.finditer(glob):
        parts.append(re2.escape(glob[end : wildcard.start()]))
        parts.append({"?": one, "*": star}.get(wildcard[0], stars))
        end = wildcard.end()
    return "".join((*parts, re2.escape(glob[end:])))


def show(source: str) -> str:
    """Return *source* in quotes for a message, printable and cut short."""
    return f"'{printable(source, SHOWN)}'"
