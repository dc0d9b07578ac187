"""A diagnosis for people and for programs: the checklist on a terminal, as JSON, and as a page."""

import json
from importlib.metadata import version
from typing import Any

from rich.console import Console
from rich.text import Text

from webhook.diagnosis.checklist import Answer, Diagnosis, Item
from webhook.diagnosis.evidence import Evidence
from webhook.report.terminal import put
from webhook.report.wording import shown

VERSION = "airlock/v1"
_MARKS = {Answer.CAUSE: ("✗", "red"), Answer.NOT: ("✓", "green"), Answer.UNKNOWN: ("?", "yellow")}


def show(console: Console, found: Diagnosis) -> None:
    """Print *found* to *console*: what was said, then the four layers, each with its evidence and fix."""
    put(console, Text(shown(found.headline), "bold"))
    put(console, Text(f"looked at {shown(found.source)}; policy: {shown(found.policy)}", "dim"), 2)
    if found.said:
        put(console, Text())
        put(console, Text("What was said", "bold"))
        for line in found.said:
            put(console, Text(shown(line)), 2)
    for item in found.items:
        put(console, Text())
        _item(console, item)
    if found.remarks:
        put(console, Text())
        put(console, Text("What could not be seen", "bold"))
        for remark in found.remarks:
            put(console, Text(shown(remark)), 2)


def _item(console: Console, item: Item) -> None:
    mark, style = _MARKS[item.answer]
    because = f", because {'; '.join(map(shown, item.told))}" if item.answer is Answer.UNKNOWN else ""
    name = (f"{item.number} {item.name}", "bold")
    put(console, Text.assemble((f"{mark} ", style), name, ": ", (item.answer, style), because))
    put(console, Text(item.question, "dim"), 2)
    if item.answer is Answer.NOT:
        for clause in item.told:
            put(console, Text(shown(clause)), 4)
    for clause in item.marks:
        put(console, Text(shown(clause), "dim"), 4)
    for one in item.evidence:
        put(console, Text.assemble((f"{shown(one.where)}: ", "bold"), shown(one.text)), 4)
        if one.fix:
            put(console, Text.assemble(("fix: ", "green"), shown(one.fix)), 6)


def render(found: Diagnosis) -> str:
    """Return *found* as JSON, a newline at its end."""
    document = {
        "apiVersion": VERSION,
        "kind": "Diagnosis",
        "airlock": version("airlock-airflow"),
        "subject": {
            "namespaces": found.patient.namespaces,
            "dag": found.patient.dag_id,
            "task": found.patient.task_id,
            "pod": found.patient.pod,
        },
        "basis": {"source": found.source, "policy": found.policy, "requiredEnv": found.required_env},
        "headline": found.headline,
        "said": found.said,
        "layers": [_layer(item) for item in found.items],
        "unseen": [{"place": str(remark.place), "text": remark.text} for remark in found.remarks],
    }
    return json.dumps(document, indent=2) + "\n"


def _layer(item: Item) -> dict[str, Any]:
    return {
        "layer": item.number,
        "name": item.name,
        "answer": item.answer,
        "evidence": [_shown(one) for one in item.evidence],
        "because": item.told,
        "marks": item.marks,
    }


def _shown(one: Evidence) -> dict[str, Any]:
    return {"where": one.where, "text": one.text, "fix": one.fix, "mode": one.mode}
