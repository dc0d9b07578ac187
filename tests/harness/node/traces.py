"""What nodes leave behind on a machine, for the tests that expect nothing."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.harness.node.network import STATES
from tests.harness.node.programs import SEARCH

# A kubelet sets these for the whole machine, if it can.
SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys")


def of(*folders: Path) -> list[str]:
    """Return every process, mount, link, control group and file of this machine that bears the name of a folder."""
    names = [folder.name for folder in folders]
    processes = [one for one in Path("/proc").glob("[0-9]*") if _bears(one, names)]
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    links = _said("ip", "-oneline", "link").splitlines()
    groups = Path("/sys/fs/cgroup")
    places = [*folders, *(place / name for place in [STATES, groups, *groups.glob("*")] for name in names)]
    return [
        *map(str, processes),
        *(mount for mount in mounts if any(name in mount for name in names)),
        *(link for link in links if any(f" al-{name.rpartition('-')[2]}" in link for name in names)),
        *(str(place) for place in places if place.exists()),
    ]


def settings() -> list[str]:
    """Return what a node could change of the machine as a whole: the packet filter, and kernel settings."""
    rules = [line for line in _said("iptables-save").splitlines() if not line.startswith("#")]
    return [*rules, *((Path("/proc/sys") / name).read_text(encoding="ascii") for name in SETTINGS)]


def _bears(process: Path, names: Sequence[str]) -> bool:
    try:
        text = (process / "cmdline").read_bytes() + (process / "cgroup").read_bytes()
    except OSError:  # it has ended meanwhile
        return False
    return any(name.encode() in text for name in names)


def _said(*command: str) -> str:
    return subprocess.run(command, env={"PATH": SEARCH}, stdout=subprocess.PIPE, text=True, check=True).stdout
