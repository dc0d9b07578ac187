"""What a process with all its children has taken: processor time and memory, as the kernel tells."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> Iterator[int]:
    """Yield *pid* and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            for child in (task / "children").read_text().split():
                yield from family(int(child))


def cpu(pid: int) -> float:
    """Return the seconds of processor time of *pid* and its children."""
    total = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICK


def memory(pid: int) -> float:
    """Return the MiB that *pid* and its children have, what they share counted once."""
    total = 0
    for one in family(pid):
        lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def descriptors(pid: int) -> int:
    """Return how many descriptors *pid* and its children have open."""
    return sum(1 for one in family(pid) for _ in Path(f"/proc/{one}/fd").iterdir())


def threads(pid: int) -> int:
    """Return how many threads *pid* and its children have."""
    return sum(1 for one in family(pid) for _ in Path(f"/proc/{one}/task").iterdir())
