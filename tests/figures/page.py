"""A run as a page of Markdown; the page holds no figure that the run has not."""

from collections.abc import Iterator, Sequence

from tests.figures.figure import Figure, Row, Run, Section, digits


def page(run: Run, intro: str, command: str) -> str:
    """Return the page: *intro*, the machine, then each section under the *command* that measures it alone."""
    lines = [intro.strip(), "", "## The machine", "", *table(("", ""), list(run.machine.items())), ""]
    lines += ["## In short", "", *_summary(run.sections), ""]
    for section in run.sections:
        lines += [
            f"## {section.title}",
            "",
            section.about,
            "",
            "```console",
            f"$ {command.format(section.key)}",
            "```",
            "",
        ]
        lines += [f"Begun {section.moment}; it took {section.seconds:.0f} s.", ""]
        lines += [*_section(section)]
    return "\n".join(lines).rstrip() + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(map(_cell, line)) + " |" for line in lines]


def verdict(figure: Figure) -> str:
    """Return whether *figure* is as promised, in a word."""
    if figure.promise is None:
        return ""
    return "kept" if figure.kept else "**not kept**"


def line(figure: Figure) -> str:
    """Return *figure* as a line for a terminal."""
    text = f"{figure.name}: {_measure(figure)}"
    if figure.spread:
        text += f" ({_spread(figure)})"
    if figure.promise:
        text += f", {figure.promise} is promised: {'kept' if figure.kept else 'NOT KEPT'}"
    return text


def _summary(sections: Sequence[Section]) -> list[str]:
    rows = []
    for section in sections:
        promised = [figure for figure in section.figures if figure.promise]
        state = f"{sum(figure.kept for figure in promised)} of {len(promised)}" if promised else "none"
        if section.failure:
            state = "**failed**"
        elif not section.kept:
            state = f"**{state}**"
        rows.append((section.title, state, str(len(section.tests) or ""), f"{section.seconds:.0f} s"))
    return table(("part", "promises kept", "tests that passed", "took"), rows)


def _section(section: Section) -> Iterator[str]:
    if section.failure:
        yield from (f"It did not come to its end: {_cell(section.failure)}", "")
    if section.rows:
        yield from (*_matrix(section.rows), "")
    if section.figures:
        head = ("figure", "measured", "least to greatest", "promised", "")
        rows = [
            (figure.name, _measure(figure), _spread(figure), str(figure.promise or ""), verdict(figure))
            for figure in section.figures
        ]
        yield from (*table(head, rows), "")
    if section.tests:
        yield from ("Shown by tests, which passed in this run:", "", *(f"* `{test}`" for test in section.tests), "")


def _matrix(rows: Sequence[Row]) -> list[str]:
    columns = list(dict.fromkeys(column for row in rows for column in row.cells))
    body = [(row.name, *(digits(row.cells[one]) if one in row.cells else "" for one in columns)) for row in rows]
    return table(("", *columns), body)


def _measure(figure: Figure) -> str:
    return f"{digits(figure.value)} {figure.unit}".strip()


def _spread(figure: Figure) -> str:
    return " to ".join(map(digits, figure.spread)) if figure.spread else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
