"""What tests of reports share: something to report."""

from collections.abc import Iterator

import pytest

from tests.harness.controller import Installation
from tests.harness.livepods import REPOSITORY, digest, running
from tests.harness.running import Kubelets, fresh_name, nodes, since


@pytest.fixture
def faulty(made: Installation, namespace: str) -> Iterator[Kubelets]:
    """Have a scheduler with a finding run in a namespace."""
    kubelets, node = Kubelets(made.cluster, namespace), fresh_name()
    with nodes(made.cluster, node):
        pod = running("scheduler", "apache/airflow:latest", started=since(hours=1))
        kubelets.deploy(pod, {node: f"{REPOSITORY}@{digest('1')}"})
        yield kubelets
        kubelets.leave()
