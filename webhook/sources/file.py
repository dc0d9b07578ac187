"""Watches one file: reports its bytes at the start and after each change, and when the file is gone."""

import logging
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import msgspec

BIGGEST = 1 << 20  # bytes; the same document in a ConfigMap could not be longer
LOOK_EVERY = 0.5  # seconds; a change counts when two looks agree

logger = logging.getLogger("airlock.file")


class FileError(OSError):
    """The file cannot be read; the text says which and why."""


class Listener(msgspec.Struct, frozen=True):
    """Hears about a file: its bytes, why it cannot be read, or that nothing has changed."""

    offer: Callable[[bytes], None]
    lose: Callable[[str], None]
    seen: Callable[[], None]


def read(path: Path) -> bytes:
    """Return the bytes of *path*, a regular file of at most `BIGGEST` bytes; symbolic links are followed.

    Raises FileError.
    """
    try:
        with open(path, "rb", opener=_without_waiting) as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            data = file.read(BIGGEST + 1) if regular else b""
    except OSError as error:
        raise FileError(f"{path}: {(error.strerror or str(error)).lower()}") from error
    if not regular:
        raise FileError(f"{path}: not a regular file")
    if len(data) > BIGGEST:
        raise FileError(f"{path}: longer than {BIGGEST} bytes")
    return data


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)  # else opening a pipe waits for its writer


class FileWatch:
    """Looks at *path* from a thread of its own and tells *listener*.

    It reads the file instead of its mtime: that can stay the same over two writes, and does not show a swapped link,
    which is how the kubelet updates a mounted ConfigMap.
    """

    def __init__(self, path: Path, listener: Listener, *, every: float = LOOK_EVERY) -> None:
        self._path = path
        self._listener = listener
        self._every = every
        self._told: bytes | FileError | None = None
        self._last: bytes | None = None
        self._looked = monotonic()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"file {path.name}", daemon=True)

    def start(self) -> None:
        """Report the bytes that are there now, then watch.

        Raises FileError when there are none: a path that is wrong from the start is a mistake, not a change.
        """
        self._told = self._last = read(self._path)
        self._listener.offer(self._last)
        self._thread.start()

    def silent(self) -> float:
        """Return how many seconds ago it last looked."""
        return monotonic() - self._looked

    def stop(self, timeout: float = 5.0) -> None:
        """Stop watching; the listener hears nothing afterwards."""
        self._stopping.set()
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping.wait(self._every):
            try:
                self._look()
            except Exception:  # a listener's error must not stop the watching
                logger.exception("%s: telling of it failed", self._path)
            self._looked = monotonic()

    def _look(self) -> None:
        try:
            data = read(self._path)
        except FileError as error:
            self._miss(error)
            return
        settled, self._last = data == self._last, data
        if data == self._told:
            self._listener.seen()
        elif settled:  # a file that is written in place is half there at first
            self._told = data
            self._listener.offer(data)

    def _miss(self, error: FileError) -> None:
        self._last = None
        if not isinstance(self._told, FileError):
            self._told = error
            self._listener.lose(str(error))
