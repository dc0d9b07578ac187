"""Figures that were measured, what is promised of them, and the sections and runs that they belong to."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True, slots=True)
class Promise:
    """The most that a figure may be, or the least."""

    bound: float
    at_most: bool = True

    def kept(self, value: float) -> bool:
        """Whether *value* is as promised."""
        return value <= self.bound if self.at_most else value >= self.bound

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {digits(self.bound)}"


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with the value of each round.

    *gate* is what CI compares with the baseline, if it does: a ratio of the least of all rounds on either side, since
    other programs disturb that least.
    """

    name: str
    values: tuple[float, ...]
    unit: str = ""  # none: a ratio or a count
    promise: Promise | None = None
    gate: float | None = None

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return statistics.median(self.values)

    @property
    def spread(self) -> tuple[float, float] | None:
        """The least and the greatest round; None where there was one only."""
        return (min(self.values), max(self.values)) if len(self.values) > 1 else None

    @property
    def kept(self) -> bool:
        """Whether it is as promised, or nothing is."""
        return self.promise is None or self.promise.kept(self.value)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a table of absolute figures: what was measured, and the medians under their column's names."""

    name: str
    cells: dict[str, float]


@dataclass(frozen=True, slots=True)
class Section:
    """What one part of a run has measured, and how long that took."""

    key: str
    title: str
    about: str  # how it was measured, a paragraph
    moment: str  # when it began, on which commit and under which load
    seconds: float
    figures: tuple[Figure, ...] = ()
    rows: tuple[Row, ...] = ()
    tests: tuple[str, ...] = ()  # ids of tests that show the same, and passed in this run
    failure: str = ""  # why it did not come to its end

    @property
    def kept(self) -> bool:
        """Whether it came to its end and everything is as promised."""
        return not self.failure and all(figure.kept for figure in self.figures)


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run: the machine, and its sections in order."""

    machine: dict[str, str]
    sections: tuple[Section, ...]

    @property
    def kept(self) -> bool:
        """Whether every section is as promised."""
        return all(section.kept for section in self.sections)


def write(path: Path, run: Run) -> None:
    """Write *run* as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(run), indent=1) + b"\n")


def read(path: Path) -> Run:
    """Read what `write` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Run)


def merged(old: Run, new: Run, order: Sequence[str]) -> Run:
    """Return *old* with the sections that *new* has measured again, in the *order* of their keys."""
    sections = {section.key: section for section in (*old.sections, *new.sections)}
    return Run(new.machine, tuple(sections[key] for key in order if key in sections))


def digits(value: float) -> str:
    """Return *value* with three digits that count.

    >>> digits(0.6543), digits(12.345), digits(43210), digits(3.0)
    ('0.654', '12.3', '43,210', '3')
    """
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
