"""What the controller sees reaches replicas: pins by ConfigMap, and what a real registry says of running images."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import docker_registry
from tests.harness.control_plane import ControlPlane
from tests.harness.controller import Installation, installation
from tests.harness.gate import config_map
from tests.harness.livepods import REPOSITORY, digest, running
from tests.harness.running import Kubelets, fresh_name, nodes, since
from tests.harness.waiting import until
from webhook.pods.observed import read_origins
from webhook.pods.pin import Pin, read_pins
from webhook.pods.sighting import Airflow

AUDIT = ("--audit", "--audit-interval", "0.5", "--no-certificates")
POLICY = "{apiVersion: airlock/v1, kind: Policy, rules: {expected-image: {mode: warn}}}"


@pytest.fixture(scope="module")
def made(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(control_plane, tmp_path_factory.mktemp("installation")) as found:
        for path in found.hooks:
            found.delete(path)  # nothing but the audit is to be seen here
        yield found


def data(made: Installation) -> dict[str, str]:
    body: dict[str, Any] = made.get("configmaps/airlock-pins") or {}
    found: dict[str, str] = body.get("data", {})
    return found


def test_what_a_scheduler_runs_is_written_down_for_replicas(made: Installation, namespace: str) -> None:
    kubelets, node = Kubelets(made.cluster, namespace), fresh_name()
    with nodes(made.cluster, node), made.controlled(*AUDIT) as process:
        body = running("scheduler", "apache/airflow:main", namespace=namespace, started=since(hours=1))
        kubelets.deploy(body, {node: f"{REPOSITORY}@{digest('1')}"})
        pin = Pin("docker.io/apache/airflow:main", digest("1"))
        place = Airflow(namespace, "airflow")
        until(lambda: read_pins(data(made).get("pins.json", "")).get(place) == pin, process.log.read_text())


def test_a_registry_is_asked_for_the_revision_of_what_runs_and_the_audit_compares_it(
    made: Installation, namespace: str, tmp_path: Path
) -> None:
    kubelets, node = Kubelets(made.cluster, namespace), fresh_name()
    with docker_registry.running(tmp_path) as registry, nodes(made.cluster, node):
        pushed = registry.index("airflow", "2.10.5", {"linux/amd64": "9e107d9d", "linux/arm64": "9e107d9d"})
        image = f"{registry.address}/airflow"
        release = (
            f"{{apiVersion: airlock/v1, kind: Release, images: [{{revision: 4f2c9d1e, namespaces: [{namespace}]}}]}}"
        )
        made.apply(config_map(made.namespace, "airlock-release", {"release.yaml": release}))
        source = f"configmap:{made.namespace}/airlock-release"
        asked = ("--release", source, "--registry", f"{registry.address};plain-http")
        try:
            with made.controlled(*AUDIT, *asked) as process:
                body = running("scheduler", f"{image}:2.10.5", namespace=namespace, started=since(hours=1))
                kubelets.deploy(body, {node: f"{image}@{pushed}"})

                def known() -> bool:
                    origins = read_origins(data(made).get("revisions.json", ""))
                    found = origins.get(f"{image}@{pushed}")
                    return found is not None and found.revisions == ("9e107d9d",) and len(found.platforms) == 2

                until(known, process.log.read_text())
                told = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
                until(
                    lambda: "its registry says revision 9e107d9d" in str(made.get(told)["items"]),
                    "the audit to compare it",
                )
        finally:
            made.delete("configmaps/airlock-release")
