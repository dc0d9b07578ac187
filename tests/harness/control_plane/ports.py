"""Free ports on loopback that stay free while nobody listens."""

import random
import socket
from contextlib import ExitStack
from pathlib import Path

LOOPBACK = "127.0.0.1"


def free(count: int) -> list[int]:
    """Return *count* ports on which nothing listens, from below the range of outgoing connections and of node ports.

    A port from the range of outgoing connections could be taken by one while a server is being restarted.
    """
    outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    candidates = list(range(10_000, min(outgoing, 30_000)))
    random.SystemRandom().shuffle(candidates)
    found: list[int] = []
    with ExitStack() as held:
        for port in candidates:
            if len(found) == count:
                break
            probe = held.enter_context(socket.socket())
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
            found.append(port)
    if len(found) < count:
        raise OSError(f"{count} free ports wanted, {len(found)} found below {outgoing}")
    return found
