"""Where the programs of Kubernetes are: the script `build` finds or makes them, this module asks it."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

BUILD = Path(__file__).with_name("build")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with etcd, kube-apiserver and kube-controller-manager, and the Kubernetes version they are of."""

    folder: Path
    version: tuple[int, int]

    def path(self, program: str) -> str:
        """Return the full path of *program*."""
        return str(self.folder / program)


def find() -> Binaries:
    """Find the programs; when this machine has none, build them first, which takes minutes and is told on stderr.

    Raises RuntimeError when they can be neither found nor built; `build` has said why on stderr.
    """
    run = subprocess.run([str(BUILD)], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        raise RuntimeError(
            f"no control plane to test with: {BUILD.name} ended with {run.returncode} and says why above"
        )
    return inspect(Path(run.stdout.splitlines()[-1]))


def inspect(folder: Path) -> Binaries:
    """Ask the programs in *folder* for their version; raises ValueError when the answer is none."""
    answer = subprocess.run(
        [str(folder / "kube-apiserver"), "--version"], stdout=subprocess.PIPE, text=True, check=True
    )
    match = re.fullmatch(r"Kubernetes v(\d+)\.(\d+)\..*\n", answer.stdout)
    if match is None:
        raise ValueError(
            f"{folder / 'kube-apiserver'} gives {answer.stdout!r} for its version, not 'Kubernetes v1.2.3'"
        )
    return Binaries(folder, (int(match[1]), int(match[2])))
