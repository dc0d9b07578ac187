"""Figures, their pages and the baseline of CI: a page says what was measured, and noise is what runs have shown."""

from pathlib import Path

import pytest

from tests.bench import baseline
from tests.figures.figure import Figure, Promise, Row, Run, Section, merged, read, write
from tests.figures.page import page


def section(key: str = "one", *figures: Figure, failure: str = "", rows: tuple[Row, ...] = ()) -> Section:
    return Section(key, f"Part {key}", "About it.", "some day", 3.0, figures, rows, failure=failure)


FAST = Figure("latency", (0.5, 0.7, 0.6), promise=Promise(0.65), gate=0.5)
SLOW = Figure("rate | much", (1.2,), "/s", Promise(1.5, at_most=False))
RUN = Run({"system": "x"}, (section("one", FAST, rows=(Row("a", {"s": 1234.5}),)), section("two", SLOW)))


def test_a_figure_is_the_median_of_its_rounds_and_shows_how_far_they_lie_apart() -> None:
    assert (FAST.value, FAST.spread, FAST.kept) == (0.6, (0.5, 0.7), True)
    assert (SLOW.spread, SLOW.kept) == (None, False)


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    write(tmp_path / "run.json", RUN)
    assert read(tmp_path / "run.json") == RUN


def test_a_page_shows_each_figure_beside_its_promise_and_hides_none_that_is_not_kept() -> None:
    text = page(RUN, "# Title", "make x ARGS={}")
    assert "| latency | 0.6 | 0.5 to 0.7 | at most 0.65 | kept |" in text
    assert "| rate \\| much | 1.2 /s |  | at least 1.5 | **not kept** |" in text
    assert "$ make x ARGS=two" in text
    assert "| a | 1,234 |" in text


def test_a_part_that_failed_says_so_on_the_page() -> None:
    text = page(Run({}, (section("one", failure="it broke"),)), "# Title", "make {}")
    assert "**failed**" in text
    assert "It did not come to its end: it broke" in text


def test_what_is_measured_again_takes_its_own_place() -> None:
    again, more = section("one", SLOW), section("more")
    made = merged(RUN, Run({"system": "y"}, (again, more)), ["more", "one", "two"])
    assert made == Run({"system": "y"}, (more, again, RUN.sections[1]))


def runs(*values: float) -> list[Run]:
    return [Run({}, (section("one", Figure("latency", (9.0,), gate=value)),)) for value in values]


def test_what_lies_within_the_spread_of_the_baselines_runs_is_noise_and_what_lies_beyond_is_told() -> None:
    known = baseline.gathered(runs(0.5, 0.52, 0.56))
    assert baseline.worse(runs(0.61)[0], known) == []
    assert len(baseline.worse(runs(0.63)[0], known)) == 1


def test_a_ratio_that_is_in_no_baseline_is_told() -> None:
    assert "make bench-baseline" in baseline.worse(runs(0.5)[0], {})[0]


@pytest.mark.parametrize(("values", "lasting"), [((0.7, 0.5), 0), ((0.7, 0.7, 0.5), 0), ((0.7, 0.7, 0.7), 1)])
def test_only_what_is_worse_each_time_fails(values: tuple[float, ...], lasting: int) -> None:
    known, measured = baseline.gathered(runs(0.5, 0.52)), iter(runs(*values))
    assert len(baseline.settled(lambda: next(measured), known, 3)) == lasting


def test_the_committed_baseline_has_several_runs_of_each_ratio() -> None:
    assert all(len(values) >= 5 for values in baseline.read().values())
