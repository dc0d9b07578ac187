"""The pages of figures hold what the commands have measured, and nothing else."""

from tests.bench import baseline
from tests.bench.page import page as performance
from tests.figures.figure import read
from tests.harness.places import ROOT
from tests.prove.page import page as reliability

DOCS = ROOT / "docs"


def test_docs_performance_holds_what_make_bench_measured_and_nothing_else() -> None:
    assert (DOCS / "performance.md").read_text() == performance(read(DOCS / "performance.json"), baseline.read())


def test_docs_reliability_holds_what_make_prove_measured_and_nothing_else() -> None:
    assert (DOCS / "reliability.md").read_text() == reliability(read(DOCS / "reliability.json"))
