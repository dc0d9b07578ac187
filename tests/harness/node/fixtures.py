"""The pytest plugin: one node for all tests of a session that need pods to run."""

from collections.abc import Iterator

import pytest

from tests.harness.node import Node, programs


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest) -> Iterator[Node]:
    """Return the node that the tests of this session share; without one they fail."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():  # what is built or installed takes minutes and tells how far it is
        found = programs.find()
    with Node(found) as node:
        yield node


@pytest.fixture
def node_namespace(node: Node) -> Iterator[str]:
    """Return the name of a fresh namespace of the node's cluster; nobody waits until it is deleted after the test."""
    name = node.namespace()
    yield name
    node.kubectl("delete", "namespace", name, "--wait=false")
