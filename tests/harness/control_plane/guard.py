"""Ends a control plane whose owner is gone, however that went: a process of its own that waits for a pipe to close.

PR_SET_PDEATHSIG would not do: it fires when the thread that started a process ends, and nobody would remove the folder.
It runs by path, outside the project, so this file imports the standard library only.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 10  # seconds


class Guard:
    """A process that does what `clear` does to *folder* when it is dismissed, or when this process is gone."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", __file__, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what ends the owner's process group must not end its guard
        )

    def dismiss(self) -> None:
        """Let it clear now; returns when it has."""
        self._process.communicate()  # closes its stdin


def clear(folder: Path) -> None:
    """Kill the process groups that the *.pid files in *folder* name, and remove *folder*."""
    for file in folder.glob("*.pid"):
        with contextlib.suppress(ProcessLookupError, ValueError):  # ended meanwhile; not yet written
            os.killpg(int(file.read_text(encoding="ascii")), signal.SIGKILL)
    # What dies may still write for a moment.
    deadline = time.monotonic() + PATIENCE
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    clear(Path(sys.argv[1]))
