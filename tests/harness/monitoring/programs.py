"""Where prometheus and promtool are: the script `install` finds or gets them, this module asks it."""

import subprocess
from functools import cache
from pathlib import Path

INSTALL = Path(__file__).with_name("install")


@cache
def program(name: str) -> str:
    """Return the path of *name*; raises RuntimeError when it can be neither found nor got, and install has said why."""
    run = subprocess.run([str(INSTALL)], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"no {name} to test with: {INSTALL.name} ended with {run.returncode} and says why above")
    return str(Path(run.stdout.splitlines()[-1], name))


def promtool(*arguments: str) -> tuple[int, str]:
    """Run promtool; return its exit code and what it wrote."""
    run = subprocess.run(
        [program("promtool"), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=60,
    )
    return run.returncode, run.stdout
