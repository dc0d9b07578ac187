"""The commit that is released: its files in a folder of their own, its time, and the version that it says."""

import subprocess
import tarfile
import tomllib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path


class ReleaseError(RuntimeError):
    """Something cannot be built; the text says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """The files of *commit* in *folder*."""

    folder: Path
    commit: str
    epoch: int  # seconds since 1970 at which it was committed: the time of all that is built
    version: str


def check_out(repository: Path, folder: Path) -> Source:
    """Write the files of *repository*'s current commit into *folder*; edits that are not committed are left out.

    Raises ReleaseError when the tree is no git repository, or the chart says another version than pyproject.toml.
    """
    folder.mkdir(parents=True)
    commit, epoch = _git(repository, "log", "-1", "--format=%H %ct").decode().split()
    with tarfile.open(fileobj=BytesIO(_git(repository, "archive", "--format=tar", commit))) as files:
        files.extractall(folder, filter="tar")
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return Source(folder, commit, int(epoch), project["version"])


def changed(repository: Path) -> bool:
    """Return whether *repository* has edits that are not committed."""
    return bool(_git(repository, "status", "--porcelain").strip())


def _git(repository: Path, *arguments: str) -> bytes:
    run = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, check=False)  # noqa: S603, S607
    if run.returncode:
        raise ReleaseError(f"{repository}: {run.stderr.decode(errors='replace').strip()}")
    return run.stdout
