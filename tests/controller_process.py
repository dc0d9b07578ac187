"""`airlock controller` that dies, as by `kill -9`, right before or after a write: DIE is `before:N` or `after:N`."""

import os
import signal
from typing import Any

from webhook.__main__ import main
from webhook.cluster import Cluster

MOMENT, _, NUMBER = os.environ["DIE"].partition(":")
ask = Cluster.call
writes = 0


def call(cluster: Cluster, method: str, path: str, **fields: Any) -> Any:
    global writes  # noqa: PLW0603 - one process, one count
    writes += method != "GET" and "events" not in path
    last = method != "GET" and writes == int(NUMBER)
    if last and MOMENT == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    answer = ask(cluster, method, path, **fields)
    if last:
        os.kill(os.getpid(), signal.SIGKILL)
    return answer


Cluster.call = call  # type: ignore[assignment]
main()
