"""Operations on pods and on the node through the API server: wait until ready, run, read output, delete."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.harness.control_plane.access import Access
from tests.harness.node.arguments import NAME
from tests.harness.waiting import until


class Pods(Access):
    """Access to a cluster whose pods run."""

    def wait_ready(self, selector: str, count: int = 1, *, namespace: str, seconds: float = 60) -> list[dict[str, Any]]:
        """Return the pods that match *selector* once they are *count* and all are Ready, oldest first.

        Pods that are being deleted do not count, unless *count* is 0: then it waits until there are none. Raises
        TimeoutError with what holds each pod up.
        """
        if count == 0:
            self.wait_gone(selector, namespace=namespace, seconds=seconds)
            return []

        def ready() -> list[dict[str, Any]] | None:
            found = [pod for pod in self.pods(selector, namespace) if "deletionTimestamp" not in pod["metadata"]]
            return found if len(found) == count and all(_is_ready(pod) for pod in found) else None

        try:
            return until(ready, f"{count} pods {selector} are ready", seconds=seconds, pause=0.2)
        except TimeoutError as error:
            states = [_state(pod) for pod in self.pods(selector, namespace)] or ["there are none"]
            raise TimeoutError("\n  ".join([str(error), *states, *self._complaints(namespace)])) from None

    def wait_gone(self, selector: str, *, namespace: str, seconds: float = 60) -> None:
        """Return when no pods match *selector*, which may be ten seconds after their containers have ended."""
        until(lambda: not self.pods(selector, namespace), f"no pods {selector}", seconds=seconds, pause=0.2)

    def pods(self, selector: str, namespace: str) -> list[dict[str, Any]]:
        """Return the pods that match *selector*, oldest first, as the API has them."""
        listing = self.kubectl("get", "pods", "-n", namespace, "-l", selector, "-o", "json", "--sort-by=.metadata.name")
        pods: list[dict[str, Any]] = json.loads(listing)["items"]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def exec(self, namespace: str, pod: str, *command: str, container: str | None = None) -> str:
        """Run *command* in *pod* and return its stdout; raises KubectlError when it fails."""
        chosen = [f"--container={container}"] if container else []
        return self.kubectl("exec", "-n", namespace, pod, *chosen, "--", *command)

    def logs(self, namespace: str, pod: str, *options: str) -> str:
        """Return what *pod* wrote; *options* are those of kubectl logs, such as `--previous`."""
        return self.kubectl("logs", "-n", namespace, pod, *options)

    def wait_deleted(self, *, seconds: float = 120) -> None:
        """Return when no namespace, and no pod of any, is being deleted."""

        def deleted() -> bool:
            found = json.loads(self.kubectl("get", "namespaces,pods", "--all-namespaces", "-o", "json"))["items"]
            return not any("deletionTimestamp" in one["metadata"] for one in found)

        until(deleted, "nothing is being deleted", seconds=seconds, pause=0.2)

    @contextmanager
    def drained(self, *options: str, seconds: float = 60) -> Iterator[None]:
        """Evict the node's pods, but for DaemonSets', and let none come to it as long as the context lasts.

        *options* are those of kubectl drain, such as `--pod-selector=app=web`.
        """
        settings = ["--ignore-daemonsets", "--delete-emptydir-data", "--force", f"--timeout={seconds:g}s"]
        try:
            self.kubectl("drain", NAME, *settings, *options)
            yield
        finally:  # also when the drain failed: it closes the node first
            self.kubectl("uncordon", NAME)

    def _complaints(self, namespace: str) -> list[str]:
        listing = self.kubectl("get", "events", "-n", namespace, "-o", "json", "--field-selector=type=Warning")
        return [
            f"{event['involvedObject']['name']}: {event['reason']}: {event['message']}"
            for event in json.loads(listing)["items"]
        ]


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = {condition["type"]: condition["status"] for condition in pod["status"].get("conditions", ())}
    return conditions.get("Ready") == "True"


def _state(pod: dict[str, Any]) -> str:
    status = pod["status"]
    containers = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    states = [f"{one['name']} {json.dumps(one['state'])}" for one in containers]
    return f"{pod['metadata']['name']}: {status['phase']}: {', '.join(states) or status.get('conditions')}"
