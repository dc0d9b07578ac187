"""What the loop does when nobody waits for it: the log lines about what it has answered.

A line takes longer than half a decision, and beside an API server that is the processor's time that a client waits for.
So the lines of many decisions are written together, and seldom between the two halves of a pair.
"""

from collections import deque
from collections.abc import Callable
from time import monotonic

LULL = 0.01  # seconds without a request: the API server asks for the second half of a pair sooner
PATIENCE = 0.2  # seconds after which something is due, even if requests wait

_MOST = 64  # that wait at once
_BATCH = 16  # done before others get their turn

Work = Callable[[], None]


class Leisure:
    """Keeps *do* from being called with work while requests come in close order; for one thread."""

    def __init__(self, do: Callable[[Work], None], clock: Callable[[], float] = monotonic) -> None:
        self._do = do
        self._clock = clock
        self._waiting = deque[tuple[float, Work]]()

    def add(self, work: Work) -> None:
        """Have *work* done later, in the order of adding."""
        self._waiting.append((self._clock(), work))

    def until(self, seconds: float) -> float:
        """Return for how long at most to wait for others, when that would be *seconds* without work."""
        return min(seconds, LULL) if self._waiting else seconds

    def turn(self, *, quiet: bool) -> None:
        """Do some of what waits: if nobody has come for a lull (*quiet*), what is due, and what is too much."""
        done = 0
        while self._waiting and (len(self._waiting) > _MOST or (done < _BATCH and (quiet or self._is_due()))):
            self._do(self._waiting.popleft()[1])
            done += 1

    def end(self) -> None:
        """Do all that waits."""
        while self._waiting:
            self._do(self._waiting.popleft()[1])

    def _is_due(self) -> bool:
        return self._waiting[0][0] <= self._clock() - PATIENCE
