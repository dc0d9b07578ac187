"""What a release's pods may be pinned to is what a node says of its scheduler's own repository."""

from typing import Any

import pytest

from tests.harness.livepods import live, node, running
from webhook.judge.gate import Gate
from webhook.pods.nodes import Nodes, known
from webhook.pods.observed import Origin, read_origins, write_origins
from webhook.pods.pin import Pin, Pinning, read_pins, write_pins
from webhook.pods.sighting import Airflow

DIGEST, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
ONE = Airflow("airflow", "airflow")
SAME = known([node("node-a"), node("node-b")])


def pinned(*pods: dict[str, Any], nodes: Nodes = SAME, indexes: frozenset[str] = frozenset()) -> dict[Airflow, Pin]:
    pinning, gate = Pinning(nodes, indexes), Gate()
    for body in pods:
        pod = live(body)
        role = gate.recognise(pod)
        assert role is not None
        pinning.add(pod, role)
    return pinning.pins


def scheduler(image: str = "apache/airflow:main", image_id: str | None = None, **facts: Any) -> dict[str, Any]:
    pod = running(
        component="scheduler", image=image, image_id=image_id or f"docker.io/apache/airflow@{DIGEST}", **facts
    )
    pod["metadata"]["labels"]["release"] = "airflow"
    return pod


def test_a_scheduler_on_a_tag_gives_the_digest_of_its_repository() -> None:
    assert pinned(scheduler()) == {ONE: Pin("docker.io/apache/airflow:main", DIGEST)}
    docker = scheduler(image_id=f"docker-pullable://apache/airflow@{DIGEST}")
    assert pinned(docker)[ONE].digest == DIGEST


@pytest.mark.parametrize(
    "image_id", [DIGEST, f"docker://{DIGEST}", f"ghcr.io/mirror/airflow@{DIGEST}", "docker.io/apache/airflow@sha256:1"]
)
def test_a_bare_id_and_another_repositorys_digest_pin_nothing(image_id: str) -> None:
    (pin,) = pinned(scheduler(image_id=image_id)).values()
    assert (pin.digest, pin.why) == ("", "no node reports a digest of this repository")


def test_two_digests_or_two_tags_are_a_rollout() -> None:
    for other in (
        scheduler(image_id=f"docker.io/apache/airflow@{OTHER}"),
        scheduler(image="apache/airflow:dev"),
    ):
        (pin,) = pinned(scheduler(), other).values()
        assert (pin.digest, pin.why) == ("", "its schedulers run two images, as in a rollout")


def test_what_runs_by_digest_already_or_has_no_release_pins_nothing() -> None:
    nameless = scheduler()
    del nameless["metadata"]["labels"]["release"]
    worker = running(component="worker")
    assert pinned(scheduler(image=f"apache/airflow@{DIGEST}"), nameless, worker) == {}


def test_on_nodes_of_several_platforms_only_a_known_index_is_used() -> None:
    mixed = known([node("node-a"), node("node-b", architecture="arm64")])
    assert pinned(scheduler(), nodes=mixed)[ONE].digest == ""
    assert pinned(scheduler(), nodes=mixed, indexes=frozenset({DIGEST}))[ONE].digest == DIGEST
    assert pinned(scheduler(), nodes=Nodes())[ONE].digest == ""


def test_pins_are_read_back_and_what_is_no_pin_is_left_out() -> None:
    pins = {ONE: Pin("docker.io/apache/airflow:main", DIGEST), Airflow("b", "c"): Pin("docker.io/x/y:1", why="no")}
    assert read_pins(write_pins(pins)) == pins
    assert write_pins(dict(reversed(pins.items()))) == write_pins(pins)
    for bad in ("", "{}", "[]", "null", '{"pins": 5}', "[" * 100_000):
        assert read_pins(bad) == {}
    entry = '{"namespace": "a", "release": "b", "image": "%s", "digest": "%s"}'
    bad_entries = [entry % ("apache/airflow:main", DIGEST), entry % ("docker.io/apache/airflow:main", "sha256:1"), "5"]
    assert read_pins(f'{{"pins": [{", ".join(bad_entries)}]}}') == {}


def test_origins_are_read_back() -> None:
    origins = {"docker.io/x/y:1": Origin(DIGEST, ("4f2c9d1",), (OTHER,)), "docker.io/x/z:1": Origin(why="away")}
    assert read_origins(write_origins(origins)) == origins
    for bad in ("", "{}", "[]", '{"origins": {"a": 5}}', "[" * 100_000):
        assert read_origins(bad) == {}
    assert read_origins('{"origins": {"a": {"revisions": ["%s"]}}}' % ("x" * 257)) == {}
