"""One program of the control plane as a process: it writes to a log file, and ends with all its children."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

LINES = 20


class StartError(RuntimeError):
    """A program did not come up, or ended by itself; the text holds the end of its log."""


class Program:
    """A program with its arguments; its log and, while it runs, its process group's number lie in *folder*."""

    def __init__(self, name: str, arguments: Sequence[str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._arguments = arguments
        self._folder = folder
        self._pid_file = folder / f"{name}.pid"  # for the guard
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it, unless it runs; the log of an earlier run is continued."""
        if self.running:
            return
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the owner, who ends things in order
            )
        self._pid_file.write_text(str(self._process.pid), encoding="ascii")

    def stop(self) -> None:
        """Kill its process group; returns when it is gone."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        self._pid_file.unlink()

    def check(self) -> None:
        """Raise StartError if it was started and has ended by itself."""
        if self._process is not None and (status := self._process.poll()) is not None:
            raise self.failure(f"ended with status {status}")

    def failure(self, what: str) -> StartError:
        """Return the error that says *what* happened, with the last lines of the log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LINES:]
        return StartError("\n".join([f"{self.name} {what}; the end of its log:", *lines]))
