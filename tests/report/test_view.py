"""What the page of an audit counts and draws."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from tests.harness import surveys
from tests.harness.livepods import NOW, digest
from webhook.audit.survey import Drift
from webhook.pods.airflow import Component
from webhook.pods.sighting import Sighting
from webhook.report import pictures, view
from webhook.rules.finding import Mode

DAY = timedelta(days=1)


def sighting(letter: str, first: timedelta, last: timedelta = timedelta(), **others: object) -> Sighting:
    facts = {"pods": 1, "nodes": ("node-a",), "components": (Component.WORKER,)} | others
    return Sighting("r/a:main", "containerd linux/amd64", digest(letter), NOW - first, NOW - last, **facts)  # type: ignore[arg-type]


def drawn(*sightings: Sighting) -> tuple[pictures.Run, ...]:
    return pictures.of_drift(Drift("r/a:main", sightings, certain=True), surveys.empty()).runs


def test_the_matrix_counts_findings_by_namespace_rule_and_component() -> None:
    found = view.matrix(surveys.story())
    assert found.components == ("scheduler", "triggerer", "worker", "webserver", "task")
    cells = {(row.namespace, row.rule): row.cells for row in found.rows}
    assert cells["airflow", "mutable-tag"] == (
        view.Cell(1, Mode.ENFORCE, 1),
        view.Cell(1, Mode.ENFORCE, 1),
        None,
        None,
        view.Cell(1, Mode.ENFORCE, 1),
    )
    assert cells["lab", "required-env"][0] == view.Cell(2, Mode.WARN, 1)
    assert cells["airflow", "image-drift"] == (view.Cell(1, Mode.WARN, 1), None, None, None, None)
    assert sum(cell.findings for row in found.rows for cell in row.cells if cell) == surveys.story().counts.total()


def test_a_namespace_spans_the_rows_of_its_rules() -> None:
    rows = view.matrix(surveys.story()).rows
    assert [(row.namespace, row.first) for row in rows if row.first] == [
        ("airflow", 3),
        ("airflow-reports", 1),
        ("lab", 2),
        ("sandbox", 1),
        ("team-ml", 3),
    ]
    assert sum(row.first for row in rows) == len(rows)


def test_more_findings_make_a_darker_cell() -> None:
    (cell,) = {row.cells[0] for row in view.matrix(surveys.large(400)).rows if row.namespace == "airflow-team-01"}
    assert cell == view.Cell(10, Mode.ENFORCE, 3)


def test_losses_are_told_by_namespace_most_first_and_add_up() -> None:
    survey = surveys.large(400)
    found = view.losses(survey)
    assert sum(loss.lost for loss in found) == survey.lost == 260
    assert [loss.lost for loss in found] == sorted((loss.lost for loss in found), reverse=True)
    assert (len(found[0].workloads), found[0].more) == (3, 7)


def test_what_admission_does_not_see_is_no_loss() -> None:
    survey = surveys.story("enforce")
    assert "lab" in {group.namespace for group in survey.groups if group.lost}
    assert "lab" not in {loss.namespace for loss in view.losses(survey)}


def test_classes_of_images_fill_the_bar_and_count_each_container_once() -> None:
    survey = surveys.story()
    found = view.classes(survey)
    assert [one.name for one in found] == ["proven", "mutable", "immutable", "digest"]
    assert sum(one.containers for one in found) == survey.pods == 20
    assert sum(one.width for one in found) == pytest.approx(100)
    assert [one.start for one in found[1:]] == pytest.approx([one.start + one.width for one in found[:-1]])
    assert found[0].images == ((f"{surveys.TEAM}:main", 9),)


def test_only_pull_policies_that_trust_a_cache_are_counted_as_such() -> None:
    survey = surveys.healthy()
    always = tuple(replace(use, policy="Always") for use in survey.groups[0].images)
    changed = replace(survey, groups=(replace(survey.groups[0], images=always), *survey.groups[1:]))
    (found,) = view.classes(changed)
    assert (found.containers, found.trusting) == (3, 2)


def test_bars_lie_on_one_scale_from_the_first_start_to_the_look() -> None:
    first, second = drawn(sighting("1", 4 * DAY), sighting("2", DAY))
    assert (first.span.start, first.span.width, first.span.lasted) == (0, 100, "4 days")
    assert (second.span.start, second.span.width, second.span.lasted) == (75, 25, "24 hours")


def test_what_has_ended_says_when_and_its_bar_ends_there() -> None:
    gone = drawn(sighting("1", 4 * DAY, DAY, pods=0), sighting("2", 2 * DAY))[0]
    assert (gone.span.start, gone.span.width, gone.span.ended) == (0, 75, "2026-11-23 12:00 UTC")


def test_what_has_just_begun_can_still_be_seen_and_stays_inside() -> None:
    young = drawn(sighting("1", 400 * DAY), sighting("2", timedelta(seconds=1)))[1]
    assert young.span.width >= 1
    assert young.span.start + young.span.width <= 100


def test_bars_have_a_width_when_all_began_with_the_look() -> None:
    assert all(0 <= run.span.start < 100 for run in drawn(sighting("1", 0 * DAY), sighting("2", 0 * DAY)))


def test_one_image_has_one_letter_and_one_hue() -> None:
    (ml, reports) = sorted(
        (pictures.of_skew(one, surveys.story()) for one in surveys.story().skews), key=lambda it: it.title
    )
    assert [(run.mark, run.who, run.behind) for run in ml.runs] == [("A", "scheduler", False), ("B", "webserver", True)]
    assert [(run.mark, run.pods) for run in reports.runs] == [("A", 1), ("B", 3)]
    marks = drawn(sighting("1", DAY), sighting("2", DAY), sighting("1", DAY))
    assert [(run.mark, run.hue) for run in marks] == [("A", 0), ("B", 1), ("A", 0)]


def test_a_picture_of_many_nodes_names_some_and_says_that_there_are_more() -> None:
    survey = surveys.wide(40)
    (drift,) = survey.drifts
    runs = pictures.of_drift(drift, survey).runs
    assert [run.pods for run in runs] == [14, 13, 13]
    assert all(len(run.nodes) == 8 and run.more_nodes for run in runs)
    (few,) = surveys.wide(6).drifts
    assert not any(run.more_nodes for run in pictures.of_drift(few, survey).runs)
