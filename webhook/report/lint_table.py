"""The format `table` of `airlock lint`: by file, a line with file:line for each finding, a summary at the end."""

from collections.abc import Iterator
from itertools import groupby

from rich.console import Console
from rich.text import Text

from webhook.lint.linted import Linted
from webhook.report.lint_wording import elsewhere, sentence, summary
from webhook.report.terminal import STYLES, fitted, put
from webhook.report.wording import Options, shown

_SHORT = 15  # findings of a summary


def show(console: Console, linted: Linted, options: Options) -> None:
    """Print *linted* to *console*: wrapped and in colour on a terminal, else each finding on one line."""
    if options.summary:
        _show_short(console, linted)
        return
    for file, lines in groupby(_lines(linted, options), key=lambda line: line[0]):
        put(console, Text(shown(file), "bold"))
        for _, text in lines:
            put(console, text, 2)
        put(console, Text())
    for remark in linted.unusable:
        put(console, Text.assemble(("unusable: ", "red"), f"{shown(remark.place)}: {shown(remark.text)}"))
    for remark in linted.skipped:
        put(console, Text(f"skipped: {shown(remark.place)}: {shown(remark.text)}", "dim"))
    if linted.unusable or linted.skipped:
        put(console, Text())
    put(console, Text(summary(linted), "bold"))


def _show_short(console: Console, linted: Linted) -> None:
    """Print a line for each of the first findings, the strictest first, so that all fits one screen."""
    for one in sorted(linted.findings, key=lambda one: -one.mode.rank)[:_SHORT]:
        line = Text.assemble((one.mode, STYLES[one.mode]), f" {shown(one.place)}: {sentence(one)}")
        put(console, fitted(line, console.width))
    for count, words in (
        (len(linted.findings) - _SHORT, "more findings"),
        (len(linted.unusable), "unusable"),
        (len(linted.skipped), "skipped"),
    ):
        if count > 0:
            put(console, Text(f"{count} {words}, which -o json lists", "dim"))
    put(console, Text(summary(linted), "bold"))


def _lines(linted: Linted, options: Options) -> Iterator[tuple[str, Text]]:
    """Yield each line below the name of its file."""
    for one in linted.findings:
        file = one.place.file
        yield file, Text.assemble(f"{shown(one.place)}: ", (one.mode, STYLES[one.mode]), f": {sentence(one)}")
        if one.more:
            yield file, Text(f"  {elsewhere(one)}", "dim")
        for also in one.also:
            yield file, Text(f"  {shown(also.place)}: {shown(also.text)}", "dim")
        if options.fixes:
            yield file, Text.assemble(("  fix: ", "green"), shown(one.fix))
    for spared in linted.spared if options.exempted else ():
        finding = spared.finding
        told = f"{shown(finding.place)}: exempted by a comment ({shown(spared.reason)}): {sentence(finding)}"
        yield finding.place.file, Text(told, "dim")
