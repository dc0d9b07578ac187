"""Anyone who reaches the port can forge reviews: what that does to the Events of others, on a real API server."""

import json
import ssl
from collections.abc import Iterator
from http.client import HTTPSConnection
from typing import Any

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.gate import LABEL, REPLICASET, Gate, bad_pod, standing
from tests.harness.reviews import review, task
from tests.harness.waiting import until


@pytest.fixture(scope="module")
def gate(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    with standing(control_plane, tmp_path_factory.mktemp("gate"), "--excluded-namespace=kube-system") as gate:
        yield gate


def forge(gate: Gate, *bodies: bytes) -> None:
    """POST *bodies* to /validate over one connection, past the API server."""
    context = ssl.create_default_context(cafile=gate.server.ca)
    connection = HTTPSConnection("localhost", gate.server.port, context=context, timeout=30)
    try:
        for body in bodies:
            connection.request("POST", "/validate", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert (answer.status, json.loads(answer.read())["response"]["allowed"]) == (200, False)
    finally:
        connection.close()


def forged(number: int, namespace: str) -> bytes:
    """Return a review of a scheduler on a moving tag, as nobody asks about it."""
    pod: dict[str, Any] = bad_pod()
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "forged", "uid": f"{number}", "controller": True}
    pod["metadata"] |= {"ownerReferences": [owner], "namespace": namespace}
    return review(pod, namespace=namespace, user=REPLICASET)


def test_a_flood_of_forged_reviews_keeps_no_true_denial_from_being_told(gate: Gate) -> None:
    namespace = gate.plane.namespace(labels={LABEL: ""})
    assert gate.create(bad_pod(), REPLICASET, namespace)[0] == 422
    until(lambda: gate.events(namespace), "the first Event")
    forge(gate, *(forged(number, f"invented-{number}") for number in range(400)))
    forge(gate, *(forged(number, "default") for number in range(100)))
    pod = bad_pod()
    pod["metadata"]["labels"] = pod["metadata"]["labels"] | {"component": "triggerer"}
    pod["spec"]["containers"][0]["image"] = "apache/airflow:main"
    assert gate.create(pod, REPLICASET, namespace)[0] == 422
    until(lambda: len(gate.events(namespace)) == 2, "the Event of a true denial")


def test_no_event_is_written_in_a_namespace_that_the_registration_leaves_out(gate: Gate) -> None:
    before = gate.server.metric('airlock_events_total{outcome="written"}')
    forge(gate, *(forged(number, "kube-system") for number in range(50)))
    namespace = gate.plane.namespace(labels={LABEL: ""})
    assert gate.create(bad_pod(), REPLICASET, namespace)[0] == 422
    until(lambda: gate.events(namespace), "the Event of what came after")
    assert gate.events("kube-system") == []
    assert gate.server.metric('airlock_events_total{outcome="written"}') > before


def test_text_that_is_no_legal_id_of_a_dag_stands_in_no_event(gate: Gate) -> None:
    namespace = gate.plane.namespace(labels={LABEL: ""})
    pod = task("apache/airflow:latest")
    pod["metadata"]["annotations"] = {"dag_id": "call 555 0199 now", "task_id": "see http://evil.example"}
    pod["metadata"] |= {"name": "task-1", "namespace": namespace}
    assert gate.create(pod, "system:serviceaccount:airflow:scheduler", namespace)[0] == 422
    (event,) = until(lambda: gate.events(namespace), "the Event")
    assert "555" not in event["note"]
    assert "evil" not in event["note"]


def test_an_owners_name_of_a_megabyte_makes_no_event_of_that_size(gate: Gate) -> None:
    namespace = gate.plane.namespace(labels={LABEL: ""})
    pod: dict[str, Any] = bad_pod()
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "a" * 900_000, "uid": "b" * 9_000}
    pod["metadata"]["ownerReferences"] = [owner | {"controller": True}]
    assert gate.create(pod, REPLICASET, namespace)[0] == 422
    (event,) = until(lambda: gate.events(namespace), "the Event")
    assert len(json.dumps(event)) < 8_000
