"""Files of certificates that may change at any time: how they are read, and what about them is news."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from certs.certificate import MAX_PEM_BYTES


class Reload(StrEnum):
    """What became of changed files."""

    ACCEPTED = "accepted"  # new connections are served with them
    REJECTED = "rejected"  # what was good before stays in force


OnReload = Callable[[Reload, str], None]


class TlsError(ValueError):
    """Certificates that cannot be served with; the text names the file and what is wrong with it."""


def read(path: Path) -> bytes:
    """Return the file's bytes, or one more than a certificate may have; raises TlsError when it cannot be read."""
    with _opened(path) as file:
        return file.read(MAX_PEM_BYTES + 1)


@contextmanager
def held(path: Path) -> Iterator[str]:
    """Yield another name of the file at *path*, for OpenSSL to open: it stays this file, whatever *path* becomes."""
    with _opened(path) as file:
        yield f"/dev/fd/{file.fileno()}"


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Yield the file, opened without waiting; raises TlsError when it is none, cannot be read, or is a FIFO."""
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # reading a FIFO would wait for ever
                raise TlsError(f"{path}: not a regular file")
            yield file
    except OSError as error:
        raise TlsError(f"{path}: {error.strerror}") from None


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)


class Doubt:
    """Decides when a fault is news: at the second look that finds it, and once.

    So a writer that replaces two files one by one causes no report.
    """

    def __init__(self) -> None:
        self._suspected = self._told = (b"", "")

    def is_news(self, digest: bytes, why: str) -> bool:
        """Whether to tell that the content with *digest* was rejected, and *why*."""
        fault = (digest, why)
        news = fault == self._suspected != self._told
        if news:
            self._told = fault
        self._suspected = fault
        return news

    def settle(self) -> bool:
        """Forget the fault, since the content is good; return whether it had been told."""
        told = bool(self._told[1])
        self._suspected = self._told = (b"", "")
        return told
