"""A control group with a memory limit, like a container's: the kernel kills what exceeds it."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import sleep

_V1, _V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Limited:
    """A group of processes whose memory is limited."""

    folder: Path
    peak_file: str
    killed_file: str

    def command(self, *command: str) -> list[str]:
        """Return *command* so that it runs in the group."""
        return ["sh", "-c", f'echo $$ > {self.folder}/cgroup.procs; exec "$@"', "sh", *command]

    @property
    def peak(self) -> int:
        """The most bytes that the group has had."""
        return int((self.folder / self.peak_file).read_text())

    @property
    def killed(self) -> int:
        """How many processes were killed for memory."""
        lines = (self.folder / self.killed_file).read_text().splitlines()
        return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


@contextmanager
def limited(most: int) -> Iterator[Limited]:
    """Make a group that may have *most* bytes, and remove it when its processes have ended."""
    name = f"airlock-{uuid.uuid4().hex[:8]}"
    if _V1.is_dir():
        folder = _V1 / name
        folder.mkdir()
        (folder / "memory.limit_in_bytes").write_text(str(most))
        group = Limited(folder, "memory.max_usage_in_bytes", "memory.oom_control")
    else:
        folder = _V2 / name
        folder.mkdir()
        (folder / "memory.max").write_text(str(most))
        group = Limited(folder, "memory.peak", "memory.events")
    try:
        yield group
    finally:
        while (folder / "cgroup.procs").read_text():
            sleep(0.05)
        folder.rmdir()
