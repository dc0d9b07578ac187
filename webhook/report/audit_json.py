"""The format `json` of an audit: stable within its version, described in docs/report.md."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from webhook.audit.preview import Change, Preview
from webhook.audit.survey import Drift, Found, Group, Lifted, Skew, Survey, judged
from webhook.judge.message import sentence
from webhook.judge.verdict import Exempted, Violation
from webhook.manifests.outcome import Remark
from webhook.pods.sighting import Part, Sighting
from webhook.report.wording import MODES, fingerprint, shown

VERSION = "airlock/v1"


def render(survey: Survey) -> str:
    """Return *survey* as JSON, a newline at its end."""
    return json.dumps(facts(survey), indent=2) + "\n"


def facts(survey: Survey) -> dict[str, Any]:
    """Return *survey* as plain values."""
    basis, counts, groups = survey.basis, survey.counts, survey.groups
    return {
        "apiVersion": VERSION,
        "kind": "AuditReport",
        "taken": _time(survey.taken),
        "complete": survey.complete,
        "basis": {
            "source": basis.source,
            "policy": basis.policy,
            "requiredEnv": basis.required_env,
            "installed": basis.installed,
        },
        "summary": {
            "seen": survey.seen,
            "pods": survey.pods,
            "wouldNotReturn": survey.lost,
            "workloads": len(groups),
            "findings": {str(mode): counts[mode] for mode in MODES},
            "exempted": sum(len(group.lifted) for group in groups),
            "drifts": len(survey.drifts),
            "skews": len(survey.skews),
            "outside": sum(survey.outside.values()),
            "unusable": sum(not remark.usable for remark in survey.remarks),
        },
        "workloads": [_workload(group, survey.loss(group)) for group in groups],
        "findings": [finding for group in groups for finding in _findings(group, group.found)],
        "exempted": [_lifted(group, lifted) for group in groups for lifted in group.lifted],
        "drifts": [_drift(drift) for drift in survey.drifts],
        "skews": [_skew(skew) for skew in survey.skews],
        "outside": [{"namespace": namespace, "pods": pods} for namespace, pods in survey.outside.items()],
        "inconclusive": [{"image": image, "containers": count} for image, count in survey.inconclusive],
        "skipped": _remarks(remark for remark in survey.remarks if remark.usable),
        "unusable": _remarks(remark for remark in survey.remarks if not remark.usable),
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
        "new": _findings(group, change.new),
        "gone": _findings(group, change.gone),
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


def _findings(group: Group, found: Iterable[Found]) -> list[dict[str, Any]]:
    workload = judged(group)
    return [
        {
            "rule": one.violation.rule,
            "mode": one.violation.mode,
            **_object(group),
            "pods": one.pods,
            "example": one.example,
            **_what(one.violation),
            "note": one.violation.note,
            "sentence": sentence(one.violation),
            "fingerprint": fingerprint(workload, one.violation.rule, one.violation.finding),
        }
        for one in found
    ]


def _lifted(group: Group, lifted: Lifted) -> dict[str, Any]:
    exempted = lifted.exempted
    return {
        "rule": exempted.rule,
        "exemption": exempted.exemption,
        **_object(group),
        "pods": lifted.pods,
        **_what(exempted),
    }


def _what(told: Violation | Exempted) -> dict[str, str]:
    finding = told.finding
    return {
        "path": finding.path,
        "container": finding.container,
        "image": finding.image,
        "text": finding.text,
        "fix": finding.fix,
    }


def _object(group: Group) -> dict[str, str]:
    return {
        "namespace": group.namespace,
        "kind": group.kind,
        "name": group.name,
        "component": group.component,
    }


def _drift(drift: Drift) -> dict[str, Any]:
    return {
        "image": drift.image,
        "certain": drift.certain,
        "sightings": [_sighting(one) for one in drift.sightings],
    }


def _sighting(one: Sighting) -> dict[str, Any]:
    return {
        "digest": one.digest,
        "group": one.group,
        "first": _time(one.first),
        "last": _time(one.last),
        "pods": one.pods,
        "nodes": list(one.nodes),
        "components": list(one.components),
    }


def _skew(skew: Skew) -> dict[str, Any]:
    return {
        "namespace": skew.airflow.namespace,
        "release": skew.airflow.release,
        "leader": [_part(part) for part in skew.leader],
        "behind": [_part(part) for part in skew.behind],
    }


def _part(part: Part) -> dict[str, Any]:
    return {
        "component": part.component,
        "image": part.image,
        "digest": part.digest,
        "group": part.group,
        "first": _time(part.first),
        "last": _time(part.last),
        "pods": part.pods,
    }


def _remarks(remarks: Iterable[Remark]) -> list[dict[str, str]]:
    return [{"place": shown(remark.place), "text": shown(remark.text)} for remark in remarks]


def _time(moment: datetime) -> str:
    """Return *moment*, in UTC, as the API server writes it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
