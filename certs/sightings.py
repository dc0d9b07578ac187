"""How long things have looked the way they look now."""

from collections.abc import Hashable, Iterable
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


class Sightings:
    """Remembers how long each thing has been there without a break; after a restart, the wait just starts over."""

    def __init__(self) -> None:
        self._since: dict[Hashable, float] = {}

    def ages(self, present: Iterable[K], now: float) -> dict[K, float]:
        """Return for how long each of *present* has been there at *now*, and forget everything else."""
        things = [*present]
        self._since = {thing: self._since.get(thing, now) for thing in things}
        return {thing: now - self._since[thing] for thing in things}
