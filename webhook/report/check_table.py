"""The format `table`, for people: what to mend, the most urgent first, each with its workloads and file:line."""

from rich.console import Console
from rich.text import Text

from webhook.judge.message import problem as told
from webhook.manifests.outcome import Outcome
from webhook.report import listing, problems
from webhook.report.terminal import fitted, put
from webhook.report.wording import Options, shown, summary

_SKIPPED = 10  # lines; a folder may hold any number of files that are not manifests
_NOTES = 50
_SCREEN = 4  # lines of a summary for each kind of remark


def show(console: Console, outcome: Outcome, options: Options) -> None:
    """Print *outcome* to *console*: wrapped and in colour on a terminal, else each workload on one line."""
    found = problems.of_outcome(outcome)
    if options.summary:
        for line in (*listing.headings(found), *([Text()] if found else [])):
            put(console, fitted(line, console.width))
    else:
        listing.show(console, found, options)
        _exempted(console, outcome, options)
    _remarks(console, outcome, options)
    put(console, Text(summary(outcome), "bold"))


def _exempted(console: Console, outcome: Outcome, options: Options) -> None:
    lines = [
        Text(f"{shown(spared.place)}: exempted by {shown(spared.exempted.exemption)}: {told(spared.exempted)}", "dim")
        for workload in outcome.workloads
        for spared in (workload.spared if options.exempted else ())
    ]
    for line in lines:
        put(console, line)
    if lines:
        put(console, Text())


def _remarks(console: Console, outcome: Outcome, options: Options) -> None:
    for remarks, word, style, most in (
        (outcome.unusable, "unusable", "red", None),
        (outcome.notes, "not judged", "yellow", _NOTES),
        (outcome.skipped, "skipped", "dim", _SKIPPED),
    ):
        kept = remarks[: _SCREEN if options.summary else most]
        for remark in kept:
            line = Text.assemble((f"{word}: ", style), (shown(remark), "dim" if style == "dim" else ""))
            put(console, fitted(line, console.width) if options.summary else line)
        if len(remarks) > len(kept):
            put(console, Text(f"{word}: {len(remarks) - len(kept)} more, which -o json lists", "dim"))
    if outcome.remarks:
        put(console, Text())
