"""A group whose commands are imported when they are called: help and completion cost the import of one module."""

import errno
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

# What only a write to a standard stream gives here; commands answer for the files that they open. A pipe that nobody
# reads any more is click's.
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class LazyGroup(click.Group):
    """The commands of *table*: for each name its module in this package, and its summary, which help shows whole."""

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **named: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*args, **named)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        """Return the names, in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        """Return the function of that name in the command's module."""
        if cmd_name not in self.table:
            return None
        command: click.Command = getattr(import_module(f"webhook.commands.{self.table[cmd_name][0]}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that *args* name; raises NoSuchCommand with those that have nearly this name."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=self.table, ctx=ctx) from error

    def main(self, *args: Any, **named: Any) -> Any:  # noqa: ANN401 - click's
        """Run the program; if its output cannot be written, say so and exit with 2."""
        try:
            return super().main(*args, **named)
        except OSError as error:
            if error.errno not in _FULL:
                raise
            # Python tries to write the rest once more at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            click.echo(f"{error.filename or 'standard output'}: {os.strerror(error.errno).lower()}", err=True)
            sys.exit(2)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.table.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return what the word *incomplete* may become, without importing any command."""
        names = [
            CompletionItem(name, help=text) for name, (_, text) in self.table.items() if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]
