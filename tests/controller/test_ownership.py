"""airlock's Namespace owns the registration: on the real control plane, with its own garbage collector."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from certs.trust import Trust
from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, installation
from tests.harness.gate import bad_pod
from tests.harness.waiting import until
from webhook.controller.configurations import Configuration, Entry
from webhook.status.registration import NEW

OWNER = {"apiVersion": "v1", "kind": "Namespace", "name": "airlock", "uid": "u1"}
OTHER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "y"}


def configuration(*owners: dict[str, Any]) -> Configuration:
    entry = Entry(0, "a", "/validate", Trust(), ignores_failures=True, asks=frozenset({NEW}))
    return Configuration("ValidatingWebhookConfiguration", "airlock", "1", "7", (entry,), owners)


@pytest.mark.parametrize("owner", [OWNER, OWNER | {"blockOwnerDeletion": False}])
def test_a_registration_that_the_namespace_owns_already_is_left_alone(owner: dict[str, Any]) -> None:
    assert configuration(OTHER, owner).adopt("airlock", "u1") == []


@pytest.mark.parametrize(
    ("owners", "after"),
    [
        ([], [OWNER]),
        ([OTHER], [OTHER, OWNER]),
        ([OWNER | {"uid": "gone"}, OTHER], [OTHER, OWNER]),  # after a restore from a backup
        ([OWNER | {"name": "else"}], [OWNER | {"name": "else"}, OWNER]),
    ],
)
def test_a_registration_gets_the_namespace_as_it_is_for_its_owner(
    owners: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    (operation,) = configuration(*owners).adopt("airlock", "u1")
    assert operation == {"op": "add", "path": "/metadata/ownerReferences", "value": after}


@pytest.fixture
def made(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Installation]:
    with installation(control_plane, tmp_path) as found:
        yield found


def owners(made: Installation) -> list[list[dict[str, Any]]]:
    found = [made.get(path) for path in made.hooks]
    return [each["metadata"].get("ownerReferences", []) for each in found if each is not None]


def uid(made: Installation) -> str:
    return str(made.get(f"/api/v1/namespaces/{made.namespace}")["metadata"]["uid"])


@pytest.mark.parametrize("certificates", [(), ("--no-certificates",)], ids=["own", "cert-manager"])
def test_whoever_deletes_the_namespace_deletes_the_registration_and_waiting_pods_start(
    made: Installation, certificates: tuple[str, ...]
) -> None:
    owner = {"apiVersion": "v1", "kind": "Namespace", "name": made.namespace, "uid": uid(made)}
    with made.controlled(*certificates) as process:
        until(lambda: owners(made) == [[owner], [owner]], process.log.read_text())
        process.looks_again()  # by what the owners are now
        assert process.ready
    namespace = made.plane.namespace(labels={"airlock-test": made.namespace})
    pods = f"/api/v1/namespaces/{namespace}/pods"

    def status() -> int:
        return made.cluster.call("POST", pods, query={"dryRun": "All"}, body=bad_pod()).status

    until(lambda: status() == 500, "pods to be refused, since no replica answers and failurePolicy is Fail")
    made.plane.kubectl("delete", "namespace", made.namespace, "--wait=false")
    until(lambda: status() == 201, "pods to be admitted")
    until(lambda: owners(made) == [], "both configurations to be gone")


def test_a_cluster_that_refuses_the_owner_is_told_and_stops_nothing_else(made: Installation) -> None:
    path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/{made.configuration}"
    role = made.get(path)
    for rule in role["rules"]:
        if "admissionregistration.k8s.io" in rule["apiGroups"]:
            rule["verbs"] = ["get"]
    made.apply({key: role[key] for key in ("apiVersion", "kind", "rules")} | {"metadata": {"name": made.configuration}})
    with made.controlled("--no-certificates") as process:
        until(lambda: "ownership: cannot patch" in process.probe("/readyz")[1], process.log.read_text())
        until(lambda: process.ready, process.log.read_text())
        told = [each for each in process.records() if "has no owner" in each["event"]]
        process.looks_again()
        assert len([each for each in process.records() if "has no owner" in each["event"]]) == len(told) == 1
    assert owners(made) == [[], []]
