"""Reads documents from files for commands that judge once: a bad one ends the command."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import click
import msgspec

from webhook.commands.pipes import STDIN, is_pipe, standard_input, through
from webhook.documents.doubts import doubts
from webhook.grammar.model import DocumentError, revision
from webhook.sources.file import BIGGEST, FileError, read

T = TypeVar("T")


class Read(msgspec.Struct, Generic[T], frozen=True):
    """A document and which it is, in words."""

    value: T
    words: str


def name_of(path: Path) -> str:
    """Return what problems call *path*."""
    return STDIN if str(path) == "-" else str(path)


def contents(path: Path) -> bytes:
    """Return the bytes of *path*: a file, a pipe such as `<(...)`, or `-` for standard input. Raises FileError."""
    if str(path) != "-" and not is_pipe(path):
        return read(path)
    try:
        data = standard_input().read(BIGGEST + 1) if str(path) == "-" else through(path, BIGGEST + 1)
    except OSError as error:
        raise FileError(f"{name_of(path)}: {(error.strerror or str(error)).lower()}") from error
    if len(data) > BIGGEST:
        raise FileError(f"{name_of(path)}: longer than {BIGGEST} bytes")
    return data


def document(path: Path, reader: Callable[[bytes], T]) -> Read[T]:
    """Return what *reader* makes of *path*, a file, a pipe or `-`.

    It ends the program with 2 and every problem when that is bad. What is odd about a good one is a warning.
    """
    try:
        data = contents(path)
        value = reader(data)
    except FileError as error:
        problems = str(error)
    except DocumentError as error:
        problems = "\n".join(f"{name_of(path)}: {problem}" for problem in error.problems)
    else:
        for doubt in doubts(data):
            click.echo(f"{name_of(path)}: warning: {doubt}", err=True)
        return Read(value, f"{name_of(path)}, revision {revision(data)}")
    click.echo(problems, err=True)
    sys.exit(2)
