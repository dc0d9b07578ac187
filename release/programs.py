"""Programs that a release runs: what they say is shown when they fail."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from release.source import ReleaseError, Source


def run(command: Sequence[str | Path], source: Source, environ: Mapping[str, str] | None = None) -> str:
    """Run *command* in the source's folder, at its time; return what it wrote to stdout. Raises ReleaseError."""
    given = {**os.environ, "SOURCE_DATE_EPOCH": str(source.epoch), "PYTHONHASHSEED": "0", **(environ or {})}
    try:
        ended = subprocess.run(command, cwd=source.folder, env=given, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError as error:
        raise ReleaseError(f"{command[0]} is not installed") from error
    if ended.returncode:
        raise ReleaseError(f"{Path(command[0]).name} ended with {ended.returncode}:\n{ended.stderr.strip()[-4000:]}")
    return ended.stdout
