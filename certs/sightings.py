"""For how long things have been seen to be as they are."""

from collections.abc import Hashable, Iterable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


class Sightings:
    """Remembers since when each thing has been there without a break; whoever forgets it only waits once more."""

    def __init__(self) -> None:
        self._since: dict[Hashable, float] = {}

    def ages(self, present: Iterable[K], now: float) -> dict[K, float]:
        """Return for how long each of *present* has been there at *now*, and forget everything else."""
        things = [*present]
        self._since = {thing: self._since.get(thing, now) for thing in things}
        return {thing: now - self._since[thing] for thing in things}
