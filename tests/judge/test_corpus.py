"""Real charts, rendered: a default install passes under `enforce`, and what moves is found wherever it stands."""

from datetime import date
from typing import Any

import pytest
import yaml

from tests.harness.places import CORPUS
from tests.harness.reviews import owned, review
from webhook.admission.review import decode
from webhook.documents.policy import read_policy
from webhook.judge.gate import Gate
from webhook.judge.verdict import Violation

GATE = Gate(read_policy("{apiVersion: airlock/v1, kind: Policy, mode: enforce}"))
DEFAULTS = [
    "community-8.9.0/default",
    "community-8.9.0/sample-celery",
    "community-8.9.0/sample-celerykubernetes",
    "community-8.9.0/sample-kubernetes",
    "official-1.22.0/celery-databasecleanup-otel",
    "official-1.22.0/celery-pgbouncer-flower-cleanup",
    "official-1.22.0/default-celery",
    "official-1.22.0/kubernetes-executor",
    "official-1.22.0/local-executor",
    "official-1.22.0/multi-executor",
]
# What stands in the values of each, and how often its own chart renders it under IfNotPresent or Never.
MOVING = {
    "community-8.9.0/k8s-image-latest": "latest",
    "official-1.22.0/k8s-image-latest": "latest",
    "official-1.22.0/k8s-image-branch-tag": "main",
    "official-1.22.0/k8s-plugins-volume": "stable",
    "official-1.22.0/k8s-pullpolicy-never": "dev",
    "official-1.22.0/x-ifnotpresent-prerelease-tags": "3.2",
}


def violations(name: str) -> list[tuple[dict[str, Any], tuple[Violation, ...]]]:
    """Return the pods of *name*'s workloads, each made by its controller, and what is wrong with it."""
    found = []
    for workload in yaml.load_all((CORPUS / f"{name}.workloads.yaml").read_text(), yaml.CSafeLoader):
        if not workload:
            continue
        template = workload["spec"].get("jobTemplate", workload)["spec"]["template"]
        kind = {"Deployment": "ReplicaSet", "CronJob": "Job"}.get(workload["kind"], workload["kind"])
        pod = owned({"kind": "Pod", "metadata": {**template["metadata"], "name": "x"}, "spec": template["spec"]}, kind)
        user = f"system:serviceaccount:kube-system:{kind.lower()}-controller"
        verdict = GATE.validate(decode(review(pod, user=user)), date(2026, 11, 23)).verdict
        found.append((pod, verdict.violations))
    assert found
    return found


@pytest.mark.parametrize("name", DEFAULTS)
def test_a_default_install_passes_under_enforce(name: str) -> None:
    assert [said for _, said in violations(name) if said] == []


@pytest.mark.parametrize(("name", "tag"), MOVING.items(), ids=MOVING)
def test_every_container_on_a_moving_tag_is_found_and_no_other(name: str, tag: str) -> None:
    for pod, said in violations(name):
        if pod["metadata"]["labels"].get("component") in ("statsd", "pgbouncer", None):
            continue
        spec = pod["spec"]
        expected = {
            f"spec.{field}[{index}].image"
            for field in ("initContainers", "containers")
            for index, container in enumerate(spec.get(field) or ())
            if container["image"].endswith(f":{tag}")
        }
        assert {place.path for violation in said for place in violation.cause.places} == expected
        assert expected


def test_a_digest_in_the_values_passes_everywhere() -> None:
    for name in ("official-1.22.0/k8s-image-digest", "official-1.22.0/k8s-image-latest-always-both"):
        assert [said for _, said in violations(name) if said] == []
