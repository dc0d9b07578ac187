"""The report on one namespace: failures only, no larger than it may be, without times. Pure."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from webhook.audit.survey import Found, Group, Survey
from webhook.message import broken_up, fitted, sentence
from webhook.verdict import Mode

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
    rows: tuple[Row, ...]

    @property
    def substance(self) -> str:
        """What stays the same while only figures change."""
        return _digest([self.policy, sorted(row.substance for row in self.rows)])

    def counts(self) -> Mapping[Mode, int]:
        """Return how many findings there are of each mode."""
        return {mode: sum(row.mode is mode for row in self.rows) for mode in _RESULTS}


def reports(survey: Survey) -> dict[str, Report]:
    """Return the report on each namespace in which pods of Airflow run; of too many, those with the most findings."""
    groups: dict[str, list[Group]] = {}
    for group in survey.groups:
        groups.setdefault(group.namespace, []).append(group)
    made = [_report(namespace, survey.basis.policy, of) for namespace, of in groups.items()]
    made.sort(key=lambda report: (-len(report.rows), report.namespace))
    return {report.namespace: report for report in made[:MOST_REPORTS]}


def _report(namespace: str, policy: str, groups: list[Group]) -> Report:
    rows: dict[tuple[str, ...], Row] = {}
    for group in groups:
        for found in group.found:
            row = _row(group, found)
            known = rows.get(row.substance)
            rows[row.substance] = row if known is None else replace(known, pods=known.pods + row.pods)
    order = sorted(rows.values(), key=lambda row: (-row.mode.rank, row.component, row.kind, row.name, row.rule))
    sound = sum(not group.found for group in groups)
    exempted = sum(len(group.lifted) for group in groups)
    return Report(namespace, policy, sum(group.pods for group in groups), sound, exempted, tuple(order))


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
    findings, more = _fitting(report.rows, _as_finding)
    return {
        "namespace": report.namespace,
        "policy": report.policy,
        "pods": report.pods,
        "summary": {mode.value: count for mode, count in report.counts().items()} | {"sound": report.sound},
        "findings": findings,
    } | ({"more": f"and {more} more"} if more else {})


def as_open_report(report: Report) -> dict[str, Any]:
    """Return *report* as the fields of a Report of openreports.io."""
    results, more = _fitting(report.rows, lambda row: _as_result(report.namespace, row))
    if more:
        results.append({"policy": "airlock", "result": "warn", "severity": "info", "message": f"and {more} more"})
    counts = report.counts()
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


def _fitting(rows: Iterable[Row], render: Callable[[Row], dict[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """Return the first of *rows*, rendered, as far as there is room, and how many more there are."""
    taken: list[dict[str, Any]] = []
    room, more = _ROOM, 0
    for row in rows:
        body = render(row)
        room -= len(json.dumps(body).encode()) + 2
        if more or room < 0 or len(taken) == MOST_FINDINGS:
            more += 1
        else:
            taken.append(body)
    return taken, more


def _digest(value: Any) -> str:  # noqa: ANN401 - JSON
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
