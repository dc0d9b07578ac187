"""A folder of DAG files becomes an outcome: findings, what comments spare, what could not be read."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from webhook.lint.facts import Facts
from webhook.lint.finding import Also, Finding, merged
from webhook.lint.folder import Folder
from webhook.lint.judge import judge
from webhook.lint.reading import Reading
from webhook.lint.record import Given
from webhook.lint.source import SourceError
from webhook.lint.values import Place
from webhook.rules.finding import Mode

# What a file without these words cannot give: a callback.
_WORDS = (b"allback", b"sla")


@dataclass(frozen=True, slots=True)
class Spared:
    """A finding that a comment spares, and why."""

    finding: Finding
    reason: str


@dataclass(frozen=True, slots=True)
class Linted:
    """What is to be said of the files."""

    files: int = 0
    callbacks: int = 0
    findings: tuple[Finding, ...] = ()
    spared: tuple[Spared, ...] = ()
    unusable: tuple[Also, ...] = ()  # files and folders, and why they cannot be read
    skipped: tuple[Also, ...] = ()  # what was passed over, and why

    @property
    def counts(self) -> Counter[Mode]:
        """How many findings there are of each mode."""
        return Counter(one.mode for one in self.findings)


def lint(folder: Folder, files: Iterable[str], facts: Facts) -> Linted:
    """Return what is wrong with the callbacks that *files* give; files that they import are read as well."""
    reading = Reading(folder)
    found: list[Finding] = []
    spared: dict[tuple[object, ...], Spared] = {}
    unusable: list[Also] = []
    count = 0
    callbacks: set[Place] = set()
    for file in files:
        count += 1
        try:
            given = _given(reading, file)
        except SourceError as error:
            unusable.append(Also(Place(file, error.line), str(error)))
            continue
        callbacks.update(one.place for one in given if one.parameter != "sla")
        for finding in (finding for one in given for finding in judge(reading, one, facts)):
            reason = _reason(folder, finding)
            if reason:
                spared.setdefault((finding.place, *finding.key), Spared(finding, reason))
            else:
                found.append(finding)
    return Linted(count, len(callbacks), tuple(merged(found)), tuple(spared.values()), tuple(unusable))


def _given(reading: Reading, file: str) -> list[Given]:
    data = reading.folder.data(file)
    if data is None:
        raise SourceError(0, "cannot be read")
    if not any(word in data for word in _WORDS):
        reading.folder.check(file)
        return []
    return reading.given(file).given


def _reason(folder: Folder, finding: Finding) -> str:
    """Return the reason that a comment gives to spare *finding*, at its place or where the callback is given."""
    for place in (finding.place, finding.given):
        source = folder.source(place.file)
        ignore = source.ignores.get(place.line) if source is not None else None
        if ignore is not None and ignore.reason:
            return ignore.reason
    return ""


def joined(linted: Linted, *, unusable: Iterable[Also] = (), skipped: Iterable[Also] = ()) -> Linted:
    """Return *linted* with what was noticed before any file was read."""
    return replace(linted, unusable=(*unusable, *linted.unusable), skipped=(*skipped, *linted.skipped))


def code(linted: Linted, fail_on: Mode) -> int:
    """Return the exit code: 2 when something could not be read, 1 for findings as strict as *fail_on*, else 0."""
    if linted.unusable:
        return 2
    return 1 if any(one.mode.rank >= fail_on.rank for one in linted.findings) else 0
