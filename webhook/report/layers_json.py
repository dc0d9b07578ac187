"""The four layers in the format `json` of an audit, and what fills the fourth."""

from typing import Any

from webhook.audit.layers import layers
from webhook.audit.survey import Survey
from webhook.report.wording import shown


def layers_of(survey: Survey) -> list[dict[str, Any]]:
    """Return the four layers as *survey* shows them."""
    return [
        {"name": layer.name, "state": layer.state, "told": [shown(told) for told in layer.clauses]}
        for layer in layers(survey)
    ]


def callbacks_of(survey: Survey) -> dict[str, Any] | None:
    """Return what the DAG files say; None when no folder was given."""
    if survey.callbacks is None:
        return None
    faults = [
        {"mode": one.mode, "place": shown(one.place), "text": shown(one.text), "fix": shown(one.fix)}
        for one in survey.callbacks.faults
    ]
    return {"files": survey.callbacks.files, "callbacks": survey.callbacks.callbacks, "faults": faults}
