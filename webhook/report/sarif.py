"""The format `sarif`: SARIF 2.1.0, for code scanning and editors."""

import inspect
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import PurePath
from types import ModuleType
from typing import Any
from urllib.parse import quote

import msgspec

from webhook.judge import bounds
from webhook.judge.bounds import UNREADABLE
from webhook.judge.message import sentence
from webhook.judge.verdict import Cause, Exempted, Violation
from webhook.judge.wording import where
from webhook.manifests.outcome import Judged, Outcome, Remark
from webhook.manifests.place import Place
from webhook.report.wording import Options, fingerprints, shown
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
LEVELS = {Mode.ENFORCE: "error", Mode.WARN: "warning", Mode.AUDIT: "note", Mode.OFF: "none"}
FINGERPRINT = "airlock/v2"  # the kind of fingerprint: v1 was one for each container
_INDEXES = {name: index for index, name in enumerate((*RULES, UNREADABLE))}


@dataclass(slots=True)
class Parts:
    """What a log is made of."""

    rules: list[Any]
    results: list[Any]
    notes: list[Any]
    whole: bool  # whether everything could be read


def render(outcome: Outcome, options: Options) -> str:
    """Return *outcome* as a SARIF log; what exemptions cover is in it as suppressed, if it is to be shown."""
    return log(parts(outcome, options))


def parts(outcome: Outcome, options: Options) -> Parts:
    """Return what a log says of *outcome*."""
    at = Locations(cluster=outcome.cluster)
    results = [result for workload in outcome.workloads for result in _results(workload, at)]
    if options.exempted:
        results += [result for workload in outcome.workloads for result in _suppressed(workload, at)]
    notes = [_notification(remark, "error", at) for remark in outcome.unusable]
    notes += [_notification(remark, "warning", at) for remark in outcome.notes]
    notes += [_notification(remark, "note", at) for remark in outcome.skipped]
    rules = [described(rule.name, inspect.getmodule(rule.check)) for rule in RULES.values()]
    rules.append(described(UNREADABLE, bounds))
    return Parts(rules, results, notes, not outcome.unusable)


def log(parts: Parts) -> str:
    """Return a log of one run."""
    run = {
        "tool": {
            "driver": {
                "name": "airlock",
                "version": version("airlock-airflow"),
                "rules": parts.rules,
            }
        },
        "invocations": [{"executionSuccessful": parts.whole, "toolExecutionNotifications": parts.notes}],
        "results": parts.results,
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


class Locations(msgspec.Struct, frozen=True):
    """How places are told: files below the root of the source tree, or objects of a cluster, which has none."""

    cluster: bool

    def location(self, place: Place) -> dict[str, Any]:
        """Return *place* as a location."""
        file = f"{place.cluster}/{place.file}" if place.cluster else place.file
        physical: dict[str, Any] = {"artifactLocation": self._artifact(file)}
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


def _results(workload: Judged, at: Locations) -> Iterator[dict[str, Any]]:
    marks = fingerprints(workload, [reported.violation for reported in workload.reported])
    for reported, mark in zip(workload.reported, marks, strict=True):
        violation = reported.violation
        related = [
            *_further(violation.cause, reported.places),
            *((one.place, "", shown(one.text)) for one in reported.related),
        ]
        yield _about(workload, violation, mark, at.location(reported.place)) | {
            "level": LEVELS[violation.mode],
            "message": {"text": sentence(violation)},
            "relatedLocations": [
                {"id": nth, **at.location(place), **_logical(workload, path), "message": {"text": text}}
                for nth, (place, path, text) in enumerate(related)
            ],
        }


def _suppressed(workload: Judged, at: Locations) -> Iterator[dict[str, Any]]:
    marks = fingerprints(workload, [spared.exempted for spared in workload.spared])
    for spared, mark in zip(workload.spared, marks, strict=True):
        exempted = spared.exempted
        yield _about(workload, exempted, mark, at.location(spared.place)) | {
            "level": "none",
            "message": {"text": sentence(exempted)},
            "suppressions": [{"kind": "external", "justification": f"exemption {exempted.exemption}"}],
        }


def _further(cause: Cause, places: Sequence[Place]) -> Iterator[tuple[Place, str, str]]:
    """Yield the places of *cause* behind the first, each with its field and in words."""
    for nth, one in enumerate(cause.places[1:], 1):
        yield places[min(nth, len(places) - 1)], one.path, where([one])


def _about(workload: Judged, told: Violation | Exempted, mark: str, location: dict[str, Any]) -> dict[str, Any]:
    cause = told.cause
    return {
        "ruleId": told.rule,
        "ruleIndex": _INDEXES[told.rule],
        "locations": [{**location, **_logical(workload, cause.places[0].path)}],
        "partialFingerprints": {FINGERPRINT: mark},
        "properties": {
            "component": workload.component,
            "fix": cause.fix,
            "image": cause.image,
            "variable": cause.variable,
            "containers": list(cause.containers),
        },
    }


def _logical(workload: Judged, path: str) -> dict[str, Any]:
    if not path:
        return {}
    full = f"{workload.title}: {path}"
    return {"logicalLocations": [{"name": path, "fullyQualifiedName": full, "kind": "member"}]}


def _notification(remark: Remark, level: str, at: Locations) -> dict[str, Any]:
    return {"level": level, "message": {"text": shown(remark.text)}, "locations": [at.location(remark.place)]}
