"""The pytest plugin: one control plane for all tests of a session, a namespace for each test that wants one."""

from collections.abc import Iterator

import pytest

from tests.harness.control_plane import ControlPlane, binaries


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[ControlPlane]:
    """Return the control plane that the tests of this session share; without one they fail."""
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():  # a build takes minutes and tells how far it is
        programs = binaries.find()
    with ControlPlane(programs) as plane:
        yield plane


@pytest.fixture
def other_namespace(control_plane: ControlPlane) -> Iterator[str]:
    """Return the name of a second fresh namespace, as `namespace`."""
    name = control_plane.namespace()
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def namespace(control_plane: ControlPlane) -> Iterator[str]:
    """Return the name of a fresh namespace; it is deleted when the test is over, and nobody waits for that."""
    name = control_plane.namespace()
    yield name
    control_plane.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")
