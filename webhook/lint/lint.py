"""A folder of DAG files becomes an outcome: findings, what comments spare, what could not be read."""

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from webhook.lint.facts import Facts
from webhook.lint.finding import Also, Finding, merged
from webhook.lint.folder import Folder
from webhook.lint.judge import judge
from webhook.lint.linted import CUT, Linted, Spared
from webhook.lint.reading import Reading
from webhook.lint.record import Given
from webhook.lint.source import SourceError
from webhook.lint.values import Place

# What a file without these words cannot give: a callback.
_WORDS = (b"allback", b"sla")


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
        try:
            findings = list(_findings(reading, file, given, facts))
        except RecursionError:  # partials of partials, thousands deep
            unusable.append(Also(Place(file, 0), "is nested too deeply to be followed"))
            continue
        for finding in findings:
            reason = _reason(folder, finding)
            if reason:
                spared.setdefault((finding.place, *finding.key), Spared(finding, reason))
            else:
                found.append(finding)
    cut = (Also(Place(file, 0), CUT) for file in sorted(reading.cut))
    return Linted(count, len(callbacks), tuple(merged(found)), tuple(spared.values()), tuple(unusable), tuple(cut))


def _given(reading: Reading, file: str) -> list[Given]:
    data = reading.folder.data(file)
    if data is None:
        raise SourceError(0, "cannot be read")
    if not any(word in data for word in _WORDS):
        imports = reading.folder.imports(file)
        if not any(_speaks_of_callbacks(reading, one) for one in imports):
            return []
    return reading.given(file).given


def _speaks_of_callbacks(reading: Reading, file: str) -> bool:
    """Return whether *file*, or one that it imports, has the word without which no callback is given."""
    todo, seen = [file], {file}
    while todo:
        one = todo.pop()
        if _WORDS[0] in (reading.folder.data(one) or b""):
            return True
        try:
            more = set(reading.folder.imports(one)) - seen - reading.silent
        except SourceError:
            continue
        todo += more
        seen |= more
    reading.silent |= seen
    return False


def _findings(reading: Reading, file: str, given: Iterable[Given], facts: Facts) -> Iterator[Finding]:
    """Yield what is wrong with what *file* gives: to DAGs of its own, or of the module whose code gives it."""
    for one in given:
        near = one.module.dags | (reading.modules[file].dags if file in reading.modules else set())
        for finding in judge(reading, one, facts):
            yield finding if finding.dags else replace(finding, dags=frozenset(near or {""}))


def _reason(folder: Folder, finding: Finding) -> str:
    """Return the reason that a comment gives to spare *finding*, at its place or where the callback is given."""
    for place in (finding.place, finding.given):
        source = folder.source(place.file)
        ignore = source.ignores.get(place.line) if source is not None else None
        if ignore is not None and ignore.reason:
            return ignore.reason
    return ""
