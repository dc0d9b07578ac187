"""The policy's own guard: a bad edit of the documents in their ConfigMaps is refused when it is made."""

from collections.abc import Callable, Mapping

import msgspec

from webhook.admission.edit import Edit
from webhook.documents.cautions import Caution, cautions
from webhook.documents.doubts import doubts
from webhook.grammar.model import DocumentError, Problem
from webhook.judge.message import broken_up
from webhook.pods.text import printable

_LINES, _WARNINGS = 40, 10
_WARNING = 256  # characters; what is longer the API server cuts
_LINE = 1000


class Guarded(msgspec.Struct, frozen=True):
    """A document that a ConfigMap holds: what it is, its key, and what reads it or raises DocumentError."""

    document: str
    key: str
    read: Callable[[str], object]


class Judgement(msgspec.Struct, frozen=True):
    """What becomes of an edit: *denial* says why not, "" admits it; *warnings* are a line each."""

    denial: str = ""
    warnings: tuple[str, ...] = ()


Guards = Mapping[tuple[str, str], tuple[Guarded, ...]]  # by namespace and name of the ConfigMap


def judge(edit: Edit, guards: Guards) -> Judgement:
    """Judge *edit*: every problem of every document in it, unless they were there before.

    What an edit does not change is not judged again, so that labels can be set whatever the text says. Fields that are
    not known here are warned of: another version of airlock, before or after this one, may know them. So is what is
    doubtful, unless the edit brings in what earlier versions took and this one refuses.
    """
    guarded = guards.get((edit.namespace, edit.name), ()) if edit.kind == "ConfigMap" else ()
    lines: list[str] = []
    warnings: list[str] = []
    if guarded and edit.obstacle:
        return Judgement(_denial(edit, [f"- the object {edit.obstacle}; fix: make the ConfigMap smaller"]))
    for each in guarded:
        text = edit.data.get(each.key)
        if edit.old is not None and edit.old.get(each.key) == text:
            continue
        problems = _problems(each, text, edit.data)
        if text is not None and not problems:
            warnings += [f"airlock: {each.document}: {doubt}" for doubt in doubts(text)]
            old = (edit.old or {}).get(each.key)
            refused, told = _cautious(each, text, old)
            lines += [f"- {each.document}: {line}" for line in refused]
            warnings += [f"airlock: {each.document}: {line}" for line in told]
        elif all(problem.unknown_field for problem in problems):
            warnings += [
                f"airlock: {each.document}: {problem}: the replicas keep what they have" for problem in problems
            ]
        else:
            lines += [f"- {each.document}: {problem}" for problem in problems]
    return Judgement(_denial(edit, lines), tuple(_bounded(line, _WARNING) for line in _first(warnings, _WARNINGS)))


def _cautious(guarded: Guarded, text: str, old: str | None) -> tuple[list[str], list[str]]:
    """Return what is doubtful in *text*, a good document: what is refused since *old* does not say it, and the rest."""
    known = (
        {caution.problem.text for caution in _cautions(guarded, old) if caution.refused} if old is not None else set()
    )
    refused, told = list[str](), list[str]()
    for caution in _cautions(guarded, text):
        new = caution.refused and caution.problem.text not in known
        (refused if new else told).append(str(caution))
    return refused, told


def _cautions(guarded: Guarded, text: str) -> tuple[Caution, ...]:
    try:
        return cautions(text, guarded.read(text))
    except DocumentError:
        return ()


def _problems(guarded: Guarded, text: str | None, data: Mapping[str, str]) -> tuple[Problem, ...]:
    if text is None:
        found = ", ".join(sorted(data)[:8]) or "nothing"
        return (Problem(0, "", f"the ConfigMap has no key {guarded.key!r}, only {found}"),)
    try:
        guarded.read(text)
    except DocumentError as error:
        return error.problems
    return ()


def _denial(edit: Edit, lines: list[str]) -> str:
    if not lines:
        return ""
    problems = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    head = f"{problems} in ConfigMap {edit.namespace}/{edit.name}; what is in force stays in force:"
    return "\n".join([head, *(_bounded(line, _LINE) for line in _first(lines, _LINES))])


def _first(lines: list[str], most: int) -> list[str]:
    return lines if len(lines) <= most else [*lines[:most], f"and {len(lines) - most} more"]


def _bounded(line: str, most: int) -> str:
    return broken_up(printable(line, most))
