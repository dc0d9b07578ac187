"""The report on one namespace: only failures, within a size limit, and without times. Pure."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec

from webhook.pods.text import plural
from webhook.rules.finding import Mode

MOST_FINDINGS, LARGEST = 200, 64 * 1024  # of one report; bytes of its JSON
MOST_REPORTS = 200  # namespaces
MOST_MARKED = 50  # names of injected variables, or of pinned containers
MOST_OTHERS = 20  # workloads that a finding names beside the first
OPEN_REPORTS = "openreports.io/v1alpha1"
VERSION = "airlock/v2"  # of the document in a ConfigMap

LONGEST = 1024  # bytes of one finding's sentence
_ROOM = LARGEST - 4096  # everything but findings, metadata included, takes less
_RESULTS = {Mode.ENFORCE: ("fail", "high"), Mode.WARN: ("warn", "medium"), Mode.AUDIT: ("warn", "low")}
MODES = tuple(_RESULTS)
_FIGURES = re.compile(r"\d+")


class Row(msgspec.Struct, frozen=True):
    """What pods of one owner, or of one task, have in common that a rule found."""

    mode: Mode
    rule: str
    component: str
    api_version: str  # of the owner, when it is the one that is named
    kind: str
    name: str
    containers: tuple[str, ...]
    image: str
    variable: str
    text: str
    pods: int
    others: tuple[str, ...] = ()  # workloads of the namespace that show the same, beside the one that is named

    @property
    def substance(self) -> tuple[str, ...]:
        """What makes it the same finding, whatever its figures and times."""
        return (self.mode, self.rule, self.component, self.kind, self.name, *self.containers, self.image, self.variable,
                _FIGURES.sub("#", self.text))  # fmt: skip


class Marks(msgspec.Struct, frozen=True):
    """What airlock's annotations name and specs bear out, with the number of workloads: a hint."""

    injected: Mapping[str, int] = msgspec.field(default_factory=dict)  # by variable
    pinned: Mapping[str, int] = msgspec.field(default_factory=dict)  # by container


class Report(msgspec.Struct, frozen=True):
    """Everything that was found in one namespace."""

    namespace: str
    policy: str  # in words
    pods: int
    sound: int  # owners and tasks without a finding
    exempted: int
    counts: Mapping[Mode, int]  # of findings
    rows: tuple[Row, ...]  # the strictest of them
    elsewhere: tuple[Row, ...] = ()  # what pods here show too, and the report on another namespace counts
    unchecked: tuple[str, ...] = ()  # clauses
    marks: Marks = msgspec.field(default_factory=Marks)

    @property
    def substance(self) -> str:
        """What stays the same while only figures change."""
        each = (sorted(row.substance for row in rows) for rows in (self.rows, self.elsewhere))
        return _digest([self.policy, self.unchecked, *each])


def as_json(report: Report) -> dict[str, Any]:
    """Return *report* as the document in a ConfigMap."""
    facts = _facts(report)
    room = _Room(facts)
    findings = room.fitting(report.rows, _as_finding)
    more = sum(report.counts.values()) - len(findings)
    return (
        {
            "apiVersion": VERSION,
            "namespace": report.namespace,
            "policy": report.policy,
            "pods": report.pods,
            "summary": {mode.value: count for mode, count in report.counts.items()} | {"sound": report.sound},
            "findings": findings,
            "countedElsewhere": room.fitting(report.elsewhere, _as_finding),
        }
        | facts
        | ({"more": f"and {more} more"} if more else {})
    )


def as_open_report(report: Report) -> dict[str, Any]:
    """Return *report* as the fields of a Report of openreports.io."""
    said = [_as_note("skip", text) for text in report.unchecked] + list(_as_marked(report.marks))
    room = _Room(said)
    results = room.fitting(report.rows, lambda row: _as_result(report.namespace, row))
    more = sum(report.counts.values()) - len(results)
    results += room.fitting(report.elsewhere, lambda row: _as_result(report.namespace, row) | {"scored": False})
    if more:
        results.append(_as_note("warn", f"and {more} more"))
    results += said
    counts = report.counts
    summary = {
        "pass": report.sound,
        "fail": counts[Mode.ENFORCE],
        "warn": counts[Mode.WARN] + counts[Mode.AUDIT],
        "error": 0,
        "skip": report.exempted + len(report.unchecked),
    }
    scope = {"apiVersion": "v1", "kind": "Namespace", "name": report.namespace}
    return {"source": "airlock", "scope": scope, "summary": summary, "results": results}


def content(body: Mapping[str, Any]) -> str:
    """Return what tells one *body* of a report from another."""
    return _digest(body)


def _as_finding(row: Row) -> dict[str, Any]:
    fields = {
        "mode": row.mode.value,
        "rule": row.rule,
        "component": row.component,
        "object": f"{row.kind} {row.name}",
        "containers": list(row.containers),
        "image": row.image,
        "variable": row.variable,
        "pods": row.pods,
        "otherWorkloads": list(row.others),
        "message": row.text,
    }
    return {name: value for name, value in fields.items() if value not in ("", [])}


def _as_result(namespace: str, row: Row) -> dict[str, Any]:
    result, severity = _RESULTS[row.mode]
    facts = {"mode": row.mode.value, "component": row.component, "containers": ", ".join(row.containers),
             "image": row.image, "variable": row.variable, "object": f"{row.kind} {row.name}",
             "pods": str(row.pods)}  # fmt: skip
    found: dict[str, Any] = {
        "policy": "airlock",
        "rule": row.rule,
        "category": "Airflow",
        "severity": severity,
        "result": result,
        "scored": True,
        "message": row.text,
        "properties": {name: value for name, value in facts.items() if value},
    }
    if row.api_version:
        ref = {"apiVersion": row.api_version, "kind": row.kind, "namespace": namespace, "name": row.name}
        found["resources"] = [ref]
    return found


def _facts(report: Report) -> dict[str, Any]:
    """Return what is said besides findings; nothing of what there is nothing to say about."""
    marks = report.marks
    facts = {"notChecked": list(report.unchecked), "injected": _few(marks.injected), "pinned": _few(marks.pinned)}
    return {name: value for name, value in facts.items() if value}


def _as_marked(marks: Marks) -> Iterator[dict[str, Any]]:
    for names, what in ((marks.injected, "variables that airlock injected"), (marks.pinned, "containers it pinned")):
        if names:
            told = ", ".join(f"{name} ({plural(count, 'workload')})" for name, count in _few(names).items())
            yield _as_note("pass", f"{what}, as annotations say: {told}")


def _as_note(result: str, text: str) -> dict[str, Any]:
    return {"policy": "airlock", "result": result, "severity": "info", "message": text}


def _few(names: Mapping[str, int]) -> dict[str, int]:
    return dict(islice(names.items(), MOST_MARKED))


class _Room:
    """How much of a report is left."""

    def __init__(self, taken: object) -> None:
        self._left = _ROOM - len(json.dumps(taken).encode())

    def fitting(self, rows: Iterable[Row], render: Callable[[Row], dict[str, Any]]) -> list[dict[str, Any]]:
        """Return the first of *rows*, rendered, as far as there is room."""
        taken: list[dict[str, Any]] = []
        for row in rows:
            body = render(row)
            self._left -= len(json.dumps(body).encode()) + 2
            if self._left < 0:
                break
            taken.append(body)
        return taken


def _digest(value: Any) -> str:  # noqa: ANN401 - JSON
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
