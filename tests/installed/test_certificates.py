"""Certificates on a real node, kept by the chart's own controller: rotated, and fought over, while everybody asks."""

import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.harness.certificates import CA, TLS, Dialler, authorities, serial, whole
from tests.harness.installed import CONTROLLER, NAMESPACE, RELEASE, Installed, scheduler
from tests.harness.load import Load
from tests.harness.waiting import until

pytestmark = pytest.mark.long
# Steps follow each other within seconds, not minutes; the chart has no values for that, since nobody should want them.
PACE = ("AIRLOCK_PROPAGATION=2", "AIRLOCK_SETTLING=5")
CONTROLLERS = f"deployment/{RELEASE}-controller"
WHO = f"system:serviceaccount:{NAMESPACE}:{RELEASE}-controller"
DENIED = 422
RESOURCES = {"secrets", "mutatingwebhookconfigurations", "validatingwebhookconfigurations"}
STALE = {404, 409, 422}  # gone, changed, and a JSON patch whose test fails


@contextmanager
def living(installed: Installed, ca: str, leaf: str) -> Iterator[None]:
    """Have certificates live as long as *ca* and *leaf* say, from now on until the block ends."""
    node = installed.node
    node.kubectl("set", "env", CONTROLLERS, "-n", NAMESPACE, *PACE)
    settled(installed)
    installed.apply_values(certificates={"caLife": ca, "leafLife": leaf})
    settled(installed)
    old = authorities(installed)
    node.kubectl("delete", "secret", CA, "-n", NAMESPACE)
    until(lambda: whole(installed) and authorities(installed) != old, "an authority that lives as long")
    try:
        yield
    finally:
        installed.apply_values()
        settled(installed)
        node.kubectl("set", "env", CONTROLLERS, "-n", NAMESPACE, *(f"{name.partition('=')[0]}-" for name in PACE))
        settled(installed)


def settled(installed: Installed) -> None:
    """Return when the controller that runs is the last one wanted: who ends at its start takes all of its grace."""
    installed.node.kubectl("rollout", "status", CONTROLLERS, "-n", NAMESPACE, "--timeout=120s")


@contextmanager
def watched(installed: Installed, judged: str) -> Iterator[Load]:
    """Ask 50 times a second, and verify each replica by all that is published; both must be well at the end."""
    addresses = [(pod["status"]["podIP"], 8443) for pod in installed.serving(2)]
    pod = scheduler("apache/airflow:latest", "refused")
    with (
        Load(installed.node, judged, pod, DENIED) as load,
        Dialler(installed, addresses, f"{RELEASE}.{NAMESPACE}.svc") as dialler,
    ):
        yield load
    assert load.failures + dialler.failures == []
    tell(f"{load.sent} asked, {dialler.dialled} dialled, the slowest answer after {load.slowest:.2f} s")


def tell(text: str) -> None:
    """Leave a figure for `pytest -rP`."""
    sys.stdout.write(f"{text}\n")


def test_five_authorities_and_five_leaves_follow_each_other_and_nobody_notices(
    installed: Installed, judged: str
) -> None:
    with living(installed, "60s", "30s"), watched(installed, judged):
        seen, leaves = {*authorities(installed)}, {serial(installed)}
        deadline = time.monotonic() + 600
        while min(len(seen), len(leaves)) <= 5 or not whole(installed):
            assert time.monotonic() < deadline, installed.node.kubectl("logs", CONTROLLERS, "-n", NAMESPACE)
            seen |= {*authorities(installed)}
            leaves |= {serial(installed)} - {0}
            time.sleep(0.5)
    tell(f"{len(seen) - 1} authorities and {len(leaves) - 1} leaves followed")


class Blows:
    """Two controllers at work; one at a time is stopped for a while, or killed as by `kill -9`."""

    def __init__(self, installed: Installed, chance: random.Random) -> None:
        self._node = installed.node
        self._chance = chance

    def strike(self) -> None:
        """Strike either, no matter what it is doing: what has just been deleted is being made again."""
        victim = self._chance.choice(until(self._both, "two controllers"))
        name = victim["metadata"]["name"]
        container = victim["status"]["containerStatuses"][0]["containerID"].removeprefix("containerd://")
        self._node.kubectl("delete", "secret", self._chance.choice([CA, TLS]), "-n", NAMESPACE, "--ignore-not-found")
        time.sleep(self._chance.uniform(0.0, 3.0))
        if self._chance.random() < 0.5:
            self._node.containers.signal(container, "SIGSTOP")
            time.sleep(self._chance.uniform(0.1, 2.0))
            self._node.containers.signal(container, "SIGCONT")
        else:
            self._node.containers.signal(container, "SIGKILL")
            # Another pod comes at once, where a container that starts again would be made to wait longer each time.
            self._node.kubectl("delete", "pod", name, "-n", NAMESPACE, "--force", "--grace-period=0")

    def _both(self) -> list[dict[str, Any]] | None:
        pods = [pod for pod in self._node.pods(CONTROLLER, NAMESPACE) if "deletionTimestamp" not in pod["metadata"]]
        running = [pod for pod in pods if _runs(pod)]
        return running if len(running) == 2 else None


def _runs(pod: dict[str, Any]) -> bool:
    return any("running" in status["state"] for status in pod["status"].get("containerStatuses", ()))


def written(events: list[dict[str, Any]]) -> tuple[int, int]:
    """Count the writes of certificates that were made and refused; each rested on a version, and none on one twice."""
    writes = [
        event
        for event in events
        if event["user"]["username"] == WHO
        and event["verb"] in {"create", "update", "patch"}
        and event["objectRef"]["resource"] in RESOURCES
    ]
    made = [event for event in writes if event["responseStatus"]["code"] < 300]
    refused = [event["responseStatus"]["code"] for event in writes if event not in made]
    assert {*refused} <= STALE
    versions = [(event["requestURI"], version) for event in made if (version := rested_on(event))]
    assert len(set(versions)) == len(versions)
    return len(made), len(refused)


def rested_on(event: dict[str, Any]) -> str:
    """Return the version of the object that a write was conditional on; nothing for one that makes the object."""
    if event["verb"] == "create":
        return ""
    if event["verb"] == "update":
        return str(event["objectRef"]["resourceVersion"])
    first = event["requestObject"][0]
    assert (first["op"], first["path"]) == ("test", "/metadata/resourceVersion")
    return str(first["value"])


def test_two_controllers_survive_thirty_blows_and_write_nothing_that_is_over(installed: Installed, judged: str) -> None:
    node, chance, blows = installed.node, random.Random(7), 30  # noqa: S311 - the same blows each time
    with living(installed, "120s", "45s"):
        before = len(node.audit())
        node.kubectl("scale", CONTROLLERS, "-n", NAMESPACE, "--replicas=2")
        with watched(installed, judged):
            pair = Blows(installed, chance)
            for _ in range(blows):
                pair.strike()
            until(lambda: whole(installed), "everything to come to rest")
        node.kubectl("scale", CONTROLLERS, "-n", NAMESPACE, "--replicas=1")
        done, stale = written(node.audit()[before:])
    tell(f"{blows} blows; the controllers wrote {done} times and were refused {stale} times, since it was over")
    assert done > blows
