"""What work costs on this machine, for laws about growth: tests compare figures of one run, never with a clock."""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time

TIMES = 16

#: What a growth is at most, of work that is linear: it is about 1 then, and 16 of a square. Between them lies what a
#: neighbour on the same cores does to a measurement, by a factor of four to either side.
LINEAR = 4


def growth(work: Callable[[int], Callable[[], object]], size: int) -> float:
    """Return the CPU time of one work of sixteen times the *size*, in that of sixteen works of the *size*.

    Both take equally long where work is linear, and are measured in turns, so what else the machine does meets both.
    """
    small, large = work(size), work(TIMES * size)
    with _uncollected():
        turns = [(_once(lambda: [small() for _ in range(TIMES)]), _once(large)) for _ in range(3)]
    return min(large for _, large in turns) / min(small for small, _ in turns)


def ratio(work: Callable[[], object], other: Callable[[], object]) -> float:
    """Return the CPU time of *work* in that of *other*: the least of three turns, of each."""
    with _uncollected():
        turns = [(_once(work), _once(other)) for _ in range(3)]
    return min(first for first, _ in turns) / min(second for _, second in turns)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the collector of cycles from running in between: it costs by what all tests before left in memory."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _once(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began
