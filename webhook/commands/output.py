"""Where a report goes, and the options for it."""

import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

F = TypeVar("F", bound=Callable[..., Any])


def report_options(*formats: str) -> Callable[[F], F]:
    """Return the options for a report in one of *formats*; the first is the default."""
    where = "table and markdown" if "markdown" in formats else "the table"
    options = (
        click.option(
            "--output",
            "-o",
            type=click.Choice(formats),
            default=formats[0],
            show_default=True,
            help="The output format.",
        ),
        click.option(
            "--output-file",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Write to this file instead of standard output.",
        ),
        click.option("--no-fixes", is_flag=True, help=f"Leave the fixes out of {where}."),
        click.option("--summary", is_flag=True, help="Shorten the table to one screen."),
        # What it asked for is the default now; scripts that say it go on working.
        click.option("--fix-hints", is_flag=True, hidden=True, expose_value=False),
        click.option("--show-exempted", is_flag=True, help="Show findings that an exemption covers; json always does."),
    )

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def write_table(show: Callable[["Console"], None], file: Path | None, told: str = "") -> None:
    """Print what *show* prints: in colour and as wide as the terminal, or plainly into *file*, as `write` does."""
    from rich.console import Console

    if file is None:
        show(Console(highlight=False, emoji=False, markup=False))
        return
    text = StringIO()
    show(Console(file=text, highlight=False, emoji=False, markup=False))
    write(text.getvalue(), file, told)


def write(text: str, file: Path | None, told: str = "") -> None:
    """Write *text* to *file*, else to standard output; ends the program with 2 when that cannot be done.

    *told*, what the text says in a line, is printed for a file, with its name.
    """
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        click.echo(f"{file}: {(error.strerror or str(error)).lower()}", err=True)
        sys.exit(2)
    if told:
        click.echo(f"{file}: {told}", err=True)
