"""Standard input and other pipes: they can be read once."""

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

import click

STDIN = "standard input"
_READ = "webhook.commands.pipes.read"
_TWICE = "- is given twice, and standard input can be read only once; name a file"


def standard_input() -> BinaryIO:
    """Return standard input; ends the program with 2 when the command has read it already."""
    context = click.get_current_context(silent=True)
    if context is not None and context.meta.setdefault(_READ, False):
        raise click.UsageError(_TWICE)
    if context is not None:
        context.meta[_READ] = True
    if sys.stdin is None:  # the shell's <&-
        raise click.UsageError("- is standard input, and it is closed; name a file")
    return sys.stdin.buffer


def refuse_twice(*given: object) -> None:
    """End the program with 2 when standard input is among *given* more than once, before any of it is read."""
    if sum(str(one) == "-" for one in given) > 1:
        raise click.UsageError(_TWICE)


def is_pipe(path: Path) -> bool:
    """Return whether *path* is a pipe or a device, such as `<(...)` and /dev/stdin are."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def open_pipe(path: Path) -> BinaryIO:
    """Return *path*, a pipe or a device, to be read to its end; one that nobody writes to is at its end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # else a pipe without a writer would hold up the program
    os.set_blocking(descriptor, True)
    return os.fdopen(descriptor, "rb")


def through(path: Path, size: int) -> bytes:
    """Return the first *size* bytes that come through the pipe *path*; raises OSError when none come."""
    with open_pipe(path) as pipe:
        data = pipe.read(size)
    if not data:
        raise OSError("nothing came through this pipe")
    return data
