"""Why a replica's pod does not answer: its status as kubelets and the scheduler write it."""

from typing import Any

import pytest

from webhook.status.pod import trouble

OOM = {"exitCode": 137, "reason": "OOMKilled"}
BACKOFF = {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}
UNPLACED = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}


def of(*containers: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {"status": {"containerStatuses": [{"name": "serve", **one} for one in containers], **status}}


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        pytest.param({}, "", id="a pod without a status"),
        pytest.param({"status": {"conditions": None, "containerStatuses": None}}, "", id="nothing is set"),
        pytest.param(
            of(conditions=[UNPLACED]), "no node takes it: Unschedulable: 0/3 nodes are available", id="no node"
        ),
        pytest.param(of(conditions=[{"type": "PodScheduled", "status": "True"}]), "", id="it was given a node"),
        pytest.param(of({"state": {"waiting": {}}}), "", id="it waits, and nobody says why"),
        pytest.param(of({"state": {"running": {}}}), "", id="it runs"),
        pytest.param(of({"state": {"terminated": {"exitCode": 0}}}), "", id="it ended well"),
        pytest.param(
            of({"state": {"waiting": BACKOFF}, "lastState": {"terminated": OOM}}),
            "container serve waits: CrashLoopBackOff: back-off 40s restarting failed container;"
            " container serve ended with 137: OOMKilled",
            id="it ends again and again",
        ),
        pytest.param(
            of({"state": {"running": {}}, "lastState": {"terminated": OOM}}),
            "container serve ended with 137: OOMKilled",
            id="it runs again",
        ),
        pytest.param(
            of(initContainerStatuses=[{"name": "mesh", "state": {"waiting": {"reason": "ErrImagePull"}}}]),
            "container mesh waits: ErrImagePull",
            id="a container before it",
        ),
        pytest.param(
            {"status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}},
            "The node was low on memory.",
            id="a kubelet's word on the pod",
        ),
        pytest.param(of({"state": {"waiting": {"reason": "a\nb"}}}), r"container serve waits: a\nb", id="two lines"),
    ],
)
def test_a_pod_that_does_not_answer_is_told_with_what_its_status_names(pod: dict[str, Any], told: str) -> None:
    assert trouble(pod) == told


def test_what_a_kubelet_says_at_length_is_cut() -> None:
    assert len(trouble(of({"state": {"waiting": {"reason": "x" * 10_000}}}))) == 300
