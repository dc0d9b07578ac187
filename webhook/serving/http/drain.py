"""When a server that was told to stop may stop. Pure: its clock is an argument."""

from dataclasses import dataclass

# The API server keeps connections to an endpoint that is gone (kubernetes #127335), so the end of traffic is observed
# rather than assumed.
QUIET = 1.0  # seconds without a request


@dataclass(slots=True)
class Drain:
    """A drain that began at *begun*; it lasts *seconds* at least and *limit* seconds at most.

    Times are seconds of one monotonic clock.
    """

    seconds: float
    limit: float
    begun: float
    announced: bool = False  # the service knows
    _requests: int = -1
    _last: float = 0.0

    def is_over(self, now: float, requests: int, busy: int) -> bool:
        """Whether to end at *now*, with *requests* begun so far and *busy* connections under way; ask regularly."""
        if busy or requests != self._requests:
            self._requests, self._last = requests, now
        age = now - self.begun
        return age >= self.limit or (age >= self.seconds and now - self._last >= QUIET)
