"""The format `table`, for people: by file and object, a line with file:line for each finding, a summary at the end."""

from collections.abc import Iterator
from itertools import groupby

from rich.console import Console
from rich.text import Text

from webhook.judge.message import problem
from webhook.manifests.outcome import Judged, Outcome
from webhook.report.terminal import STYLES, put
from webhook.report.wording import Options, shown, summary

_SKIPPED = 10  # lines; a folder may hold any number of files that are no manifests
_NOTES = 50


def show(console: Console, outcome: Outcome, options: Options) -> None:
    """Print *outcome* to *console*: wrapped and in colour on a terminal, else each finding on one line."""
    told = [workload for workload in outcome.workloads if workload.reported or (options.exempted and workload.spared)]
    for file, workloads in groupby(told, key=lambda workload: workload.place.file):
        put(console, Text(shown(file), "bold"))
        for workload in workloads:
            put(console, _heading(workload), 2)
            for line in _lines(workload, options):
                put(console, line, 4)
        put(console, Text())
    for remark in outcome.unusable:
        put(console, Text.assemble(("unusable: ", "red"), shown(remark)))
    for remark in outcome.notes[:_NOTES]:
        put(console, Text.assemble(("not judged: ", "yellow"), shown(remark)))
    if len(outcome.notes) > _NOTES:
        put(console, Text(f"not judged: {len(outcome.notes) - _NOTES} more, which -o json lists", "yellow"))
    for remark in outcome.skipped[:_SKIPPED]:
        put(console, Text(f"skipped: {shown(remark)}", "dim"))
    if len(outcome.skipped) > _SKIPPED:
        put(console, Text(f"skipped: {len(outcome.skipped) - _SKIPPED} more, which -o json lists", "dim"))
    if outcome.remarks:
        put(console, Text())
    put(console, Text(summary(outcome), "bold"))


def _heading(workload: Judged) -> Text:
    heading = Text(shown(workload.title))
    if workload.distrusted is not None:
        heading.append(f" (its labels say {workload.distrusted}, which no controller vouches for)", "dim")
    if workload.template:
        heading.append(f" from {shown(workload.template)}", "dim")
    return heading


def _lines(workload: Judged, options: Options) -> Iterator[Text]:
    for reported in workload.reported:
        violation = reported.violation
        yield Text.assemble(
            f"{shown(reported.place)}: ", (violation.mode, STYLES[violation.mode]), f": {problem(violation)}"
        )
        for related in reported.related:
            yield Text(f"  {shown(related.place)}: {shown(related.text)}", "dim")
        if options.fix_hints:
            yield Text.assemble(("  fix: ", "green"), violation.cause.fix)
    for spared in workload.spared if options.exempted else ():
        exempted = spared.exempted
        told = problem(exempted)
        yield Text(f"{shown(spared.place)}: exempted by {shown(exempted.exemption)}: {told}", "dim")
