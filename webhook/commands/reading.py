"""Reads documents from files for commands that judge once: a bad one ends the command."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import click

from webhook.documents.doubts import doubts
from webhook.grammar.model import DocumentError, revision
from webhook.sources.file import FileError, read

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Read(Generic[T]):
    """A document and which it is, in words."""

    value: T
    words: str


def document(path: Path, reader: Callable[[bytes], T]) -> Read[T]:
    """Return what *reader* makes of the file *path*; ends the program with 2 and every problem when it is bad.

    What is odd about a good one is a warning.
    """
    try:
        data = read(path)
        value = reader(data)
    except FileError as error:
        problems = str(error)
    except DocumentError as error:
        problems = "\n".join(f"{path}: {problem}" for problem in error.problems)
    else:
        for doubt in doubts(data):
            click.echo(f"{path}: warning: {doubt}", err=True)
        return Read(value, f"{path}, revision {revision(data)}")
    click.echo(problems, err=True)
    sys.exit(2)
