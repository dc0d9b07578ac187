"""Lines for people: wrapped and in colour on a terminal, else each on one line, for grep. None ends in blanks."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from webhook.pods.text import plural
from webhook.rules.finding import Mode

if TYPE_CHECKING:
    from webhook.audit.survey import Basis

STYLES = {Mode.ENFORCE: "bold red", Mode.WARN: "yellow", Mode.AUDIT: "cyan", Mode.OFF: "dim"}
MOST = 20  # entries of a section: it is read at night, on a terminal

Line = tuple[int, Text]  # with its indent

_WORD = re.compile(r"\S+")
_HANG = 2  # columns by which a line goes on further in than it began
_NARROWEST = 20  # columns


def put(console: Console, line: Text, indent: int = 0) -> None:
    """Print *line* to *console*."""
    lines = _wrapped(line, max(console.width - indent, _NARROWEST)) if console.is_terminal else [line.copy()]
    for nth, piece in enumerate(lines):
        piece.rstrip()
        before = " " * (indent + (_HANG if nth else 0)) if piece.plain else ""
        console.print(Text(before) + piece, soft_wrap=True)


def _wrapped(line: Text, width: int) -> Iterator[Text]:
    """Yield *line* in pieces of at most *width* columns, all but the first with room for their indent.

    A word is never broken, so that it can be copied.
    """
    start = end = 0
    room = width
    for word in _WORD.finditer(line.plain):
        if end > start and cell_len(line.plain[start : word.end()]) > room:
            yield line[start:end]
            start, room = word.start(), width - _HANG
        end = word.end()
    yield line[start:end]


def fitted(line: Text, width: int) -> Text:
    """Return *line* in one line of at most *width* columns, with a sign where it was cut."""
    cut = line.copy()
    cut.truncate(width, overflow="ellipsis")
    return cut


def section(console: Console, title: Text, entries: Iterable[list[Line]], noun: str, *, most: int = MOST) -> None:
    """Print *title* and the first of *entries*, each some lines; of more it says how many *noun* there are."""
    kept = list(entries)
    put(console, title)
    for entry in kept[:most]:
        for indent, line in entry:
            put(console, line, indent)
    if len(kept) > most:
        put(console, Text(f"and {plural(len(kept) - most, f'more {noun}')}, which -o json lists", "dim"), 2)
    put(console, Text())


def standing(basis: "Basis") -> Text:
    """Return the line of an audit of one cluster on whether airlock is installed there, as *basis* says."""
    if basis.installed is None:
        return Text("it could not be seen whether airlock is installed here", "dim")
    if basis.installed:
        return Text("airlock is installed here", "dim")
    if basis.left:
        text = "airlock's documents are here, but it is not registered: `airlock status` says what is missing"
        return Text(text, "red")
    return Text("airlock is not installed here: this is what it would do with this policy if it were", "yellow")
