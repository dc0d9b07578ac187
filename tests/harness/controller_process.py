"""`airlock controller` that dies, as by `kill -9`, right before or after a write: DIE is `before:N` or `after:N`."""

import os
import signal
from itertools import count
from typing import Any

from webhook.__main__ import main
from webhook.cluster import Cluster

# Writes that only tell of the work, and bring it no further.
TELLING = ("events", "configmaps/airlock-status")


def deadly(moment: str, number: int) -> None:
    """Have the write with that *number* be the last, *moment* ("before" or "after") it is made."""
    ask, writes = Cluster.call, count(1)

    def call(cluster: Cluster, method: str, path: str, **fields: Any) -> Any:
        telling = any(word in path for word in TELLING)
        last = method != "GET" and not telling and next(writes) == number
        if last and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        answer = ask(cluster, method, path, **fields)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Cluster.call = call  # type: ignore[assignment]


if __name__ == "__main__":
    at, _, nth = os.environ["DIE"].partition(":")
    deadly(at, int(nth))
    main()
