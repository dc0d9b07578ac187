"""docs/performance.md, made of figures alone."""

from tests.bench.baseline import Baseline, bound
from tests.figures.figure import Run, digits
from tests.figures.page import page as figures_page
from tests.figures.page import table

INTRO = """\
# What airlock costs

`make bench` printed every figure on this page and wrote the page, with the figures as JSON beside it
([performance.json](performance.json)). It takes about ten minutes; `make bench ARGS=--quick` is the short form, and
`--only` measures one part. Absolute times depend on the machine, so promises are about ratios within one run wherever
that is possible. A figure is the median of its rounds; beside it stand the least and the greatest round.
"""

CHECK = """\
CI runs `make bench-check`: the short form of the first three parts, which fails when one of these ratios is worse than
noise three times in a row. It compares the least of all rounds on either side, which other programs disturb least. What
noise is was measured as well, by `make bench-baseline`: the bound is the greatest ratio of all its runs, and once more
how far they lie apart. Some of them had the machine for themselves, others ran beside two streams of tests.
"""


def page(run: Run, baseline: Baseline) -> str:
    """Return the page of *run*, with what `make bench-check` compares."""
    head = ("ratio", "runs", "least", "greatest", "it fails above")
    rows = [
        (name, str(len(values)), digits(min(values)), digits(max(values)), digits(bound(values)))
        for name, values in baseline.items()
    ]
    text = figures_page(run, INTRO, "make bench ARGS='--only {}'")
    return "\n".join([text, "## What is compared", "", CHECK, *table(head, rows), ""])
