"""A diagnosis as a page that needs nothing else: the report's four cards, with one task's evidence."""

from importlib.metadata import version

from webhook.diagnosis.checklist import Answer, Diagnosis
from webhook.report.templates import POLICY, environment, file, source

# What the report's style calls each answer.
_STATES = {Answer.CAUSE: "found", Answer.NOT: "clear", Answer.UNKNOWN: "unchecked"}


def render(found: Diagnosis) -> str:
    """Return the page on *found*."""
    style = file("page.css")
    return (
        environment()
        .get_template("diagnosis.html")
        .render(
            found=found,
            states=_STATES,
            style=style,
            policy=POLICY.format(style=source(style), script="'none'"),
            version=version("airlock-airflow"),
        )
    )
