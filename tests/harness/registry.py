"""Files of other projects that tests rely on, such as schemas: from their registries, by their own clients."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.harness.browser import INSTALL

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "airlock" / "registry"

# What is used, at the versions that the tests were written against.
AXE = ("axe-core", "4.14.1")  # rules of accessibility
SARIF = ("@microsoft/jest-sarif", "1.0.0-beta.0")  # has the schema of SARIF 2.1.0, as it is since its fifth release
PYTEST = ("pytest", "9.2.0")  # its sources have Jenkins' schema of JUnit's XML


def npm(package: tuple[str, str]) -> Path:
    """Return the folder of a *package* of npm's registry, by name and version."""

    def get(folder: Path) -> None:
        subprocess.run([INSTALL], check=True)
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), "@".join(package)]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE)

    return _cached(package, get)


def sdist(package: tuple[str, str]) -> Path:
    """Return the folder of the sources of a *package* of Python's index, by name and version."""

    def get(folder: Path) -> None:
        wanted = ["--no-deps", "--no-binary", ":all:", "--dest", str(folder), "==".join(package)]
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", *wanted], check=True)

    return _cached(package, get)


def _cached(package: tuple[str, str], get: Callable[[Path], None]) -> Path:
    """Return the one folder in the archive that *get* puts somewhere, which is kept for the next time."""
    name, version = package
    kept = CACHE / f"{name.removeprefix('@').replace('/', '-')}-{version}"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            get(Path(work))
            (archive,) = Path(work).iterdir()
            with tarfile.open(archive) as opened:
                opened.extractall(Path(work, "out"), filter="data")
            (folder,) = Path(work, "out").iterdir()
            try:
                folder.rename(kept)  # it is there whole or not at all
            except OSError:  # another run was faster
                shutil.rmtree(folder)
    return kept
