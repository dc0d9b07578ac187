"""What all tests share: profiles, markers, the control plane."""

import gc

import pytest
from hypothesis import settings

pytest_plugins = [
    "tests.harness.control_plane.fixtures",
    "tests.harness.node.fixtures",
    "tests.harness.installed",
    "tests.harness.chart.release",
]

# The same examples each time: a test that fails once fails again.
settings.register_profile("airlock", derandomize=True, deadline=None)
settings.load_profile("airlock")


def pytest_collection_finish() -> None:
    """Keep the garbage collector off what stays to the end: a third of a second in which no thread of a test runs."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the control plane or the node, so that `-m "not cluster"` can leave it out.

    What needs the node comes last: while it is there, kubelet and its pods take their part of the machine.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if {"control_plane", "namespace"} & fixtures:
            item.add_marker(pytest.mark.cluster)
        if {"node", "node_namespace", "installed"} & fixtures:
            item.add_marker(pytest.mark.node)
    items.sort(key=lambda item: item.get_closest_marker("node") is not None)
