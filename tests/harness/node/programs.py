"""Where a node's programs are: the scripts `install` and `build` find or make them, this module asks them."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.harness.control_plane import binaries
from tests.harness.control_plane.binaries import Binaries

INSTALL = Path(__file__).with_name("install")
# A user's PATH may lack the folders of programs for administrators.
SEARCH = os.pathsep.join(["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"])


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of Kubernetes, and a folder with containerd, runc, docker-registry, busybox and CNI plugins."""

    kubernetes: Binaries
    folder: Path

    def path(self, program: str) -> str:
        """Return the full path of *program*, which is not one of Kubernetes."""
        return str(self.folder / program)

    @property
    def environment(self) -> dict[str, str]:
        """All that these programs get to know of the environment: no proxy stands between them and the node."""
        return {"PATH": os.pathsep.join([str(self.folder), SEARCH]), "HOME": "/nonexistent"}


def find() -> Programs:
    """Find the programs; what this machine lacks is installed or built first, which may take minutes and is told.

    Raises RuntimeError when they can be neither found nor made; the script has said why on stderr.
    """
    kubernetes = binaries.inspect(_folder(binaries.BUILD, "control-plane", "node"))
    return Programs(kubernetes, _folder(INSTALL))


def folder() -> Path:
    """Return the folder of the programs from outside Kubernetes; get them from Debian's packages if need be."""
    return _folder(INSTALL)


def _folder(script: Path, *arguments: str) -> Path:
    run = subprocess.run([str(script), *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"no node to test with: {script.name} ended with {run.returncode} and says why above")
    return Path(run.stdout.splitlines()[-1])
