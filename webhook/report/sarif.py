"""The format `sarif`: SARIF 2.1.0, for code scanning and editors."""

import inspect
import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import PurePath
from types import ModuleType
from typing import Any
from urllib.parse import quote

from webhook.judge.message import sentence
from webhook.judge.verdict import Violation
from webhook.manifests.outcome import Judged, Outcome, Remark, Reported, Spared
from webhook.manifests.place import Place
from webhook.report.wording import Options, fingerprint, shown
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Finding, Mode

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Mode.ENFORCE: "error", Mode.WARN: "warning", Mode.AUDIT: "note", Mode.OFF: "none"}
_INDEXES = {name: index for index, name in enumerate(RULES)}


def render(outcome: Outcome, options: Options) -> str:
    """Return *outcome* as a SARIF log; what exemptions cover is in it as suppressed, if it is to be shown."""
    at = Locations(cluster=outcome.cluster)
    results = [_result(workload, reported, at) for workload in outcome.workloads for reported in workload.reported]
    if options.exempted:
        results += [_suppressed(workload, spared, at) for workload in outcome.workloads for spared in workload.spared]
    notes = [_notification(remark, "error", at) for remark in outcome.unusable]
    notes += [_notification(remark, "note", at) for remark in outcome.skipped]
    rules = [described(rule.name, inspect.getmodule(rule.check)) for rule in RULES.values()]
    return log(rules, results, notes, whole=not outcome.unusable)


def log(rules: list[Any], results: list[Any], notes: list[Any], *, whole: bool) -> str:
    """Return a log of one run; *whole* says that everything could be read."""
    run = {
        "tool": {
            "driver": {
                "name": "airlock",
                "version": version("airlock"),
                "rules": rules,
            }
        },
        "invocations": [{"executionSuccessful": whole, "toolExecutionNotifications": notes}],
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def described(name: str, module: ModuleType | None) -> dict[str, Any]:
    """Return the rule *name* with its manual page, the docstring of *module*."""
    page = inspect.getdoc(module) or name
    first, _, rest = page.partition("\n\n")
    short = " ".join(first.removeprefix(f"{name}: ").split())
    return {
        "id": name,
        "name": "".join(word.capitalize() for word in name.split("-")),
        "shortDescription": {"text": short[:1].upper() + short[1:]},
        "fullDescription": {"text": " ".join(rest.partition("\n\n")[0].split()) or short},
        "help": {"text": page},
        "defaultConfiguration": {"level": "warning"},
    }


@dataclass(frozen=True, slots=True)
class Locations:
    """How places are told: files below the root of the source tree, or objects of a cluster, which has none."""

    cluster: bool

    def location(self, place: Place) -> dict[str, Any]:
        """Return *place* as a location."""
        physical: dict[str, Any] = {"artifactLocation": self._artifact(place.file)}
        if place.line:
            physical["region"] = {"startLine": place.line}
        return {"physicalLocation": physical}

    def _artifact(self, file: str) -> dict[str, str]:
        if self.cluster:
            return {"uri": quote(file.lstrip("/").encode(errors="surrogateescape"), safe="/")}
        path = PurePath(file)
        if path.is_absolute():
            return {"uri": path.as_uri()}
        # An empty first part, or one with a colon, would read as a host or a scheme.
        return {"uri": quote(path.as_posix().encode(errors="surrogateescape"), safe="/"), "uriBaseId": "%SRCROOT%"}


def _result(workload: Judged, reported: Reported, at: Locations) -> dict[str, Any]:
    violation = reported.violation
    return _about(workload, violation.rule, violation.finding, at.location(reported.place)) | {
        "level": LEVELS[violation.mode],
        "message": {"text": sentence(violation)},
        "relatedLocations": [
            {"id": index, **at.location(related.place), "message": {"text": shown(related.text)}}
            for index, related in enumerate(reported.related)
        ],
    }


def _suppressed(workload: Judged, spared: Spared, at: Locations) -> dict[str, Any]:
    exempted = spared.exempted
    return _about(workload, exempted.rule, exempted.finding, at.location(spared.place)) | {
        "level": "none",
        "message": {"text": sentence(Violation(exempted.rule, Mode.OFF, exempted.finding))},
        "suppressions": [{"kind": "external", "justification": f"exemption {exempted.exemption}"}],
    }


def _about(workload: Judged, rule: str, finding: Finding, location: dict[str, Any]) -> dict[str, Any]:
    logical = {"name": finding.path, "fullyQualifiedName": f"{workload.title}: {finding.path}", "kind": "member"}
    return {
        "ruleId": rule,
        "ruleIndex": _INDEXES[rule],
        "locations": [{**location, "logicalLocations": [logical]}],
        "partialFingerprints": {"airlock/v1": fingerprint(workload, rule, finding)},
        "properties": {"component": workload.component, "fix": finding.fix, "container": finding.container},
    }


def _notification(remark: Remark, level: str, at: Locations) -> dict[str, Any]:
    return {"level": level, "message": {"text": shown(remark.text)}, "locations": [at.location(remark.place)]}
