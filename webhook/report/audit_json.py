"""The format `json` of an audit: stable within its version, described in docs/report.md."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from webhook.audit.findings import Excused, Told, judged
from webhook.audit.group import Found, Group
from webhook.audit.preview import Change, Preview
from webhook.audit.survey import Basis, Survey
from webhook.judge.message import sentence
from webhook.judge.verdict import Exempted, Violation
from webhook.manifests.outcome import Remark
from webhook.report import layers_json
from webhook.report.running_json import drift_of, skew_of, time_of, whose
from webhook.report.wording import MODES, fingerprints, shown

VERSION = "airlock/v2"


def render(survey: Survey) -> str:
    """Return *survey* as JSON, a newline at its end."""
    return json.dumps(facts(survey), indent=2) + "\n"


def facts(survey: Survey) -> dict[str, Any]:
    """Return *survey* as plain values."""
    basis, counts, groups = survey.basis, survey.counts, survey.groups
    return {
        "apiVersion": VERSION,
        "kind": "AuditReport",
        "taken": time_of(survey.taken),
        "complete": survey.complete,
        "basis": _basis(basis),
        **({"clusters": [_cluster(*item) for item in survey.clusters.items()]} if survey.clusters else {}),
        "summary": {
            "seen": survey.seen,
            "pods": survey.pods,
            "wouldNotReturn": survey.lost,
            "wouldNotReturnEnforced": survey.enforced,
            "workloads": len(groups),
            "findings": {str(mode): counts[mode] for mode in MODES},
            "exempted": len(survey.exempted),
            "drifts": len(survey.drifts),
            "skews": len(survey.skews),
            "outside": sum(survey.outside.values()),
            "unusable": sum(not remark.usable for remark in survey.unseen),
        },
        "layers": layers_json.layers_of(survey),
        "workloads": [_workload(group, survey.loss(group)) for group in groups],
        "findings": _told(survey.findings),
        "exempted": [_excused(excused) for excused in survey.exempted],
        "drifts": [drift_of(drift) for drift in survey.drifts],
        "skews": [skew_of(skew) for skew in survey.skews],
        "outside": [
            {**whose(name), "namespace": namespace, "pods": pods}
            for name, part in (survey.clusters or {"": survey}).items()
            for namespace, pods in part.outside.items()
        ],
        "inconclusive": [{"image": image, "containers": count} for image, count in survey.inconclusive],
        "acrossPlatforms": list(survey.reach.across),
        "callbacks": layers_json.callbacks_of(survey),
        "skipped": _remarks(remark for remark in survey.unseen if remark.usable),
        "unusable": _remarks(remark for remark in survey.unseen if not remark.usable),
    }


def render_preview(preview: Preview) -> str:
    """Return *preview* as JSON, a newline at its end."""
    document = {
        "apiVersion": VERSION,
        "kind": "AuditPreview",
        "old": preview.old,
        "new": preview.new,
        "summary": {
            "pods": preview.pods,
            "denied": preview.denied,
            "admitted": preview.admitted,
            "workloads": len(preview.changes),
        },
        "changes": [_change(change) for change in preview.changes],
    }
    return json.dumps(document, indent=2) + "\n"


def _change(change: Change) -> dict[str, Any]:
    group = change.group
    return {
        **_object(group),
        "denied": change.denied,
        "admitted": change.admitted,
        "new": [_finding(found.violation, [(group, found)]) for found in change.new],
        "gone": [_finding(found.violation, [(group, found)]) for found in change.gone],
    }


def _workload(group: Group, loss: int) -> dict[str, Any]:
    task = group.task
    return {
        **_object(group),
        "chart": group.chart,
        "release": group.airflow.release,
        "pods": group.pods,
        "wouldNotReturn": loss,
        "admission": group.admission,
        "distrusted": group.distrusted,
        "task": {"dag": task.dag_id, "task": task.task_id} if task is not None else None,
        "injected": list(group.injected),
        "pinned": list(group.pinned),
        "nodes": list(group.nodes),
        "images": [
            {
                "container": use.container,
                "image": use.image,
                "pullPolicy": use.policy,
                "kind": use.kind,
                "digests": list(use.digests),
                "pods": use.pods,
            }
            for use in group.images
        ],
    }


def _told(findings: Iterable[Told]) -> list[dict[str, Any]]:
    by_group: dict[int, list[Told]] = {}
    for one in findings:
        by_group.setdefault(id(one.group), []).append(one)
    return [finding for ones in by_group.values() for finding in _of_group(ones)]


def _of_group(findings: list[Told]) -> Iterator[dict[str, Any]]:
    """Yield *findings*, which the same workload is the first to show."""
    marks = fingerprints(judged(findings[0].group), [one.violation for one in findings])
    for one, mark in zip(findings, marks, strict=True):
        yield _finding(one.violation, one.shown) | {"fingerprint": mark}


def _finding(violation: Violation, shown: Sequence[tuple[Group, Found]]) -> dict[str, Any]:
    return {
        "rule": violation.rule,
        "mode": violation.mode,
        **_what(violation),
        "note": violation.note,
        "sentence": sentence(violation),
        "pods": sum(found.pods for _, found in shown),
        "workloads": [
            {
                **_object(group),
                "pods": found.pods,
                "example": found.example,
                "places": _places(found.violation),
            }
            for group, found in shown
        ],
    }


def _excused(excused: Excused) -> dict[str, Any]:
    exempted = excused.exempted
    return {
        "rule": exempted.rule,
        "exemption": exempted.exemption,
        **_what(exempted),
        "pods": excused.pods,
        "workloads": [
            {**_object(group), "pods": lifted.pods, "places": _places(lifted.exempted)}
            for group, lifted in excused.shown
        ],
    }


def _what(told: Violation | Exempted) -> dict[str, str]:
    cause = told.cause
    return {"image": cause.image, "variable": cause.variable, "text": cause.text, "fix": cause.fix}


def _places(told: Violation | Exempted) -> list[dict[str, str]]:
    return [{"path": one.path, "container": one.container, "detail": one.detail} for one in told.cause.places]


def _basis(basis: Basis) -> dict[str, Any]:
    return {
        "source": basis.source,
        "policy": basis.policy,
        "requiredEnv": basis.required_env,
        "installed": basis.installed,
    }


def _cluster(name: str, part: Survey) -> dict[str, Any]:
    return {
        "cluster": name,
        "complete": part.complete,
        "basis": _basis(part.basis),
        "pods": part.pods,
        "wouldNotReturn": part.lost,
        "findings": {str(mode): part.counts[mode] for mode in MODES},
        "layers": layers_json.layers_of(part)[:-1],
    }


def _object(group: Group) -> dict[str, str]:
    return {
        **whose(group.cluster),
        "namespace": group.namespace,
        "kind": group.kind,
        "name": group.name,
        "component": group.component,
    }


def _remarks(remarks: Iterable[Remark]) -> list[dict[str, str]]:
    return [{"place": shown(remark.place), "text": shown(remark.text)} for remark in remarks]
