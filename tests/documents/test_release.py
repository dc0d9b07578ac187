"""The release manifest: what it takes, what it refuses, and what is in force at a moment."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webhook.documents.release import NONE, Release, effective, read_release, schema
from webhook.grammar.model import DocumentError
from webhook.grammar.yamltext import dump
from webhook.pods.airflow import Component
from webhook.rules.expectation import is_revision, tagged

COMMIT = "4f2c9d1e0b8a7c6d5e4f3a2b1c0d9e8f7a6b5c4d"
BEGAN = datetime(2026, 11, 23, 10, tzinfo=UTC)


def release(*images: dict[str, Any]) -> Release:
    return read_release(dump({"apiVersion": "airlock/v1", "kind": "Release", "images": list(images)}))


def refused(*images: dict[str, Any]) -> str:
    with pytest.raises(DocumentError) as error:
        release(*images)
    return str(error.value)


def test_an_entry_without_an_image_is_refused() -> None:
    assert "images[0]: names no image; give at least one of digest, tag and revision" in refused({"repository": "a/b"})


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"tag": "a:b"}, "images[0].tag"),
        ({"tag": ""}, "images[0].tag"),
        ({"tag": "x" * 129}, "images[0].tag"),
        ({"digest": "sha256:abc"}, "images[0].digest"),
        ({"digest": "sha256:" + "A" * 64}, "images[0].digest"),
        ({"revision": "a b"}, "images[0].revision"),
        ({"repository": "apache/airflow:2", "tag": "1"}, "images[0].repository"),
        ({"repository": "Not/Good:", "tag": "1"}, "images[0].repository"),
        ({"tag": "1", "since": "2026-11-23"}, "images[0].since"),
        ({"tag": "1", "since": "2026-11-23T10:00:00"}, "images[0].since"),
        ({"tag": "1", "since": "2026-13-23T10:00:00Z"}, "images[0].since"),
        ({"tag": "1", "since": "now"}, "images[0].since"),
        ({"tag": "1", "overlapMinutes": 5}, "images[0].overlapMinutes"),
        ({"tag": "1", "since": "2026-11-23T10:00:00Z", "overlapMinutes": -1}, "images[0].overlapMinutes"),
        ({"tag": "1", "components": []}, "images[0].components"),
        ({"tag": "1", "components": ["schedular"]}, "images[0].components"),
        ({"tag": "1", "namespaces": []}, "images[0].namespaces"),
        ({"tag": "1", "image": "x"}, "images[0].image"),
    ],
)
def test_a_bad_field_is_named(entry: dict[str, Any], path: str) -> None:
    assert path in refused(entry)


def test_two_entries_that_begin_at_once_for_one_workload_are_refused() -> None:
    assert "images[1]: concerns the same workloads as images[0]" in refused({"tag": "1"}, {"tag": "2"})
    assert release({"tag": "1", "components": ["worker"]}, {"tag": "2", "components": ["scheduler"]})
    assert release({"tag": "1", "namespaces": ["a"]}, {"tag": "2", "namespaces": ["b-*"]})
    assert release({"tag": "1"}, {"tag": "2", "since": "2026-11-23T10:00:00Z"})


def test_moments_of_two_time_zones_are_one() -> None:
    told = refused({"tag": "1", "since": "2026-11-23T10:00:00Z"}, {"tag": "2", "since": "2026-11-23T11:00:00+01:00"})
    assert "begins at the same moment" in told


def test_an_effective_release_reads_back_as_itself() -> None:
    one = release(
        {"tag": "1", "since": "2026-11-23T11:00:00+01:00", "repository": "apache/airflow"}, {"revision": COMMIT}
    )
    assert read_release(effective(one)) == one
    assert "since: 2026-11-23T10:00:00Z" in effective(one)


@given(st.integers(-120, 240), st.integers(0, 90))
@settings(max_examples=200)
def test_at_every_moment_the_newest_entry_that_has_begun_counts_and_the_one_before_it_while_they_overlap(
    minutes: int, overlap: int
) -> None:
    old = {"tag": "1", "since": "2026-11-23T09:00:00Z", "overlapMinutes": 0}
    new = {"tag": "2", "since": "2026-11-23T10:00:00Z", "overlapMinutes": overlap}
    found = release(new, old).about(Component.WORKER, "airflow", BEGAN + timedelta(minutes=minutes))
    expected = found.get(Component.WORKER)
    if minutes < -60:
        assert expected is None
        return
    assert expected is not None
    assert expected.current.tag == ("2" if minutes >= 0 else "1")
    assert (expected.before is not None) == (0 <= minutes < overlap)
    assert not expected.anything


def test_a_scheduler_is_asked_about_its_tasks_too() -> None:
    one = release({"tag": "1", "components": ["task"]})
    assert set(one.about(Component.SCHEDULER, "a", BEGAN)) == {Component.TASK}
    assert one.about(Component.WORKER, "a", BEGAN) == {}
    assert NONE.about(Component.SCHEDULER, "a", BEGAN) == {}


def test_jobs_and_support_are_expected_to_run_nothing_unless_they_are_named() -> None:
    one = release({"tag": "1"})
    assert not any(one.about(part, "a", BEGAN) for part in (Component.JOB, Component.SUPPORT, Component.OTHER))


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("4f2c9d1", True),
        (COMMIT, True),
        ("sha-4f2c9d1", True),
        ("v2.10.5-3-g4f2c9d1", True),
        ("2026.11.22-4f2c9d1", True),
        ("2.10.5_4f2c9d1e", True),
        ("2.10.5-9e107d9", False),
        ("sha-9e107d9d372b", False),
        ("2.10.5", None),
        ("latest", None),
        ("20261122", None),
        ("build-1234567", None),
        ("4f2c9d", None),
        ("", None),
    ],
)
def test_a_tag_names_a_revision_by_an_abbreviation_of_at_least_seven_digits(tag: str, expected: bool | None) -> None:  # noqa: FBT001
    assert tagged(tag, COMMIT) is expected


def test_a_revision_that_is_no_commit_is_one_part_of_a_tag_or_all_of_it() -> None:
    assert tagged("release-1.4.2", "release-1.4.2") is True
    assert tagged("2.10.5-r77", "r77") is True
    assert tagged("2.10.5-r78", "r77") is None


def test_revisions_are_one_when_one_abbreviates_the_other() -> None:
    assert is_revision("4f2c9d1", COMMIT)
    assert is_revision(COMMIT, "4f2c9d1")
    assert not is_revision("4f2c9d", COMMIT)
    assert not is_revision("9e107d9", COMMIT)
    assert not is_revision("", COMMIT)
    assert is_revision("v1.2", "v1.2")


def test_the_schema_requires_what_the_document_requires() -> None:
    described = schema()
    assert described["required"] == ["apiVersion", "kind", "images"]
    assert "null" not in str(described)
