"""Every fix that airlock prints works when somebody follows it, in each chart, also as a part of another one.

`make test` follows them in small charts of our own; `make test-charts CHARTS=FOLDER` in whatever charts lie in FOLDER.
"""

from pathlib import Path

import pytest
import yaml

from tests.harness.airflow_charts import (
    Chart,
    Values,
    charts,
    checked,
    fixes,
    followed,
    inside,
    merged,
    rendered,
    scenarios,
)
from webhook.report import mending, patch

ALL = [(chart, name) for chart in charts() for name in scenarios(chart)]
IDS = [f"{chart}: {name}" for chart, name in ALL]
_ROUNDS = 3  # one fix may uncover another: what was redirected shows when the rest is right


def is_mended(chart: Chart, values: Values, way: str) -> bool:
    outcome = checked(rendered(chart, values))
    assert fixes(outcome), "this scenario has no finding to fix"
    for _ in range(_ROUNDS):
        if way == "policy" and all(": Always" not in fix for fix, _ in fixes(outcome)):
            return True  # no fix says that a policy would do
        for fix, containers in fixes(outcome):
            values = followed(fix, containers, values, way, chart.under)
        outcome = checked(rendered(chart, values))
        if not fixes(outcome):
            return True
    pytest.fail(f"still found: {fixes(outcome)}")


@pytest.mark.parametrize("way", ["tag", "policy"])
@pytest.mark.parametrize(("chart", "name"), ALL, ids=IDS)
def test_a_fix_that_is_followed_mends_what_it_is_about(chart: Chart, name: str, way: str) -> None:
    assert is_mended(chart, scenarios(chart)[name], way)


@pytest.mark.parametrize(("chart", "name"), ALL, ids=IDS)
def test_the_printed_values_mend_all_but_the_lists_of_the_users_own_containers(chart: Chart, name: str) -> None:
    values = scenarios(chart)[name]
    for _ in range(_ROUNDS):
        printed = yaml.safe_load(patch.values(mending.of_files(checked(rendered(chart, values)))))
        values = merged(values, printed, chart.under)
    left = [fix for fix, _ in fixes(checked(rendered(chart, values)))]
    assert [fix for fix in left if ": Always" in fix and "list this container" not in fix] == []


@pytest.mark.parametrize("alias", ["", "etl"])
@pytest.mark.parametrize("chart", charts(), ids=str)
def test_a_fix_has_the_keys_of_the_chart_that_the_chart_is_part_of(chart: Chart, alias: str, tmp_path: Path) -> None:
    part = inside(chart, tmp_path / "platform", alias)
    for name in ("latest", "containers of their own"):
        if (values := scenarios(chart).get(name)) is not None:
            assert is_mended(part, values, "tag"), name


@pytest.mark.parametrize("chart", charts(), ids=str)
def test_each_family_of_charts_is_known_by_its_own_words(chart: Chart) -> None:
    outcome = checked(rendered(chart, scenarios(chart)["latest"]))
    assert {work.chart for work in outcome.workloads if work.reported and not work.key} == {chart.family}
