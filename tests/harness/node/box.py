"""The box that a node lives in: namespaces and a control group that vanish with everything in them."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.harness.node import network
from tests.harness.node.network import Network

BOX = Path(__file__).with_name("box")
BRIDGE = "cni0"


class BoxError(RuntimeError):
    """Something in or around the box did not work; the text is the command and what it said."""


class Box:
    """Namespaces for mounts, processes, network, IPC and host name, and a control group, with a link to the outside.

    Everything is gone after `stop`, and when the process that started it is killed.
    """

    folder: Path
    """What is written by the programs in the box lies here."""
    network: Network
    """Its addresses; unlike anything else this machine has a route to."""

    def __init__(self) -> None:
        self._keeper: subprocess.Popen[str] | None = None
        self._pid = 0

    @property
    def control_group(self) -> str:
        """The control group of the box, below the root of each hierarchy."""
        return f"/{self.folder.name}"

    def start(self, environment: Mapping[str, str]) -> None:
        """Make the box, whose programs know of *environment* alone; raises BoxError.

        What others have left, whose keeper was killed, is swept out first.
        """
        if self._keeper is not None:
            raise RuntimeError(f"the node in {self.folder} is started and not stopped")
        if os.geteuid() != 0:
            raise BoxError("a node needs root: it makes namespaces, mounts and network links")
        _run([str(BOX), "sweep"])
        self._environment = environment
        self.folder = Path(tempfile.mkdtemp(prefix="airlock-node-"))
        self._keeper = subprocess.Popen(
            [str(BOX), "keep", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # it ends when its stdin does, and not before
        )
        try:
            self._pid = self._answer()
            self._connect()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything in the box; returns when nothing is left. Does nothing if it is stopped."""
        if self._keeper is None:
            return
        if self._pid:
            # The kernel would remove it too, but a moment later.
            subprocess.run(["ip", "link", "delete", self._link], capture_output=True, check=False)
        said, _ = self._keeper.communicate()  # closes its stdin
        status, self._keeper, self._pid = self._keeper.returncode, None, 0
        if status:
            raise BoxError(f"{BOX.name} ended with {status}: {said}")

    def command(self, *command: str) -> list[str]:
        """Return the command line that runs *command* in the box."""
        variables = [f"{name}={value}" for name, value in self._environment.items()]
        enter = ["nsenter", f"--target={self._pid}", "--mount", "--net", "--pid", "--ipc", "--uts"]
        return [*enter, "env", "--ignore-environment", *variables, *command]

    def run(self, *command: str, input: str | None = None) -> str:  # noqa: A002  # as subprocess calls it
        """Run *command* in the box and return what it wrote to stdout; raises BoxError when it fails."""
        return _run(self.command(*command), input)

    @property
    def _link(self) -> str:
        # Unique as the folder is; names of links have 15 characters at most.
        return f"al-{self.folder.name.removeprefix('airlock-node-')}"

    def _answer(self) -> int:
        assert self._keeper is not None
        assert self._keeper.stdout is not None
        answer = self._keeper.stdout.readline()
        if not answer.strip().isdigit():
            raise BoxError(f"{BOX.name}: {answer}{self._keeper.stdout.read()}")
        return int(answer)

    def _connect(self) -> None:
        with network.locked():
            self.network = net = network.free(network.routes())
            outside = [
                f"link add {self._link} type veth peer name eth0 netns {self._pid}",
                f"address add {net.outside}/{net.link.prefixlen} dev {self._link}",
                f"link set {self._link} up",
                f"route add {net.block} via {net.inside}",
            ]
            _run(["ip", "-batch", "-"], "\n".join(outside))
        # No default route: the rest of the world is unreachable at once, such as the clouds that kubelet asks about.
        inside = [
            f"address add {net.inside}/{net.link.prefixlen} dev eth0",
            "link set eth0 up",
            f"link add {BRIDGE} type bridge",
            f"address add {net.bridge}/{net.pods.prefixlen} dev {BRIDGE}",
            f"link set {BRIDGE} up",
        ]
        self.run("ip", "-batch", "-", input="\n".join(inside))


def _run(command: Sequence[str], input: str | None = None) -> str:  # noqa: A002  # as subprocess calls it
    run = subprocess.run(command, input=input, capture_output=True, text=True, check=False)
    if run.returncode:
        raise BoxError(f"{shlex.join(command)} ended with {run.returncode}: {run.stderr.strip()}")
    return run.stdout
