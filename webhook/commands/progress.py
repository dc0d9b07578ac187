"""What commands print while they read a cluster: progress and warnings."""

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console

from webhook.report.wording import shown
from webhook.scan.server import Progress


@contextmanager
def reading() -> Iterator[Progress]:
    """Yield what shows on a terminal how far the reading is."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _what, _count, _of: None
        return
    with console.status("asking the API server") as status:

        def show(what: str, count: int, of: int | None) -> None:
            status.update(f"reading {what}" + (f": {count}" if count else "") + (f" of {of}" if of else ""))

        yield show


def warn(text: str) -> None:
    """Say *text* at once, beside what the command prints."""
    click.echo(f"warning: {shown(text)}", err=True)
