"""The one place where tests wait: a condition, polled until it holds or a deadline has passed."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds after which nothing comes any more. What is waited for takes one or two, on a machine that others use many;
#: what is promised in seconds is measured by `make prove`.
PATIENCE = 90.0


def until(condition: Callable[[], T | None], what: str, *, seconds: float = PATIENCE, pause: float = 0.02) -> T:
    """Return the first truthy value of *condition*, asked every *pause* seconds.

    Raises TimeoutError, which says *what* was waited for, when *seconds* have passed; what *condition* raises ends the
    waiting at once.

    >>> until(lambda: 3, "three")
    3
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)
    return value
