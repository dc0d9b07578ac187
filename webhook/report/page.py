"""The format `html` of an audit: one page that needs nothing else, in which everything from the cluster stays text.

Whatever a template prints is made printable, then escaped. The page's Content-Security-Policy names the hashes of its
own style and script and forbids all else: no request leaves it, whatever names it shows.
"""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from webhook.audit.layers import layers
from webhook.audit.survey import Survey
from webhook.judge.bounds import UNREADABLE
from webhook.pods.text import printable
from webhook.report import clusters, listing, pictures, problems, view
from webhook.report.problems import Hit, Problem
from webhook.report.templates import LONGEST, POLICY, environment, file, source
from webhook.report.wording import audit_summary, headline, tone
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode

MOST = 100  # rows of a section, and causes that a browser without JavaScript shows
FEW = 6  # rows of a section that are not folded
HITS = 20  # workloads of a fix that are listed at once
NAMED = 5  # namespaces of a cause

_MODES = {
    Mode.ENFORCE: "denied when recreated",
    Mode.WARN: "admitted with a warning",
    Mode.AUDIT: "admitted, and reported",
}
# What the page's script knows of a workload with a cause, besides how many pods it has.
_FIELDS: dict[str, Callable[[Hit], str]] = {
    "mode": lambda hit: hit.mode,
    "namespace": lambda hit: hit.namespace,
    "component": lambda hit: hit.component,
    "kind": lambda hit: hit.kind,
    "name": lambda hit: hit.name,
    "example": lambda hit: hit.example,
    "where": lambda hit: hit.where,
    "text": lambda hit: hit.text,
    "fix": lambda hit: hit.fix,
    "note": lambda hit: "; ".join(filter(None, (hit.note, hit.aside))),
}

_CLUSTER: dict[str, Callable[[Hit], str]] = {"cluster": lambda hit: hit.cluster}  # of a survey of several


def render(survey: Survey) -> str:
    """Return the page on *survey*."""
    causes = problems.of_survey(survey)
    style, script = file("page.css"), file("page.js")
    return (
        environment()
        .get_template("page.html")
        .render(
            style=style,
            script=script,
            policy=POLICY.format(style=source(style), script=source(script)),
            version=version("airlock-airflow"),
            survey=survey,
            headline=headline(survey),
            summary=audit_summary(survey),
            layers=layers(survey),
            tone=tone(survey),
            first=list(problems.first(causes)),
            causes=causes,
            size=listing.size,
            losses=view.losses(survey),
            matrix=view.matrix(survey),
            classes=view.classes(survey),
            clusters=clusters.rows(survey),
            drifts=[pictures.of_drift(drift, survey) for drift in survey.drifts[:MOST]],
            skews=[pictures.of_skew(skew, survey) for skew in survey.skews[:MOST]],
            choices=_choices(causes, survey),
            data=_packed(causes, survey),
            modes=_MODES,
            most=MOST,
            few=FEW,
            shown=lambda rows: len(rows) if len(rows) <= FEW + 2 else FEW,  # to fold a row takes one as well
            hits=HITS,
            named=NAMED,
        )
    )


def _choices(causes: tuple[Problem, ...], survey: Survey) -> dict[str, list[str]]:
    """Return what can be chosen in each of the page's lists."""
    hits = [hit for cause in causes for hit in cause.hits]
    modes = {hit.mode for hit in hits}
    clusters = {"cluster": sorted({hit.cluster for hit in hits})} if survey.clusters else {}
    return clusters | {
        "namespace": sorted({hit.namespace for hit in hits}),
        "component": sorted({hit.component for hit in hits}),
        "rule": [rule for rule in (*RULES, UNREADABLE) if any(cause.rule == rule for cause in causes)],
        "mode": [str(mode) for mode in _MODES if mode in modes],
    }


def _packed(causes: tuple[Problem, ...], survey: Survey) -> dict[str, Any]:
    """Return *causes* for the page's script: each text once, and for each workload the numbers of its texts."""
    fields = _FIELDS | (_CLUSTER if survey.clusters else {})
    counts, numbers = survey.counts, dict[str, int]()

    def number(text: str) -> int:
        return numbers.setdefault(printable(text, LONGEST), len(numbers))

    packed = [[number(cause.rule), number(cause.subject), int(cause.named)] for cause in causes]
    rows = [
        [nth, hit.pods, *(number(get(hit)) for get in fields.values())]
        for nth, cause in enumerate(causes)
        for hit in cause.hits
    ]
    findings = {str(mode): counts[mode] for mode in _MODES}
    return {"fields": list(fields), "texts": list(numbers), "causes": packed, "rows": rows, "findings": findings}
