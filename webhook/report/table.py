"""The format `table`, for people: by file and object, a line with file:line for each finding, a summary at the end."""

from collections.abc import Iterator
from itertools import groupby

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from webhook.manifests.outcome import Judged, Outcome
from webhook.report.wording import Options, problem, shown, summary
from webhook.verdict import Mode, Violation

_STYLES = {Mode.ENFORCE: "bold red", Mode.WARN: "yellow", Mode.AUDIT: "cyan", Mode.OFF: "dim"}

_SKIPPED = 10  # lines; a folder may hold any number of files that are no manifests


def show(console: Console, outcome: Outcome, options: Options) -> None:
    """Print *outcome* to *console*: wrapped and in colour on a terminal, else each finding on one line."""
    told = [workload for workload in outcome.workloads if workload.reported or (options.exempted and workload.spared)]
    for file, workloads in groupby(told, key=lambda workload: workload.place.file):
        _print(console, Text(shown(file), "bold"))
        for workload in workloads:
            _print(console, _heading(workload), 2)
            for line in _lines(workload, options):
                _print(console, line, 4)
        _print(console, Text())
    for remark in outcome.unusable:
        _print(console, Text.assemble(("unusable: ", "red"), shown(remark)))
    for remark in outcome.skipped[:_SKIPPED]:
        _print(console, Text(f"skipped: {shown(remark)}", "dim"))
    if len(outcome.skipped) > _SKIPPED:
        _print(console, Text(f"skipped: {len(outcome.skipped) - _SKIPPED} more, which -o json lists", "dim"))
    if outcome.remarks:
        _print(console, Text())
    _print(console, Text(summary(outcome), "bold"))


def _print(console: Console, line: Text, indent: int = 0) -> None:
    if console.is_terminal:
        console.print(Padding(line, (0, 0, 0, indent)))
    else:
        console.print(Text(" " * indent) + line, soft_wrap=True)


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
            f"{shown(reported.place)}: ", (violation.mode, _STYLES[violation.mode]), f": {problem(violation)}"
        )
        for related in reported.related:
            yield Text(f"  {shown(related.place)}: {shown(related.text)}", "dim")
        if options.fix_hints:
            yield Text.assemble(("  fix: ", "green"), violation.finding.fix)
    for spared in workload.spared if options.exempted else ():
        exempted = spared.exempted
        told = problem(Violation(exempted.rule, Mode.OFF, exempted.finding))
        yield Text(f"{shown(spared.place)}: exempted by {shown(exempted.exemption)}: {told}", "dim")
