"""The formats `sarif` and `junit` of `airlock audit`: what runs, and with --dags what the DAG files say."""

from webhook.audit.survey import Survey
from webhook.report import junit, lint_junit, lint_sarif, sarif
from webhook.report.wording import Options


def render_sarif(survey: Survey, options: Options) -> str:
    """Return *survey* as a SARIF log; faults of callbacks stand in their files, the rest at objects of the cluster."""
    parts = sarif.parts(survey.outcome, options)
    if survey.callbacks is not None:
        parts = lint_sarif.with_files(parts, survey.callbacks.linted, options)
    return sarif.log(parts)


def render_junit(survey: Survey, options: Options) -> str:
    """Return *survey* as JUnit XML: a suite for each namespace and for each DAG file."""
    suites = junit.Suites("airlock audit")
    junit.add(suites, survey.outcome, options)
    if survey.callbacks is not None:
        lint_junit.add(suites, survey.callbacks.linted, options)
    return suites.finished()
