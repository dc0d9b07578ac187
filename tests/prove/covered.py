"""Runs the tests that show an experiment, and makes a section of what passed."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path
from xml.etree import ElementTree as ET

from rich.console import Console

from tests.figures.figure import Figure, Promise, Section
from tests.figures.machine import moment
from tests.harness.places import ROOT


def shown(covered: dict[str, tuple[str, ...]], console: Console) -> Section:
    """Run all tests of *covered* in one process of pytest."""
    began, now = time.monotonic(), moment()
    ids = list(dict.fromkeys(one for tests in covered.values() for one in tests))
    console.print(f"[bold]Tests[/] that show the other experiments ({len(ids)} names)")
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "--junit-xml", str(report), *ids]
        subprocess.run(command, cwd=ROOT, check=False)
        passed = _passed(report)
    figures = []
    for name, tests in covered.items():
        wanted = [_key(one) for one in tests]
        results = [ok for key, ok in passed if any(key.startswith(one) for one in wanted)]
        missing = sum(not any(key.startswith(one) for key, _ in passed) for one in wanted)
        figures.append(
            Figure(
                f"{name}: tests that did not pass, of {len(results)}", (results.count(False) + missing,), "", Promise(0)
            )
        )
    return Section(
        "tests",
        "Shown by tests",
        "What a test shows already is not shown again by a script; the tests ran in this run.",
        now,
        round(time.monotonic() - began, 1),
        tuple(figures),
        tests=tuple(ids),
    )


def _key(test: str) -> str:
    """Return the class and the name that JUnit's XML has for the *test* of pytest.

    >>> _key("tests/a/test_b.py::test_c")
    'tests.a.test_b::test_c'
    """
    path, _, name = test.partition("::")
    return f"{path.removesuffix('.py').replace('/', '.')}::{name}"


def _passed(report: Path) -> list[tuple[str, bool]]:
    """Return the key of each test that ran, and whether it passed."""
    if not report.exists():
        return []
    cases = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - pytest has just written it
    bad = ("failure", "error", "skipped")
    return [
        (f"{case.get('classname')}::{case.get('name')}", not any(case.find(kind) is not None for kind in bad))
        for case in cases
    ]
