"""The format `sarif` of `airlock lint`: SARIF 2.1.0, for code scanning and editors."""

from typing import Any

from webhook.lint import judge
from webhook.lint.finding import RULE, Also, Finding
from webhook.lint.linted import Linted
from webhook.lint.values import Place as Line
from webhook.manifests.place import Place
from webhook.report.lint_wording import fingerprint, sentence
from webhook.report.sarif import LEVELS, Locations, Parts, described, log
from webhook.report.wording import Options, shown

_AT = Locations(cluster=False)


def render(linted: Linted, options: Options) -> str:
    """Return *linted* as a SARIF log; what comments spare is in it as suppressed, if it is to be shown."""
    return log(with_files(Parts([], [], [], whole=True), linted, options))


def with_files(parts: Parts, linted: Linted, options: Options) -> Parts:
    """Return *parts* with the rule of DAG files, and with what *linted* says."""
    rule = len(parts.rules)
    results = [*parts.results, *(_result(one, LEVELS[one.mode], rule) for one in linted.findings)]
    for spared in linted.spared if options.exempted else ():
        suppressions = [{"kind": "inSource", "justification": shown(spared.reason)}]
        results.append({**_result(spared.finding, "none", rule), "suppressions": suppressions})
    notes = [*parts.notes, *(_note(remark, "error") for remark in linted.unusable)]
    notes += [_note(remark, "note") for remark in linted.skipped]
    return Parts([*parts.rules, described(RULE, judge)], results, notes, parts.whole and not linted.unusable)


def _result(finding: Finding, level: str, rule: int) -> dict[str, Any]:
    related = [*((place, "also here") for place in finding.more), *((also.place, also.text) for also in finding.also)]
    return {
        "ruleId": RULE,
        "ruleIndex": rule,
        "level": level,
        "message": {"text": f"{sentence(finding)}. Fix: {shown(finding.fix)}"},
        "locations": [_location(finding.place)],
        "relatedLocations": [
            {"id": nth, **_location(place), "message": {"text": shown(text)}}
            for nth, (place, text) in enumerate(related)
        ],
        "partialFingerprints": {"airlock/v2": fingerprint(finding)},
        "properties": {"kind": finding.fault, "fix": shown(finding.fix), "process": finding.process},
    }


def _note(remark: Also, level: str) -> dict[str, Any]:
    return {"level": level, "message": {"text": shown(remark.text)}, "locations": [_location(remark.place)]}


def _location(place: Line) -> dict[str, Any]:
    return _AT.location(Place(place.file, place.line))
