"""Lines for people: wrapped and in colour on a terminal, else each on one line, for grep."""

from collections.abc import Iterable

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from webhook.pods.text import plural
from webhook.rules.finding import Mode

STYLES = {Mode.ENFORCE: "bold red", Mode.WARN: "yellow", Mode.AUDIT: "cyan", Mode.OFF: "dim"}
MOST = 20  # entries of a section: it is read at night, on a terminal

Line = tuple[int, Text]  # with its indent


def put(console: Console, line: Text, indent: int = 0) -> None:
    """Print *line* to *console*."""
    if console.is_terminal:
        console.print(Padding(line, (0, 0, 0, indent)))
    else:
        console.print(Text(" " * indent) + line, soft_wrap=True)


def section(console: Console, title: Text, entries: Iterable[list[Line]], noun: str) -> None:
    """Print *title* and the first of *entries*, each some lines; of more it says how many *noun* there are."""
    kept = list(entries)
    put(console, title)
    for entry in kept[:MOST]:
        for indent, line in entry:
            put(console, line, indent)
    if len(kept) > MOST:
        put(console, Text(f"and {plural(len(kept) - MOST, f'more {noun}')}, which -o json lists", "dim"), 2)
    put(console, Text())
