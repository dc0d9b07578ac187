"""The wheel and the sdist."""

import sys
from pathlib import Path

from release.archives import settle
from release.programs import run
from release.source import Source


def packages(source: Source, target: Path) -> tuple[Path, Path]:
    """Build the wheel and the sdist into *target*, with the setuptools of this environment: it is pinned."""
    command: list[str | Path] = [sys.executable, "-m", "build", "--no-isolation", "--outdir", target, source.folder]
    run(command, source)
    (wheel,), (sdist,) = target.glob("*.whl"), target.glob("*.tar.gz")
    settle(sdist, source.epoch)  # setuptools takes SOURCE_DATE_EPOCH for the wheel alone
    return wheel, sdist
