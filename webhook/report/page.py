"""The format `html` of an audit: one page that needs nothing else, in which everything from the cluster stays text.

Whatever a template prints is made printable, then escaped. The page's Content-Security-Policy names the hashes of its
own style and script and forbids all else: no request leaves it, whoever wrote a name that it shows.
"""

import dataclasses
import hashlib
from base64 import b64encode
from functools import cache
from importlib import resources
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from webhook.audit.findings import Told
from webhook.audit.layers import layers
from webhook.audit.survey import Survey
from webhook.judge.bounds import UNREADABLE
from webhook.judge.wording import where
from webhook.pods.text import plural, printable
from webhook.report import pictures, view
from webhook.report.wording import audit_summary, headline, instant, tone
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode

MOST = 100  # rows and pictures of a section
STATIC = 200  # findings that a browser without JavaScript shows

_LONGEST = 2000  # characters of one text
_POLICY = "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
_MODES = {
    Mode.ENFORCE: "denied when it is made again",
    Mode.WARN: "admitted with a warning",
    Mode.AUDIT: "admitted, and reported",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """A finding as the page lists it."""

    mode: str
    rule: str
    namespace: str
    component: str
    kind: str
    name: str
    pods: int
    example: str
    place: str
    text: str
    fix: str


def render(survey: Survey) -> str:
    """Return the page on *survey*."""
    items = [_item(told) for told in survey.findings]
    items.sort(key=lambda item: -Mode(item.mode).rank)
    style, script = _file("page.css"), _file("page.js")
    return (
        _environment()
        .get_template("page.html")
        .render(
            style=style,
            script=script,
            policy=_POLICY.format(style=_hash(style), script=_hash(script)),
            version=version("airlock-airflow"),
            survey=survey,
            headline=headline(survey),
            summary=audit_summary(survey),
            layers=layers(survey),
            tone=tone(survey),
            losses=view.losses(survey),
            matrix=view.matrix(survey),
            classes=view.classes(survey),
            drifts=[pictures.of_drift(drift, survey) for drift in survey.drifts[:MOST]],
            skews=[pictures.of_skew(skew, survey) for skew in survey.skews[:MOST]],
            items=items[:STATIC],
            lifted=[(one.group, one) for one in survey.exempted],
            choices=_choices(items),
            data=_packed(items),
            modes=_MODES,
            most=MOST,
        )
    )


def _item(told: Told) -> Item:
    violation, group = told.violation, told.group
    cause = violation.cause
    others = len(told.shown) - 1
    return Item(
        mode=violation.mode,
        rule=violation.rule,
        namespace=group.namespace,
        component=group.component,
        kind=group.kind,
        name=f"{group.name} and {plural(others, 'more workload')}" if others else group.name,
        pods=told.pods,
        example=told.shown[0][1].example,
        place=where(cause.places),
        text=cause.text,
        fix=f"{cause.fix}; {violation.note}" if violation.note else cause.fix,
    )


def _choices(items: list[Item]) -> dict[str, list[str]]:
    """Return what can be chosen in each of the page's lists."""
    modes = [mode for mode in _MODES if any(item.mode == mode for item in items)]
    return {
        "namespace": sorted({item.namespace for item in items}),
        "component": sorted({item.component for item in items}),
        "rule": [rule for rule in (*RULES, UNREADABLE) if any(item.rule == rule for item in items)],
        "mode": [str(mode) for mode in modes],
    }


def _packed(items: list[Item]) -> dict[str, Any]:
    """Return *items* for the page's script: each text once, and for each item the numbers of its texts."""
    numbers: dict[str, int] = {}

    def number(text: str) -> int:
        return numbers.setdefault(printable(text, _LONGEST), len(numbers))

    fields = [one.name for one in dataclasses.fields(Item) if one.name != "pods"]
    rows = [[item.pods, *(number(getattr(item, name)) for name in fields)] for item in items]
    return {"fields": fields, "texts": list(numbers), "rows": rows}


@cache
def _environment() -> Environment:
    found = Environment(
        loader=PackageLoader("webhook.report", "html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=_printable,
    )
    found.filters |= {"instant": instant, "plural": plural}
    found.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    return found


def _printable(value: object) -> object:
    """Return *value*, if it is not markup that a template made, on one printable line."""
    return value if hasattr(value, "__html__") else printable(str(value), _LONGEST)


@cache
def _file(name: str) -> str:
    return resources.files("webhook.report").joinpath("html", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the source expression of a Content-Security-Policy that allows an element with *text*, and no other."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
