"""How long `make bench` measures, and how work is compared: in turns, so that what disturbs one disturbs the other."""

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """What the command line said: the short form, or the whole one."""

    quick: bool

    def pick(self, quick: int, whole: int) -> int:
        """Return how many of something there are in this form."""
        return quick if self.quick else whole


def each(calls: list[Callable[[], object]], rounds: int, seconds: float) -> list[tuple[float, ...]]:
    """Return for each call the microseconds of processor time that it took in each round, of about *seconds* each."""
    counts = [max(1, int(seconds / _once(call))) for call in calls]
    turns = [tuple(_took(call, count) for call, count in zip(calls, counts, strict=True)) for _ in range(rounds)]
    return list(zip(*turns, strict=True))


def ratios(mine: tuple[float, ...], theirs: tuple[float, ...]) -> tuple[float, ...]:
    """Return the ratios round by round."""
    return tuple(one / other for one, other in zip(mine, theirs, strict=True))


def best(mine: Iterable[float], theirs: Iterable[float]) -> float:
    """Return the ratio of the least of each: what other programs disturb least."""
    return min(mine) / min(theirs)


def quantile(values: list[float], percent: int) -> float:
    """Return the value below which *percent* of *values* lie."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _once(call: Callable[[], object]) -> float:
    return max(1e-6, min(_took(call, 3) for _ in range(3)) / 1e6)


def _took(call: Callable[[], object], count: int) -> float:
    began = time.process_time()
    for _ in range(count):
        call()
    return (time.process_time() - began) / count * 1e6
