"""Problems on a terminal: what and why, then each fix with the workloads that it mends."""

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from webhook.pods.text import plural
from webhook.report.problems import Hit, Problem
from webhook.report.terminal import MOST, STYLES, Line, put
from webhook.report.wording import Options, shown

_WORKLOADS = 8  # of a fix
_TEXTS = 3  # of a problem
_SUMMARY = 7  # problems of a summary, which fits one screen


def show(console: Console, problems: tuple[Problem, ...], options: Options) -> None:
    """Print *problems* to *console*, each as far as it can be read at night."""
    for problem in problems[:MOST]:
        for indent, line in _problem(problem, options):
            put(console, line, indent)
        put(console, Text())
    if len(problems) > MOST:
        put(console, Text(f"and {plural(len(problems) - MOST, 'more cause')}, which -o json lists", "dim"))
        put(console, Text())


def headings(problems: tuple[Problem, ...]) -> Iterator[Text]:
    """Yield the first of *problems*, a line each, and how many more there are."""
    yield from (_heading(problem) for problem in problems[:_SUMMARY])
    if len(problems) > _SUMMARY:
        yield Text(f"and {plural(len(problems) - _SUMMARY, 'more cause')}", "dim")


def _heading(problem: Problem) -> Text:
    heading = Text.assemble(
        (problem.mode, STYLES[problem.mode]), f" {problem.rule}: ", (shown(problem.subject), "bold")
    )
    heading.append(f" ({size(problem)})", "dim")
    return heading


def size(problem: Problem) -> str:
    """Return how many workloads and running pods have *problem*."""
    workloads = plural(len({hit.title for hit in problem.hits}), "workload")
    return f"{workloads}, {plural(problem.pods, 'pod')}" if problem.pods else workloads


def _problem(problem: Problem, options: Options) -> Iterator[Line]:
    mode, subject = (problem.mode, STYLES[problem.mode]), (shown(problem.subject), "bold")
    yield 0, Text.assemble(mode, f" {problem.rule}: ", subject)
    first, *others = problem.texts[:_TEXTS] if problem.named else ("",)
    yield 2, Text.assemble((size(problem), "dim"), f": {first}" if first else "")
    yield from ((2, Text(text)) for text in others)
    if problem.named and len(problem.texts) > _TEXTS:
        yield 2, Text(f"and {plural(len(problem.texts) - _TEXTS, 'more reason')}", "dim")
    for way in problem.ways if options.fixes else ():
        yield 2, Text.assemble(("fix: ", "green"), way.fix)
        yield from _hits(way.hits, problem, 4)
    if not options.fixes:
        yield from _hits(problem.hits, problem, 2)


def _hits(hits: tuple[Hit, ...], problem: Problem, indent: int) -> Iterator[Line]:
    # One more takes no more lines than to say that there is one more.
    told = len(hits) if len(hits) == _WORKLOADS + 1 else _WORKLOADS
    for hit in hits[:told]:
        yield indent, _hit(hit, problem)
        yield from ((indent + 2, Text(shown(related), "dim")) for related in hit.related)
    if len(hits) > told:
        yield indent, Text(f"- and {plural(len(hits) - told, 'more workload')}", "dim")


def _hit(hit: Hit, problem: Problem) -> Text:
    line = Text("- ")
    if hit.places:
        line.append(f"{shown(lines_of(hit))}: ")
    if hit.mode is not problem.mode:
        line.append(f"{hit.mode}: ", STYLES[hit.mode])
    line.append(shown(hit.title), "bold")
    line.append(f", {plural(hit.pods, 'pod')}" if hit.pods else "" if hit.places else ", makes pods")
    line.append(f": {shown(', '.join(hit.containers))}" if hit.containers else f", {hit.where}")
    for more in (hit.note, hit.aside):
        line.append(f"; {shown(more)}" if more else "", "dim")
    return line


def lines_of(hit: Hit) -> str:
    """Return where *hit* stands in its file: `airflow.yaml:43,46`."""
    first, *others = dict.fromkeys(hit.places)
    same = [str(place.line) for place in others if place.line and place.file == first.file]
    return ",".join([str(first), *same])
