"""What `airlock fix` prints: a patch of Helm values with a reason at each value, or lines for kubectl.

It holds only what makes a finding go. What no value of a chart does alone is said in comments.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from webhook.report.wording import shown

_PLAIN = re.compile(r"[A-Za-z][A-Za-z_-]*\Z")
_HEAD = (
    "Values that fix findings of airlock; made by airlock fix, which changes nothing itself.",
    "Look at each, then: helm upgrade RELEASE CHART -f your-values.yaml -f this-file.yaml",
)
_NOWHERE = "Nothing was found that values could fix."
_MIXED = "These are values of several charts"
_SUBCHART = "Where this chart is part of another one, indent all of it below the subchart's name."


class Change(msgspec.Struct, frozen=True):
    """A value to set, and why."""

    path: str  # "images.pod_template.pullPolicy"
    value: str
    why: str
    whose: str = ""  # the workload that it is for


class Patch(msgspec.Struct, frozen=True):
    """What to change, and what has to be changed elsewhere."""

    changes: tuple[Change, ...] = ()
    rest: tuple[str, ...] = ()
    placed: bool = True  # whether it is known below which key the values stand
    unpinned: tuple[str, ...] = ()  # what was to be pinned to a digest, and why it is not
    caution: str = ""  # what was not looked at
    charts: tuple[str, ...] = ()  # whose values are set


@dataclass(slots=True)
class _Level:
    values: dict[str, "str | _Level"] = field(default_factory=dict)
    why: dict[str, dict[str, list[str]]] = field(default_factory=dict)  # by value: reasons, and whose each is


def values(patch: Patch) -> str:
    """Return *patch* as YAML."""
    head = [*_HEAD, *([] if patch.placed or not patch.changes else [_SUBCHART])]
    if len(patch.charts) > 1:
        head.append(f"{_MIXED} ({', '.join(patch.charts)}): give each release only those of its own chart.")
    lines = [f"# {line}" for line in (*head, *filter(None, [patch.caution]))]
    level, clashes = _tree(patch.changes)
    lines += list(_lines(level, 0)) if level.values else [f"# {_NOWHERE}"]
    rest = list(dict.fromkeys((*clashes, *patch.rest)))
    if patch.unpinned:
        lines += ["# Not by a digest:", *(f"# - {shown(line)}" for line in dict.fromkeys(patch.unpinned))]
    if rest:
        lines += ["# Not by values alone:", *(f"# - {shown(line)}" for line in rest)]
    return "\n".join(lines) + "\n"


def commands(lines: Iterable[str], rest: Iterable[str], caution: str = "") -> str:
    """Return *lines* for a shell, after comments that say what is not among them, and what was not looked at."""
    comments = [f"# {shown(line)}" for line in dict.fromkeys((*filter(None, [caution]), *rest))]
    head = [
        "# Images by the digests that run now; made by airlock fix, which changes nothing itself.",
        "# The next helm upgrade undoes this: airlock fix --pin prints the same as values.",
    ]
    return "\n".join((*head, *comments, *dict.fromkeys(lines))) + "\n"


def _tree(changes: Iterable[Change]) -> tuple[_Level, list[str]]:
    root = _Level()
    clashes: list[str] = []
    for change in changes:
        level = root
        *keys, last = change.path.split(".")
        for key in keys:
            below = level.values.setdefault(key, _Level())
            assert isinstance(below, _Level), f"{change.path} is a value and a mapping"  # noqa: S101 - no table has that
            level = below
        if level.values.setdefault(last, change.value) != change.value:
            clashes.append(f"{change.path} would have to be {change.value} too: {_one_line(change.why, change.whose)}")
            continue
        level.why.setdefault(last, {}).setdefault(change.why, []).append(change.whose)
    return root, clashes


def _lines(level: _Level, depth: int) -> Iterator[str]:
    indent = "  " * depth
    for key, value in level.values.items():
        for why, whose in level.why.get(key, {}).items():
            yield from (f"{indent}# {shown(line)}" for line in _reason(why, list(dict.fromkeys(whose))))
        if isinstance(value, _Level):
            yield f"{indent}{_scalar(key)}:"
            yield from _lines(value, depth + 1)
        else:
            yield f"{indent}{_scalar(key)}: {_scalar(value)}"


def _reason(why: str, whose: list[str]) -> Iterator[str]:
    """Yield the lines that say *why*: once, with the workloads below it where there are several."""
    if len(whose) == 1:
        yield _one_line(why, whose[0])
    else:
        yield f"{why}; for:"
        yield from (f"- {one}" for one in whose)


def _one_line(why: str, whose: str) -> str:
    return f"{whose}: {why}" if whose else why


def _scalar(value: str) -> str:
    text: Any = value if _PLAIN.match(value) else json.dumps(value)
    return str(text)
