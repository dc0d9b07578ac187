"""The report on one namespace: only failures, within a size limit, and without times. Pure."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from webhook.rules.finding import Mode

MOST_FINDINGS, LARGEST = 200, 64 * 1024  # of one report; bytes of its JSON
MOST_REPORTS = 200  # namespaces
MOST_OTHERS = 20  # workloads that a finding names beside the first
OPEN_REPORTS = "openreports.io/v1alpha1"
VERSION = "airlock/v2"  # of the document in a ConfigMap

LONGEST = 1024  # bytes of one finding's sentence
_ROOM = LARGEST - 4096  # everything but findings, metadata included, takes less
_RESULTS = {Mode.ENFORCE: ("fail", "high"), Mode.WARN: ("warn", "medium"), Mode.AUDIT: ("warn", "low")}
MODES = tuple(_RESULTS)
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
    elsewhere: tuple[Row, ...] = ()  # what pods here show too, and the report on another namespace counts

    @property
    def substance(self) -> str:
        """What stays the same while only figures change."""
        return _digest([self.policy, *(sorted(row.substance for row in rows) for rows in (self.rows, self.elsewhere))])


def as_json(report: Report) -> dict[str, Any]:
    """Return *report* as the document in a ConfigMap."""
    room = _Room()
    findings = room.fitting(report.rows, _as_finding)
    more = sum(report.counts.values()) - len(findings)
    return {
        "apiVersion": VERSION,
        "namespace": report.namespace,
        "policy": report.policy,
        "pods": report.pods,
        "summary": {mode.value: count for mode, count in report.counts.items()} | {"sound": report.sound},
        "findings": findings,
        "countedElsewhere": room.fitting(report.elsewhere, _as_finding),
    } | ({"more": f"and {more} more"} if more else {})


def as_open_report(report: Report) -> dict[str, Any]:
    """Return *report* as the fields of a Report of openreports.io."""
    room = _Room()
    results = room.fitting(report.rows, lambda row: _as_result(report.namespace, row))
    more = sum(report.counts.values()) - len(results)
    results += room.fitting(report.elsewhere, lambda row: _as_result(report.namespace, row) | {"scored": False})
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


class _Room:
    """How much of a report is left."""

    def __init__(self) -> None:
        self._left = _ROOM

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
