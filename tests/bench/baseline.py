"""The baseline of `make bench-check`: ratios of several runs, whose own spread says what is noise."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from tests.figures.figure import Run, digits

FILE = Path(__file__).with_name("baseline.json")

Baseline = dict[str, tuple[float, ...]]  # by the figure's name: what each run had for it


def read() -> Baseline:
    """Return the committed baseline."""
    return msgspec.json.decode(FILE.read_bytes(), type=Baseline)


def write(baseline: Baseline) -> None:
    """Replace the committed baseline."""
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(baseline), indent=1) + b"\n")


def gathered(runs: Iterable[Run]) -> Baseline:
    """Return the gated figures of *runs*."""
    found: dict[str, list[float]] = {}
    for run in runs:
        for name, value in gated(run).items():
            found.setdefault(name, []).append(round(value, 4))
    return {name: tuple(values) for name, values in found.items()}


def joined(one: Baseline, other: Baseline) -> Baseline:
    """Return the runs of both.

    >>> joined({"a": (1.0,)}, {"a": (2.0,), "b": (3.0,)})
    {'a': (1.0, 2.0), 'b': (3.0,)}
    """
    return {name: (*one.get(name, ()), *other.get(name, ())) for name in {**one, **other}}


def gated(run: Run) -> dict[str, float]:
    """Return what is compared of *run*, by the figures' names."""
    figures = (figure for section in run.sections for figure in section.figures)
    return {figure.name: figure.gate for figure in figures if figure.gate is not None}


def bound(values: tuple[float, ...]) -> float:
    """Return what is no noise any more: the greatest ratio of all runs, and once more how far they lie apart.

    >>> bound((0.5, 0.52, 0.56))
    0.62
    """
    return round(max(values) + (max(values) - min(values)), 4)


def worse(run: Run, baseline: Baseline) -> list[str]:
    """Return a sentence for each gated figure of *run* that is beyond the noise of *baseline*, or not in it."""
    found = []
    for name, value in gated(run).items():
        if (values := baseline.get(name)) is None:
            found.append(f"{name}: is not in {FILE.name}; make bench-baseline measures it")
        elif value > (most := bound(values)):
            told = f"{digits(value)}, and {len(values)} runs had {digits(min(values))} to {digits(max(values))}"
            found.append(f"{name}: {told}, so that up to {digits(most)} is noise")
    return found


def settled(measure: Callable[[], Run], baseline: Baseline, tries: int) -> list[str]:
    """Return what is worse in each of *tries* runs of *measure*: what comes once and goes is the machine's."""
    lasting: set[str] | None = None
    told: list[str] = []
    for _ in range(tries):
        told = worse(measure(), baseline)
        names = {text.partition(": ")[0] for text in told}
        lasting = names if lasting is None else lasting & names
        if not lasting:
            return []
    return [text for text in told if text.partition(": ")[0] in (lasting or ())]
