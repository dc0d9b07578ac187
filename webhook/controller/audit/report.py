"""The report on one namespace: failures only, no larger than it may be, without times. Pure."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from webhook.audit.survey import Found, Group
from webhook.judge.message import broken_up, fitted, sentence
from webhook.rules.finding import Mode

MOST_FINDINGS, LARGEST = 200, 64 * 1024  # of one report; bytes of its JSON
MOST_REPORTS = 200  # namespaces
OPEN_REPORTS = "openreports.io/v1alpha1"

_LONGEST = 1024  # bytes of one finding's sentence
_ROOM = LARGEST - 4096  # what is no finding, metadata included, takes less
_RESULTS = {Mode.ENFORCE: ("fail", "high"), Mode.WARN: ("warn", "medium"), Mode.AUDIT: ("warn", "low")}
_FIGURES = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Row:
    """What pods of one owner, or of one task, have in common that a rule found."""

    mode: Mode
    rule: str
    component: str
    api_version: str  # of the owner, when it is the one that is named
    kind: str
    name: str
    container: str
    image: str
    text: str
    pods: int

    @property
    def substance(self) -> tuple[str, ...]:
        """What makes it the same finding, whatever its figures and times."""
        return (self.mode, self.rule, self.component, self.kind, self.name, self.container, self.image,
                _FIGURES.sub("#", self.text))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was found in one namespace."""

    namespace: str
    policy: str  # in words
    pods: int
    sound: int  # owners and tasks without a finding
    exempted: int
    counts: Mapping[Mode, int]  # of findings
    rows: tuple[Row, ...]  # the strictest of them

    @property
    def substance(self) -> str:
        """What stays the same while only figures change."""
        return _digest([self.policy, sorted(row.substance for row in self.rows)])


class Draft:
    """The report on *namespace* while surveys come in; no more rows are kept than would be shown."""

    def __init__(self, namespace: str, policy: str) -> None:
        self.namespace = namespace
        self._policy = policy
        self._pods = self._sound = self._exempted = 0
        self._counts: Counter[Mode] = Counter()
        self._rows: list[Row] = []

    def add(self, groups: Iterable[Group]) -> None:
        """Take note of further *groups* of the namespace."""
        for group in groups:
            rows: dict[tuple[str, ...], Row] = {}
            for found in group.found:
                row = _row(group, found)
                known = rows.get(row.substance)
                rows[row.substance] = row if known is None else replace(known, pods=known.pods + row.pods)
            self._pods += group.pods
            self._sound += not rows
            self._exempted += len(group.lifted)
            self._counts.update(row.mode for row in rows.values())
            self._rows += rows.values()
        self._rows.sort(key=lambda row: (-row.mode.rank, row.component, row.kind, row.name, row.rule))
        del self._rows[MOST_FINDINGS:]

    def report(self) -> Report:
        """Return the report."""
        counts = {mode: self._counts[mode] for mode in _RESULTS}
        return Report(self.namespace, self._policy, self._pods, self._sound, self._exempted, counts, tuple(self._rows))


def _row(group: Group, found: Found) -> Row:
    violation, ref = found.violation, group.regarding
    same = ref is not None and (ref.kind, ref.name) == (group.kind, group.name)
    return Row(
        violation.mode,
        violation.rule,
        group.component,
        ref.api_version if ref is not None and same else "",
        group.kind,
        group.name,
        violation.finding.container,
        violation.finding.image,
        broken_up(fitted([sentence(violation)], _LONGEST)),
        found.pods,
    )


def as_json(report: Report) -> dict[str, Any]:
    """Return *report* as the document in a ConfigMap."""
    findings, more = _fitting(report, _as_finding)
    return {
        "namespace": report.namespace,
        "policy": report.policy,
        "pods": report.pods,
        "summary": {mode.value: count for mode, count in report.counts.items()} | {"sound": report.sound},
        "findings": findings,
    } | ({"more": f"and {more} more"} if more else {})


def as_open_report(report: Report) -> dict[str, Any]:
    """Return *report* as the fields of a Report of openreports.io."""
    results, more = _fitting(report, lambda row: _as_result(report.namespace, row))
    if more:
        results.append({"policy": "airlock", "result": "warn", "severity": "info", "message": f"and {more} more"})
    counts = report.counts
    summary = {
        "pass": report.sound,
        "fail": counts[Mode.ENFORCE],
        "warn": counts[Mode.WARN] + counts[Mode.AUDIT],
        "error": 0,
        "skip": report.exempted,
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
        "container": row.container,
        "image": row.image,
        "pods": row.pods,
        "message": row.text,
    }
    return {name: value for name, value in fields.items() if value != ""}


def _as_result(namespace: str, row: Row) -> dict[str, Any]:
    result, severity = _RESULTS[row.mode]
    facts = {"mode": row.mode.value, "component": row.component, "container": row.container, "image": row.image,
             "object": f"{row.kind} {row.name}", "pods": str(row.pods)}  # fmt: skip
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


def _fitting(report: Report, render: Callable[[Row], dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Return the first rows of *report*, rendered, as far as there is room, and how many more findings there are."""
    taken: list[dict[str, Any]] = []
    room = _ROOM
    for row in report.rows:
        body = render(row)
        room -= len(json.dumps(body).encode()) + 2
        if room < 0:
            break
        taken.append(body)
    return taken, sum(report.counts.values()) - len(taken)


def _digest(value: Any) -> str:  # noqa: ANN401 - JSON
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
