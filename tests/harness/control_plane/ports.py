"""Free ports on loopback that stay free while nobody listens, also of others who ask for ports in this way."""

import fcntl
import os
import random
import socket
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

LOOPBACK = "127.0.0.1"
_given: set[int] = set()


def free(count: int) -> list[int]:
    """Return *count* ports on which nothing listens, from below the range of outgoing connections and of node ports.

    A port from the range of outgoing connections could be taken by one while a server is being restarted. Each is given
    once, and to this process alone as long as it lives: the test that asked may not listen on it yet, or not right now.
    """
    outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    candidates = list(range(10_000, min(outgoing, 30_000)))
    random.SystemRandom().shuffle(candidates)
    found: list[int] = []
    with ExitStack() as held:
        for port in candidates:
            if len(found) == count:
                break
            if port in _given:
                continue
            probe = held.enter_context(socket.socket())
            try:
                claim(port)
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            _given.add(port)
            found.append(port)
    if len(found) < count:
        raise OSError(f"{count} free ports wanted, {len(found)} found below {outgoing}")
    return found


def claim(port: int) -> None:
    """Keep *port* from other processes until this one ends; raises OSError when one of them has it."""
    fcntl.lockf(_book(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)


@cache
def _book() -> int:
    """Return the open file in which each byte stands for a port: the process that has locked it has the port."""
    path = Path(tempfile.gettempdir(), f"airlock-ports-{os.getuid()}")
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
