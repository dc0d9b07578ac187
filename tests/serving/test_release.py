"""The release manifest on a cluster: there may be none, it is in force when it comes, and a bad one changes nothing."""

from collections.abc import Iterator

import pytest

from tests.harness.control_plane import ControlPlane
from tests.harness.gate import HOME, LABEL, REPLICASET, Gate, bad_pod, config_map, standing
from tests.harness.waiting import until

POLICY = """
apiVersion: airlock/v1
kind: Policy
mode: enforce
rules: {expected-image: {mode: enforce}}
"""
RELEASE = """
apiVersion: airlock/v1
kind: Release
images: [{repository: apache/airflow, tag: 2.10.5}]
"""


@pytest.fixture(scope="module")
def gate(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    place = f"configmap:{HOME}/airlock-release"
    with standing(control_plane, tmp_path_factory.mktemp("release"), "--release", place) as made:
        made.put("airlock-policy", {"policy.yaml": POLICY})
        yield made


def test_a_release_is_in_force_when_it_comes_and_a_bad_edit_or_its_deletion_changes_nothing(gate: Gate) -> None:
    namespace = gate.plane.namespace(labels={LABEL: ""})
    pod = bad_pod()
    pod["spec"]["containers"][0]["image"] = "apache/airflow:2.10.4"

    def answer() -> tuple[int, str]:
        status, body = gate.create(pod, REPLICASET, namespace, dry_run=True)
        return status, body.get("message", "")

    assert answer()[0] == 201  # nobody has declared a release yet, and the replica is ready

    gate.apply(config_map(HOME, "airlock-release", {"release.yaml": RELEASE}))
    try:
        until(lambda: answer()[0] == 422, "the release is in force")
        assert "expected-image" in answer()[1]
        assert "apache/airflow:2.10.4" in answer()[1]
        assert "is not what the release expects: docker.io/apache/airflow, tag 2.10.5" in answer()[1]

        rejected = 'airlock_policy_reloads_total{document="release",outcome="rejected"}'
        gate.apply(config_map(HOME, "airlock-release", {"release.yaml": RELEASE.replace("2.10.5", "2:10")}))
        until(lambda: gate.server.metric(rejected) == 1, "the bad edit is seen")
        assert answer()[0] == 422
        until(lambda: "DocumentRejected" in {event["reason"] for event in gate.events(HOME)}, "an Event says so")
    finally:
        gate.plane.kubectl("delete", "configmap", "airlock-release", "-n", HOME)
    until(
        lambda: gate.server.metric('airlock_policy_reloads_total{document="release",outcome="lost"}') == 1, "it is gone"
    )
    assert answer()[0] == 422
