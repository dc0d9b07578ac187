"""The format `json` of `airlock lint`: stable within its version, described in docs/lint.md."""

import json
from typing import Any

from webhook.lint.finding import RULE, Also, Finding
from webhook.lint.linted import Linted, Spared
from webhook.lint.values import Place
from webhook.report.lint_wording import fingerprint
from webhook.report.wording import MODES, shown

VERSION = "airlock/v1"


def render(linted: Linted) -> str:
    """Return *linted* as JSON, a newline at its end."""
    document = {
        "apiVersion": VERSION,
        "kind": "LintReport",
        "summary": {
            "files": linted.files,
            "callbacks": linted.callbacks,
            "findings": {str(mode): linted.counts[mode] for mode in MODES},
            "exempted": len(linted.spared),
            "skipped": len(linted.skipped),
            "unusable": len(linted.unusable),
        },
        "findings": [{"mode": one.mode, **_finding(one)} for one in linted.findings],
        "exempted": [_spared(one) for one in linted.spared],
        "skipped": [_also(one) for one in linted.skipped],
        "unusable": [_also(one) for one in linted.unusable],
    }
    return json.dumps(document, indent=2) + "\n"


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "rule": RULE,
        "kind": finding.fault,
        **_place(finding.place),
        "places": [_place(place) for place in finding.places],
        "given": {"as": shown(finding.what), **_place(finding.given)},
        "callback": shown(finding.callback),
        "process": finding.process,
        "passes": finding.passes,
        "text": shown(finding.text),
        "fix": shown(finding.fix),
        "sentence": shown(finding.sentence),
        "related": [_also(one) for one in finding.also],
        "fingerprint": fingerprint(finding),
    }


def _spared(spared: Spared) -> dict[str, Any]:
    return {"exemption": shown(spared.reason), **_finding(spared.finding)}


def _also(also: Also) -> dict[str, Any]:
    return {**_place(also.place), "text": shown(also.text)}


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line}
