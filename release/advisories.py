"""`python -m release.advisories`: asks whether advisories are known about what requirements.lock pins.

A database that cannot be reached is never taken for one that knows nothing: that is said, and is no failure, since
`make check` also runs where there is no network.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements.lock"
EXCEPTIONS = Path(__file__).with_name("advisories.toml")
NOT_CHECKED = "advisories: NOT CHECKED"


@dataclass(frozen=True, slots=True)
class Lifted:
    """An advisory that does not concern airlock, until somebody looks again."""

    id: str
    until: date  # the last day, UTC
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is printed, and whether it is a failure."""

    lines: tuple[str, ...]
    failed: bool


def judge(report: Mapping[str, Any] | None, why: str, lifted: tuple[Lifted, ...], today: date) -> Verdict:
    """Return what *report*, pip-audit's, means with *lifted* on the day *today*; None is no report, and *why*."""
    over = [
        f"advisories: the exception for {one.id} ended on {one.until}: look again"
        for one in lifted
        if one.until < today
    ]
    if report is None:
        return Verdict((*over, f"{NOT_CHECKED}: {why}"), bool(over))
    skipped = [one for one in report["dependencies"] if "skip_reason" in one]
    checked = [one for one in report["dependencies"] if "skip_reason" not in one]
    if not checked:
        return Verdict((*over, f"{NOT_CHECKED}: {_nothing(skipped)}"), bool(over))
    known = {one.id for one in lifted if one.until >= today}
    found = [f"advisories: {text}" for one in checked for text in _found(one, known)]
    missed = [f"advisories: {one['name']} was not checked: {one['skip_reason']}" for one in skipped]
    failed = bool(over or found or missed)
    end = () if failed else (f"advisories: none about the {len(checked)} libraries of requirements.lock",)
    return Verdict((*over, *found, *missed, *end), failed)


def _nothing(skipped: Sequence[Mapping[str, Any]]) -> str:
    if not skipped:
        return "nothing was asked"
    first = skipped[0]
    return (
        f"pip-audit learned nothing about any of the {len(skipped)} libraries, as where it reaches no database"
        f" (of {first['name']} it says: {first['skip_reason']})"
    )


def _found(dependency: Mapping[str, Any], known: set[str]) -> Iterator[str]:
    for one in dependency["vulns"]:
        if known.isdisjoint({one["id"], *one.get("aliases", ())}):
            fixed = f"; fixed in {', '.join(one['fix_versions'])}" if one.get("fix_versions") else "; not fixed yet"
            yield f"{dependency['name']} {dependency['version']}: {one['id']}{fixed}"


def read_exceptions(text: str) -> tuple[Lifted, ...]:
    """Return the exceptions in *text*, TOML."""
    return tuple(Lifted(one["id"], one["until"], one["reason"]) for one in tomllib.loads(text).get("exception", ()))


def ask() -> tuple[dict[str, Any] | None, str]:
    """Return pip-audit's report about the lock; or None, and what it said instead."""
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pip_audit",
        "--requirement",
        LOCK,
        "--require-hashes",
        "--disable-pip",
    ]
    quiet = ["--format", "json", "--progress-spinner", "off", "--timeout", "10"]
    run = subprocess.run([*command, *quiet], capture_output=True, text=True, check=False)  # noqa: S603
    try:
        report: dict[str, Any] = json.loads(run.stdout)
    except ValueError:
        said = run.stderr.strip().splitlines()
        return None, said[-1] if said else f"pip-audit ended with {run.returncode}"
    return report, ""


def main() -> int:
    """Print the verdict; return 1 when it is a failure."""
    lifted = read_exceptions(EXCEPTIONS.read_text(encoding="utf-8"))
    verdict = judge(*ask(), lifted, datetime.now(UTC).date())
    print("\n".join(verdict.lines), file=sys.stderr)  # noqa: T201 - a program's output
    return int(verdict.failed)


if __name__ == "__main__":
    sys.exit(main())
