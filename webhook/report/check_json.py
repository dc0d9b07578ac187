"""The format `json`: stable within its version, described in docs/check.md."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from webhook.judge.message import sentence
from webhook.judge.verdict import Exempted, Violation
from webhook.manifests.outcome import Judged, Outcome, Remark, Spared
from webhook.manifests.place import Place
from webhook.report.wording import MODES, fingerprints, shown

VERSION = "airlock/v2"


def render(outcome: Outcome) -> str:
    """Return *outcome* as JSON, a newline at its end."""
    workloads = outcome.workloads
    document = {
        "apiVersion": VERSION,
        "kind": "CheckReport",
        "summary": {
            "objects": outcome.objects,
            "workloads": len(workloads),
            "findings": {str(mode): outcome.counts[mode] for mode in MODES},
            "exempted": outcome.exempted,
            "notes": len(outcome.notes),
            "skipped": len(outcome.skipped),
            "unusable": len(outcome.unusable),
        },
        "findings": [finding for workload in workloads for finding in _findings(workload)],
        "exempted": [_exempted(workload, spared) for workload in workloads for spared in workload.spared],
        "notes": [_remark(remark) for remark in outcome.notes],
        "skipped": [_remark(remark) for remark in outcome.skipped],
        "unusable": [_remark(remark) for remark in outcome.unusable],
    }
    return json.dumps(document, indent=2) + "\n"


def _findings(workload: Judged) -> Iterator[dict[str, Any]]:
    marks = fingerprints(workload, [reported.violation for reported in workload.reported])
    for reported, mark in zip(workload.reported, marks, strict=True):
        violation = reported.violation
        yield {
            "rule": violation.rule,
            "mode": violation.mode,
            **_place(reported.place),
            **_object(workload),
            **_facts(violation, reported.places),
            "note": violation.note,
            "sentence": sentence(violation),
            "related": [{**_place(related.place), "text": shown(related.text)} for related in reported.related],
            "fingerprint": mark,
        }


def _exempted(workload: Judged, spared: Spared) -> dict[str, Any]:
    exempted = spared.exempted
    return {
        "rule": exempted.rule,
        "exemption": exempted.exemption,
        **_place(spared.place),
        **_object(workload),
        **_facts(exempted, spared.places),
    }


def _facts(what: Violation | Exempted, places: Sequence[Place]) -> dict[str, Any]:
    cause = what.cause
    return {
        "image": cause.image,
        "variable": cause.variable,
        "text": cause.text,
        "fix": cause.fix,
        "places": [
            {"path": where.path, "container": where.container, "detail": where.detail, **_place(place)}
            for where, place in zip(cause.places, places, strict=True)
        ],
    }


def _object(workload: Judged) -> dict[str, Any]:
    return {
        "component": workload.component,
        "distrusted": workload.distrusted,
        "object": {
            "apiVersion": workload.api_version,
            "kind": workload.kind,
            "namespace": workload.namespace,
            "name": workload.name,
            "key": workload.key,
            "template": workload.template,
        },
    }


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line}


def _remark(remark: Remark) -> dict[str, Any]:
    return {**_place(remark.place), "text": shown(remark.text)}
