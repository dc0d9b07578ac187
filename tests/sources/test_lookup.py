"""The ConfigMaps of `from`: watched while the manifest names them, and told when no cluster is there."""

import logging

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.waiting import until
from webhook.cluster import connect
from webhook.sources.lookup import Lookup
from webhook.variables.known import Absence


def test_what_is_wanted_is_watched_and_what_is_no_more_wanted_is_forgotten(
    control_plane: ControlPlane, namespace: str
) -> None:
    control_plane.kubectl("create", "configmap", "callbacks", "-n", namespace, "--from-literal=endpoint=a")
    changes: list[None] = []
    with connect(kubeconfig=str(control_plane.kubeconfig)) as cluster:
        lookup = Lookup(lambda: cluster, lambda: changes.append(None))
        lookup.want(frozenset({(namespace, "callbacks"), (namespace, "absent")}))
        until(lambda: not lookup.unread, "both to be read")
        assert lookup.known == {(namespace, "callbacks"): {"endpoint": "a"}, (namespace, "absent"): Absence.MISSING}
        until(lambda: changes, "to hear of it")
        assert {state: count for state, count in lookup.counts.items() if count} == {"read": 1, "missing": 1}
        assert lookup.lines == ["sources: 1 read, 1 missing"]
        lookup.want(frozenset({(namespace, "callbacks")}))
        assert lookup.known == {(namespace, "callbacks"): {"endpoint": "a"}}
        lookup.stop()


def test_without_a_cluster_nothing_is_known_and_nobody_waits_for_it() -> None:
    lookup = Lookup(None, lambda: None)
    lookup.want(frozenset({("pipelines", "callbacks")}))
    assert lookup.known is None
    assert lookup.unread == []
    assert lookup.lines == ["sources: 1 offline"]


def test_a_cluster_that_cannot_be_named_is_told_once_and_counts_as_none(caplog: pytest.LogCaptureFixture) -> None:
    def nowhere() -> None:
        raise ValueError("~/.kube/config leads to no cluster")

    lookup = Lookup(nowhere, lambda: None)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            lookup.want(frozenset({("pipelines", "callbacks")}))
    assert [record.getMessage() for record in caplog.records] == [
        "no ConfigMap can be read: ~/.kube/config leads to no cluster"
    ]
    assert lookup.known is None
