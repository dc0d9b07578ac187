"""Kubernetes' programs are told what their version knows, and nothing that it refuses."""

from ipaddress import IPv4Network
from pathlib import Path

import pytest
import yaml

from tests.harness.control_plane import arguments as control_plane
from tests.harness.control_plane.binaries import Binaries
from tests.harness.node import arguments
from tests.harness.node.network import Network
from tests.harness.node.programs import Programs

FOLDER = Path("/folder")
NETWORK = Network(IPv4Network("10.88.4.0/22"))
OLDEST, NEWEST = (1, 20), (1, 36)


def programs(version: tuple[int, int]) -> Programs:
    return Programs(Binaries(Path("/kubernetes"), version), Path("/others"))


@pytest.mark.parametrize(("version", "told"), [(OLDEST, True), ((1, 23), True), ((1, 24), False), (NEWEST, False)])
def test_the_scheduler_is_told_to_open_no_insecure_port_where_it_has_one(
    version: tuple[int, int], *, told: bool
) -> None:
    assert ("--port=0" in arguments.kube_scheduler(programs(version), FOLDER)) is told


@pytest.mark.parametrize(("version", "told"), [(OLDEST, True), ((1, 26), True), ((1, 27), False), (NEWEST, False)])
def test_kubelet_is_told_that_the_runtime_is_another_process_where_there_is_a_choice(
    version: tuple[int, int], *, told: bool
) -> None:
    assert ("--container-runtime=remote" in arguments.kubelet(programs(version), FOLDER, NETWORK)) is told


@pytest.mark.parametrize(("version", "told"), [(OLDEST, None), ((1, 34), None), ((1, 35), False), (NEWEST, False)])
def test_kubelet_is_told_to_accept_the_first_control_groups_where_it_would_not(
    version: tuple[int, int],
    told: bool | None,  # noqa: FBT001 - what a field holds
) -> None:
    written = yaml.safe_load(arguments.kubelet_yaml(programs(version), FOLDER, NETWORK, "/group"))
    assert written.get("failCgroupV1") is told


def site(version: tuple[int, int]) -> control_plane.Site:
    return control_plane.Site(FOLDER, Binaries(Path("/kubernetes"), version), 6443, 2379)


@pytest.mark.parametrize(("version", "told"), [(OLDEST, True), ((1, 22), True), ((1, 23), False), (NEWEST, False)])
def test_the_gate_of_ephemeral_containers_is_opened_where_it_is_shut(version: tuple[int, int], *, told: bool) -> None:
    gate = "--feature-gates=EphemeralContainers=true"
    assert (gate in control_plane.kube_apiserver(site(version))) is told


@pytest.mark.parametrize(("version", "told"), [(OLDEST, True), ((1, 23), True), ((1, 24), False), (NEWEST, False)])
def test_the_controller_manager_is_told_to_open_no_insecure_port_where_it_has_one(
    version: tuple[int, int], *, told: bool
) -> None:
    assert ("--port=0" in control_plane.kube_controller_manager(site(version))) is told
