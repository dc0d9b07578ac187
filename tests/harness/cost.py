"""What work costs on this machine, for laws about growth: tests compare figures of one run, never with a clock."""

from collections.abc import Callable
from time import process_time


def cpu(work: Callable[[], object], runs: int = 3) -> float:
    """Return the least CPU time, in seconds, that *work* took in this process in some *runs*."""
    return min(_once(work) for _ in range(runs))


def _once(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began


def grows_linearly(work: Callable[[int], Callable[[], object]], size: int) -> bool:
    """Return whether four times the *size* takes at most eight times the CPU: sixteen times would be a square."""
    return cpu(work(4 * size), runs=5) <= 8 * cpu(work(size), runs=5)
