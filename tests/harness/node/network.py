"""The addresses of one node: a block that nothing on this machine uses, and the link by which tests reach into it."""

import fcntl
import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

WHOLE = IPv4Network("10.88.0.0/16")
BLOCK = 22  # bits: 64 nodes at a time
STATES = Path("/run/airlock-node")  # the script `box` keeps its there, under the same lock


@dataclass(frozen=True, slots=True)
class Network:
    """A block of addresses, and how a node divides it: pods, Services, and a link of two ends.

    >>> network = Network(IPv4Network("10.88.4.0/22"))
    >>> f"{network.pods} {network.bridge}, {network.services}, {network.outside} {network.inside}"
    '10.88.4.0/23 10.88.4.1, 10.88.6.0/24, 10.88.7.1 10.88.7.2'
    """

    block: IPv4Network

    @property
    def pods(self) -> IPv4Network:
        """The addresses of pods."""
        return next(self.block.subnets(new_prefix=23))

    @property
    def bridge(self) -> IPv4Address:
        """The address of the bridge to which pods are attached."""
        return self.pods[1]

    @property
    def services(self) -> IPv4Network:
        """The addresses of Services; the first is that of `kubernetes`."""
        return list(self.block.subnets(new_prefix=24))[2]

    @property
    def link(self) -> IPv4Network:
        """The addresses of the link between the machine and the node."""
        return list(self.block.subnets(new_prefix=24))[3]

    @property
    def outside(self) -> IPv4Address:
        """The machine's end of the link, where the API server listens."""
        return self.link[1]

    @property
    def inside(self) -> IPv4Address:
        """The node's end of the link: the address of the node."""
        return self.link[2]


def free(routes: list[IPv4Network]) -> Network:
    """Return the first network that overlaps none of *routes*; raises OSError when there is none."""
    for block in WHOLE.subnets(new_prefix=BLOCK):
        if not any(block.overlaps(route) for route in routes):
            return Network(block)
    raise OSError(f"this machine has routes to all of {WHOLE}: no addresses are left for a node")


@contextmanager
def locked() -> Iterator[None]:
    """Hold the lock under which nodes take what another could take too."""
    STATES.mkdir(exist_ok=True)
    descriptor = os.open(STATES, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def routes() -> list[IPv4Network]:
    """Return the destinations of this machine's routes, but for the default ones."""
    listing = subprocess.run(
        ["ip", "-json", "-4", "route", "show", "table", "all"], stdout=subprocess.PIPE, check=True
    ).stdout
    return [IPv4Network(route["dst"]) for route in json.loads(listing) if route["dst"] != "default"]
