"""Runs parts one after the other, says each figure as soon as it is there, and lets no failure hide the rest."""

import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.console import Console

from tests.figures.figure import Figure, Row, Run, Section, digits
from tests.figures.machine import facts, moment
from tests.figures.page import line

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class Part(Generic[C]):
    """What is measured together; *measure* takes what the command was told, and yields figures."""

    key: str
    title: str
    about: str
    measure: Callable[[C], Iterator[Figure | Row]]


def run(parts: Iterable[Part[C]], told: C, console: Console) -> Run:
    """Measure *parts* as *told*."""
    sections = []
    for part in parts:
        console.print(f"[bold]{part.title}[/]")
        section = _measured(part, told, console)
        console.print(f"  [dim]{section.seconds:.0f} s[/]")
        if section.failure:
            console.print(f"  [bold red]failed:[/] {section.failure}", markup=True)
        sections.append(section)
    return Run(facts(), tuple(sections))


def _measured(part: Part[C], told: C, console: Console) -> Section:
    figures: list[Figure] = []
    rows: list[Row] = []
    began, now, failure = time.monotonic(), moment(), ""
    try:
        for one in part.measure(told):
            if isinstance(one, Figure):
                figures.append(one)
                console.print(f"  {line(one)}", style=None if one.kept else "bold red", markup=False)
            else:
                rows.append(one)
                cells = ", ".join(f"{name} {digits(value)}" for name, value in one.cells.items())
                console.print(f"  {one.name}: {cells}", markup=False)
    except Exception as error:  # noqa: BLE001 - the outer rim: the other parts are measured all the same
        console.print(traceback.format_exc(), markup=False, style="dim")
        failure = f"{type(error).__name__}: {error}"[:600]
    return Section(
        part.key,
        part.title,
        part.about,
        now,
        round(time.monotonic() - began, 1),
        tuple(figures),
        tuple(rows),
        failure=failure,
    )
