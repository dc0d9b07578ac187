"""What runs as what: sightings, parts, and what they prove."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.harness.livepods import NOW, REPOSITORY, ago, digest, live, node, running, task
from webhook.judge.gate import Gate
from webhook.pods.airflow import Component
from webhook.pods.fleet import Fleet, fleet
from webhook.pods.nodes import known
from webhook.pods.sighting import MOST_NODES, Airflow, Seen, Sighting, airflow_of, is_certain, sights

NODES = known([node("node-a"), node("node-b")])
IMAGE = "docker.io/apache/airflow:2.10.5"
GROUP = "containerd linux/amd64"


def seen(*pods: dict[str, Any]) -> list[Seen]:
    gate = Gate()
    lives = [live(pod) for pod in pods]
    return [one for pod in lives if (role := gate.recognise(pod)) for one in sights(pod, role, NODES, NOW)]


def sighting(
    letter: str, *, first: float, last: float, pods: int = 1, component: Component = Component.TASK
) -> Sighting:
    """Return a sighting that began *first* hours ago and was last seen *last* hours ago."""
    begin, end = NOW - timedelta(hours=first), NOW - timedelta(hours=last)
    return Sighting(IMAGE, GROUP, digest(letter), begin, end, pods, ("node-a",), (component,))


def test_pods_of_one_reference_and_digest_are_one_sighting() -> None:
    worker = running("worker", node="node-b", started=ago(hours=9))
    (one,) = fleet(seen(running(), worker)).sightings[IMAGE]
    assert (one.pods, one.nodes, one.components) == (2, ("node-a", "node-b"), (Component.SCHEDULER, Component.WORKER))
    assert (one.first, one.last) == (NOW - timedelta(hours=9), NOW)


def test_a_pod_that_ended_ran_until_its_container_did() -> None:
    pod = running(phase="Succeeded")
    over = {"terminated": {"startedAt": ago(hours=3), "finishedAt": ago(hours=2)}}
    pod["status"]["containerStatuses"][0]["state"] = over
    (one,) = fleet(seen(pod)).sightings[IMAGE]
    assert (one.pods, one.last) == (0, NOW - timedelta(hours=2))


def test_a_container_that_never_started_says_nothing() -> None:
    pod = running()
    pod["status"]["containerStatuses"][0]["state"] = {"waiting": {"reason": "ContainerCreating"}}
    assert fleet(seen(pod)) == Fleet()


def test_a_start_in_the_future_is_now() -> None:
    (one,) = fleet(seen(running(started=ago(hours=-2)))).sightings[IMAGE]
    assert one.first == NOW


def test_containers_whose_nodes_say_no_digest_are_counted() -> None:
    assert fleet(seen(running(image_id=digest("9")), running("worker", image_id=""))).inconclusive == {IMAGE: 2}


def test_digests_that_ran_at_the_same_time_are_a_drift_and_others_are_a_proof_only() -> None:
    overlapping = fleet((), [sighting("1", first=5, last=0), sighting("2", first=3, last=2)])
    running_now = fleet(seen(running()), [sighting("2", first=4, last=3)])
    assert running_now.drift(IMAGE, GROUP)
    assert not overlapping.drift(IMAGE, GROUP)  # nothing of it runs any more
    apart = fleet(seen(running(started=ago(hours=1))), [sighting("2", first=4, last=3)])
    assert not apart.drift(IMAGE, GROUP)
    assert [one.digest for one in apart.proof(IMAGE)] == [digest("2"), digest("1")]


def test_an_image_that_a_component_no_longer_runs_is_no_drift_any_more() -> None:
    before = sighting("2", first=9, last=1, component=Component.SCHEDULER)
    assert not fleet(seen(running()), [before]).drift(IMAGE, GROUP)
    assert fleet(seen(running()), [before]).proof(IMAGE)


def test_digests_between_nodes_that_are_not_known_prove_nothing_unless_one_node_has_both() -> None:
    one, other = (replace(sighting(letter, first=5, last=0), group="") for letter in "12")
    assert is_certain([one, other])
    assert not is_certain([one, replace(other, nodes=("node-b",))])
    assert not is_certain([replace(one, nodes=()), replace(other, nodes=())])


def test_a_sighting_names_a_bounded_number_of_nodes() -> None:
    pods = [running(name=f"p{n}", node=f"node-{n}") for n in range(3 * MOST_NODES)]
    (one,) = [one for ones in fleet(seen(*pods)).sightings.values() for one in ones]
    assert (one.pods, len(one.nodes)) == (3 * MOST_NODES, MOST_NODES)


def test_an_airflow_is_a_release_in_a_namespace() -> None:
    assert airflow_of(live(running(release="blue"))) == Airflow("airflow", "blue")
    bitnami = running()
    bitnami["metadata"]["labels"] = {"app.kubernetes.io/name": "airflow", "app.kubernetes.io/instance": "green"}
    assert airflow_of(live(bitnami)) == Airflow("airflow", "green")
    nameless = running()
    del nameless["metadata"]["labels"]["release"]
    assert airflow_of(live(nameless)) == Airflow("airflow", "")


def test_parts_are_the_components_own_containers_and_no_operators_pods() -> None:
    sidecar = running()
    sidecar["spec"]["containers"].append({"name": "git-sync", "image": "git-sync:v4.4.2"})
    operator = task(name="kpo")
    operator["metadata"]["labels"] = {"kubernetes_pod_operator": "True", "dag_id": "d", "task_id": "t"}
    parts = fleet(seen(sidecar, operator, task())).parts
    assert set(parts) == {(Airflow("airflow", "airflow"), part) for part in (Component.SCHEDULER, Component.TASK)}


def test_the_scheduler_leads_and_without_one_the_next() -> None:
    whole = fleet(seen(running(), running("triggerer"), running("api-server")))
    assert whole.leader(Airflow("airflow", "airflow"))[0].component is Component.SCHEDULER
    rest = fleet(seen(running("triggerer"), running("api-server")))
    assert rest.leader(Airflow("airflow", "airflow"))[0].component is Component.API_SERVER
    assert rest.leader(Airflow("airflow", "other")) == ()


pods = st.lists(
    st.builds(
        lambda component, letter, node, hours: running(
            component, image_id=f"{REPOSITORY}@{digest(letter)}", node=node, name=f"{component}-{letter}-{hours}",
            started=ago(hours=hours),
        ),
        st.sampled_from(["scheduler", "worker", "triggerer"]),
        st.sampled_from("123"),
        st.sampled_from([f"node-{letter}" for letter in "abcdefghijkl"]),
        st.integers(0, 9),
    ),
    max_size=8,
)  # fmt: skip


@given(pods, st.randoms())
def test_a_fleet_is_the_same_in_whatever_order_its_pods_came(found: list[dict[str, Any]], chance: Any) -> None:
    shuffled = list(found)
    chance.shuffle(shuffled)
    assert fleet(seen(*found)) == fleet(seen(*shuffled))


@given(pods)
def test_remembering_what_runs_adds_nothing_to_it(found: list[dict[str, Any]]) -> None:
    once = fleet(seen(*found))
    again = fleet(seen(*found), [one for ones in once.sightings.values() for one in ones])
    assert again == once


def test_what_is_remembered_runs_no_longer() -> None:
    (one,) = fleet((), [sighting("1", first=5, last=1, pods=7)]).sightings[IMAGE]
    assert one.pods == 0
    assert one.last == datetime(2026, 11, 24, 11, 0, tzinfo=UTC)
