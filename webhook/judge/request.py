"""What the API server asks about, without the envelope."""

from datetime import UTC, date, datetime, time

import msgspec

from webhook.pods.live import LivePod
from webhook.pods.lookalike import is_commanded, is_likely
from webhook.pods.provenance import UNKNOWN, Provenance
from webhook.pods.skim import Data
from webhook.pods.workload import Workload


class Obstacle(msgspec.Struct, frozen=True):
    """Why an object was not read to its end, and what is known of it all the same."""

    text: str  # after "the object": "cannot be read: ..."
    fix: str
    labels: bool = False  # whether the request's workloads have all the labels that the object has
    same: bool = False  # whether an UPDATE is known to leave the spec as it was


class Request(msgspec.Struct, frozen=True):
    """What is asked: the facts of the envelope, and the object when it is a workload that is made or changed."""

    uid: str
    operation: str  # CREATE, UPDATE, DELETE, CONNECT
    api_version: str  # of the object: "v1", "apps/v1"
    kind: str
    subresource: str  # "" for the object itself
    namespace: str
    name: str
    username: str
    by_node: bool  # whether a kubelet asks
    dry_run: bool
    workload: Workload | None = None
    old: Workload | None = None  # before an UPDATE
    same: bool = False  # whether an UPDATE of something else than a pod is known to leave its pod template as it was
    obstacle: Obstacle | None = None  # then the workloads are only as much as could be read
    rendered: bool = False  # whether a file says that Helm rendered it from a chart called airflow
    repositories: frozenset[str] = frozenset()  # of Airflow's own images in its release, where files say so
    provenance: Provenance = UNKNOWN  # of its images, where files say so
    body: Data = b""  # of a light review: what workloads leave out

    @property
    def looks_like_airflow(self) -> bool:
        """Whether it makes something that looks like Airflow, whatever its labels."""
        if self.operation != "CREATE" or self.workload is None:
            return False
        return is_likely(self.workload) or is_commanded(self.body)


def sighted(pod: LivePod) -> Request:
    """Return the request that would make *pod*, which runs, again."""
    return Request(
        uid=pod.uid,
        operation="CREATE",
        api_version="v1",
        kind="Pod",
        subresource="",
        namespace=pod.namespace,
        name=pod.name,
        username="",
        by_node=False,
        dry_run=False,
        workload=pod.workload,
    )


def day_of(when: date | datetime) -> date:
    """Return the day (UTC) of *when*, a moment or a day."""
    return when.astimezone(UTC).date() if isinstance(when, datetime) else when


def moment_of(when: date | datetime) -> datetime:
    """Return the moment *when*; of a day its beginning (UTC)."""
    return when if isinstance(when, datetime) else datetime.combine(when, time(), UTC)
