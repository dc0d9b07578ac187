"""docs/reliability.md, made of figures alone."""

from tests.figures.figure import Run
from tests.figures.page import page as figures_page

INTRO = """\
# What airlock withstands

`make prove` ran every experiment on this page, with real API servers and real TLS, and wrote the page, with the figures
as JSON beside it ([reliability.json](reliability.json)). It takes about half an hour, and as long again for the tests
that it runs; `make prove ARGS=--quick` is the short form, and `--only` runs one experiment. The numbers are those of
the list of experiments that airlock was designed with. What is promised stands beside each figure, also where it is
not kept.
"""


def page(run: Run) -> str:
    """Return the page of *run*."""
    return figures_page(run, INTRO, "make prove ARGS='--only {}'")
