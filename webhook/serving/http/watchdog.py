"""Reports when something blocks the loop that serves all clients, and where."""

import logging
import sys
import threading
import traceback
from time import monotonic

log = logging.getLogger("airlock.serving")

HELD = 1.0  # seconds; a turn of the loop takes a thousandth
_LOOK = 0.25
_FRAMES = 4  # of the stack that are told


class Watchdog:
    """Hears a beat with each turn of the loop, from the thread that makes it; looks from a thread of its own."""

    def __init__(self) -> None:
        self._beaten = monotonic()
        self._loop = 0
        self._told = False
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to look; called by the thread that beats."""
        self._loop = threading.get_ident()
        self._beaten = monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End the looking."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(_LOOK + 1)

    def beat(self) -> None:
        """Take note of a sign of life."""
        self._beaten = monotonic()

    def silent(self) -> float:
        """Return how many seconds ago the last sign of life was."""
        return monotonic() - self._beaten

    def look(self) -> None:
        """Say once when the loop has been held for too long."""
        silent = self.silent()
        if silent < HELD:
            self._told = False
        elif not self._told:
            self._told = True
            log.warning("the loop has been held for %.1f s, in %s", silent, self._place())

    def _place(self) -> str:
        frame = sys._current_frames().get(self._loop)  # noqa: SLF001 - the only way to see another thread's stack
        stack = traceback.extract_stack(frame)[-_FRAMES:] if frame is not None else []
        return " > ".join(f"{call.name} ({call.filename.rpartition('/')[2]}:{call.lineno})" for call in stack)

    def _run(self) -> None:
        while not self._stopped.wait(_LOOK):
            self.look()
