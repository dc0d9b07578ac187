"""What is remembered of digests: a window of time, a bounded number, and nothing that somebody else made up."""

import json
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.harness.livepods import NOW, REPOSITORY, ago, digest, live, node, running, task
from webhook.judge.gate import Gate
from webhook.pods.airflow import Component
from webhook.pods.fleet import fleet
from webhook.pods.nodes import known
from webhook.pods.notebook import (
    LARGEST,
    MOST_SIGHTINGS,
    Memory,
    Notes,
    read_notes,
    worth_writing,
    write_notes,
)
from webhook.pods.sighting import Seen, Sighting, sights

DAY = timedelta(hours=24)
NODES = known([node("node-a"), node("node-b")])
IMAGE = "docker.io/apache/airflow:2.10.5"


def seen(pod: dict[str, Any]) -> list[Seen]:
    found = live(pod)
    role = Gate().recognise(found)
    assert role is not None
    return list(sights(found, role, NODES, NOW))


def sighting(number: int = 1, last: timedelta = timedelta(), **fields: Any) -> Sighting:
    group = "containerd linux/amd64"
    facts: dict[str, Any] = {"image": f"docker.io/apache/airflow:2.10.{number}", "group": group, "digest": digest("1")}
    times = {"first": NOW - last - timedelta(hours=1), "last": NOW - last}
    return Sighting(**(facts | times | {"pods": 0, "nodes": ("node-a",), "components": (Component.TASK,)} | fields))


def notes(*sightings: Sighting, **told: int) -> Notes:
    return Notes({(one.image, one.group, one.digest): one for one in sightings}, told)


def test_a_worker_that_lived_between_two_looks_is_remembered_and_proves_a_tag_that_moved() -> None:
    memory = Memory(DAY)
    memory.saw(seen(task(started=ago(seconds=90))))
    later = seen(task(image_id=f"{REPOSITORY}@{digest('2')}", node="node-b"))
    assert [one.digest for one in fleet(later, memory.sightings.values()).proof(IMAGE)] == [digest("1"), digest("2")]


def test_what_did_not_run_within_the_window_is_forgotten() -> None:
    memory = Memory(DAY)
    memory.recall([sighting(1, timedelta(hours=25)), sighting(2, timedelta(hours=23))])
    memory.learn(fleet([], memory.sightings.values()), NOW)
    assert [one.image[-1] for one in memory.sightings.values()] == ["2"]


def test_of_too_many_the_oldest_go_first() -> None:
    memory = Memory(DAY, most=10)
    memory.recall(sighting(number, timedelta(minutes=number)) for number in range(15))
    memory.learn(fleet([], memory.sightings.values()), NOW)
    assert sorted(int(one.image.rpartition(".")[2]) for one in memory.sightings.values()) == list(range(10))


def test_between_two_looks_no_more_is_remembered_either() -> None:
    memory = Memory(DAY, most=10)
    for number in range(100):
        memory.saw(seen(task(f"apache/airflow:2.10.{number}")))
    assert len(memory.sightings) <= 11


def test_notes_come_back_as_they_were_written() -> None:
    written = notes(sighting(1), sighting(2, timedelta(hours=3)), o0123456789abcdef=int(NOW.timestamp()))
    assert read_notes(write_notes(written), NOW, DAY) == written


def test_the_largest_notes_fit_into_a_config_map() -> None:
    nodes = tuple(f"node-{number}.{'x' * 240}" for number in range(8))
    many = [sighting(number, timedelta(seconds=number), nodes=nodes) for number in range(MOST_SIGHTINGS)]
    text = write_notes(notes(*many, **{f"t{number:016x}": number for number in range(2_000)}))
    assert len(text) <= LARGEST
    kept = read_notes(text, NOW, DAY).sightings.values()
    assert len(kept) > 100
    assert {one.last for one in kept} == {one.last for one in many[: len(kept)]}  # the latest


LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text()
FIELDS = ("image", "group", "digest", "first", "last", "nodes", "components")


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_whatever_somebody_wrote_there_is_no_error(body: Any) -> None:
    for text in (json.dumps(body), json.dumps({"sightings": [body], "told": {"o": body}}), str(body)):
        assert read_notes(text, NOW, DAY) == Notes()


def entry(**changes: Any) -> dict[str, Any]:
    (written,) = json.loads(write_notes(notes(sighting())))["sightings"]
    return {"sightings": [list((dict(zip(FIELDS, written, strict=True)) | changes).values())]}


def test_entries_that_cannot_be_are_left_out() -> None:
    assert len(read_notes(json.dumps(entry()), NOW, DAY).sightings) == 1
    bad: list[dict[str, Any]] = [
        {"image": "apache/airflow:2.10.5"},  # not normalised
        {"image": f"docker.io/apache/airflow@{digest('1')}"},
        {"image": "no image"},
        {"digest": "sha256:1"},
        {"group": "a group\nof my own"},
        {"nodes": ["node a\n"]},
        {"nodes": ["x"] * 9},
        {"components": ["king"]},
        {"last": 10**30},
        {"last": 5},
        {"first": "yesterday"},
    ]
    for change in bad:
        assert read_notes(json.dumps(entry(**change)), NOW, DAY).sightings == {}, change


def test_times_of_the_future_are_taken_for_now() -> None:
    (found,) = read_notes(json.dumps(entry(first=2**33, last=2**33)), NOW, DAY).sightings.values()
    assert found.first == found.last == NOW


def test_what_is_not_news_is_not_worth_a_write() -> None:
    before = notes(sighting(1, pods=3), sighting(2), o0123456789abcdef=0)
    minute = timedelta(minutes=1)
    assert not worth_writing(before, notes(sighting(1, -minute, pods=2), sighting(2), o0123456789abcdef=60), DAY)
    assert worth_writing(before, notes(sighting(1, pods=3), o0123456789abcdef=0), DAY)
    assert worth_writing(before, notes(sighting(1), sighting(2), o0123456789abcdef=0, t0=0), DAY)
    assert worth_writing(before, notes(sighting(1), sighting(2, -20 * minute), o0123456789abcdef=0), DAY)
    assert worth_writing(before, notes(sighting(1, -200 * minute, pods=3), sighting(2), o0123456789abcdef=0), DAY)


def test_a_container_that_never_ran_leaves_nothing_behind() -> None:
    memory = Memory(DAY)
    pod = running()
    pod["status"] = {"phase": "Pending"}
    memory.saw(seen(pod))
    assert memory.sightings == {}
