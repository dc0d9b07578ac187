"""How long to wait after failures in a row."""

FIRST, MOST = 0.2, 15.0  # seconds


def backoff(failures: int, chance: float) -> float:
    """Return how many seconds to wait after *failures* in a row; *chance*, 0 to 1, takes off up to a half.

    >>> [backoff(failures, 1.0) for failures in (1, 2, 3, 20)]
    [0.2, 0.4, 0.8, 15.0]
    """
    return min(MOST, FIRST * 2.0 ** min(failures - 1, 10)) * (1 + chance) / 2
