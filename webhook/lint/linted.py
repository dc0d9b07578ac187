"""What lint says of a folder: a value, which a report can show without loading what reads Python."""

from collections import Counter
from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from webhook.lint.finding import Also, Finding
from webhook.rules.finding import Mode

CUT = "was read only in part: its calls lead to more code than lint follows"


class Spared(msgspec.Struct, frozen=True):
    """A finding that a comment spares, and why."""

    finding: Finding
    reason: str


class Linted(msgspec.Struct, frozen=True):
    """What is to be said of the files."""

    files: int = 0
    callbacks: int = 0
    findings: tuple[Finding, ...] = ()
    spared: tuple[Spared, ...] = ()
    unusable: tuple[Also, ...] = ()  # files and folders, and why they cannot be read
    skipped: tuple[Also, ...] = ()  # what was passed over, and why

    @property
    def unsure(self) -> tuple[Also, ...]:
        """What was not read, or only in part: nobody knows what else is there."""
        return (*self.unusable, *(one for one in self.skipped if one.text == CUT))

    @property
    def counts(self) -> Counter[Mode]:
        """How many findings there are of each mode."""
        return Counter(one.mode for one in self.findings)


def joined(linted: Linted, *, unusable: Iterable[Also] = (), skipped: Iterable[Also] = ()) -> Linted:
    """Return *linted* with what was noticed before any file was read."""
    return replace(linted, unusable=(*unusable, *linted.unusable), skipped=(*skipped, *linted.skipped))


def code(linted: Linted, fail_on: Mode) -> int:
    """Return the exit code: 2 when something could not be read, 1 for findings as strict as *fail_on*, else 0."""
    if linted.unusable:
        return 2
    return 1 if any(one.mode.rank >= fail_on.rank for one in linted.findings) else 0
