"""The format `json`: stable within its version, described in docs/check.md."""

import json
from typing import Any

from webhook.judge.message import sentence
from webhook.judge.verdict import Exempted, Violation
from webhook.manifests.outcome import Judged, Outcome, Remark, Reported, Spared
from webhook.manifests.place import Place
from webhook.report.wording import MODES, fingerprint, shown

VERSION = "airlock/v1"


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
            "skipped": len(outcome.skipped),
            "unusable": len(outcome.unusable),
        },
        "findings": [_finding(workload, reported) for workload in workloads for reported in workload.reported],
        "exempted": [_exempted(workload, spared) for workload in workloads for spared in workload.spared],
        "skipped": [_remark(remark) for remark in outcome.skipped],
        "unusable": [_remark(remark) for remark in outcome.unusable],
    }
    return json.dumps(document, indent=2) + "\n"


def _finding(workload: Judged, reported: Reported) -> dict[str, Any]:
    violation = reported.violation
    return {
        "rule": violation.rule,
        "mode": violation.mode,
        **_place(reported.place),
        **_object(workload),
        **_facts(violation),
        "note": violation.note,
        "sentence": sentence(violation),
        "related": [{**_place(related.place), "text": shown(related.text)} for related in reported.related],
        "fingerprint": fingerprint(workload, violation.rule, violation.finding),
    }


def _exempted(workload: Judged, spared: Spared) -> dict[str, Any]:
    exempted = spared.exempted
    return {
        "rule": exempted.rule,
        "exemption": exempted.exemption,
        **_place(spared.place),
        **_object(workload),
        **_facts(exempted),
    }


def _facts(what: Violation | Exempted) -> dict[str, str]:
    finding = what.finding
    return {
        "path": finding.path,
        "container": finding.container,
        "image": finding.image,
        "text": finding.text,
        "fix": finding.fix,
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
