"""What runs, in memory that hardly grows with the number of pods: those that are alike are kept once. Pure.

Kept is what rules look at and no more: of variables only those that the manifest names. Pods are of one shape when that
is the same, their owner (or DAG and task), the digests they run and the group of their nodes included. Of a single pod
nothing stays but its shape, in the table, and of nodes some names.
"""

from array import array
from collections import abc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from sys import intern
from typing import TypeVar

import msgspec

from webhook.audit.taking import HASH
from webhook.controller.audit.table import Table
from webhook.fleet import MOST_NODES
from webhook.live import LivePod, RunningImage
from webhook.workload import Container, Metadata, PodSpec, Volume, Workload

MOST_SHAPES = 10_000  # some 15 MB
BATCH = 250  # what is made of each for a moment takes several times as much

_UNREMEMBERED = 1  # in the table: there is no shape for it
_MOST_SHARED = 1_000
_OTHER_VOLUME = Volume()

T = TypeVar("T")
Run = tuple[str, str, str, bool]  # list, container, image id, whether it has ended


@dataclass(frozen=True, slots=True)
class Keep:
    """What of a pod is worth keeping: *labels* (and annotations) with values that matter, and names of *variables*."""

    labels: Mapping[str, frozenset[str] | None]  # None: any value
    variables: frozenset[str]


@dataclass(eq=False, slots=True)
class _Shape:
    key: bytes
    namespace: str
    workload: Workload
    runs: tuple[Run, ...]
    times: "array[int]"  # start and end of each run: the earliest and the latest; 0 for none
    group: str  # of the nodes
    created: datetime | None  # of the oldest pod
    name: str = ""  # of the latest pod
    uid: str = ""
    nodes: tuple[str, ...] = ()  # some that have one of its pods, or had: the first by name
    pods: int = 0


class Stock:
    """All pods of Airflow's that have not ended, by shape.

    *left* is told a shape, and the group of its node, when the last pod of it goes: what it ran is to be remembered.
    Not for two threads.
    """

    def __init__(self, keep: Keep, left: Callable[[LivePod, str], None], most: int = MOST_SHAPES) -> None:
        self.unremembered = 0  # pods for which there was no room
        self._keep = keep
        self._left = left
        self._most = most
        self._table = Table()
        self._numbers: dict[bytes, int] = {}
        self._shapes: dict[int, _Shape] = {}
        self._next = _UNREMEMBERED + 1
        self._specs = _Shared[PodSpec]()
        self._runs = _Shared[tuple[Run, ...]]()

    def __len__(self) -> int:
        return len(self._table)

    @property
    def namespaces(self) -> frozenset[str]:
        """In which there are pods of Airflow's."""
        return frozenset(shape.namespace for shape in self._shapes.values())

    @property
    def improvable(self) -> bool:
        """Whether pods had to be left out for which there may be room now: a new stock would have them."""
        return bool(self.unremembered) and 2 * len(self._shapes) <= self._most

    def put(self, pod: LivePod, group: str) -> None:
        """Take note of *pod* as it is now, on a node of *group*."""
        before = self._table.get(pod.uid)
        number = self._number(pod, group)
        if number != before:
            self._table.put(pod.uid, number)
            self._enter(number)
            self._leave(before)

    def drop(self, uid: str) -> None:
        """Take note that the pod *uid* runs no more."""
        self._leave(self._table.pop(uid))

    def batches(self, size: int = BATCH) -> Iterator[tuple[LivePod, ...]]:
        """Yield all shapes, each as one pod that stands for those of it: some *size* at once, by namespace and owner.

        What belongs to one owner or one task is in one batch. The shapes are those of the moment of the call; what is
        said of them is from when they are yielded, also in another thread than the one that puts and drops.
        """
        order = sorted((_belonging(shape), number) for number, shape in self._shapes.items())
        shapes = [self._shapes[number] for _, number in order]
        owners = [owner for owner, _ in order]
        return _batches(shapes, owners, size)

    def places(self) -> Iterator[LivePod]:
        """Yield each shape as one pod that stands for those of it, and one that stands for none on each other node."""
        for shape in self._shapes.values():
            pod = _as_pod(shape, shape.pods)
            yield pod
            for node in shape.nodes[1:]:
                yield replace(pod, node=node, alike=0)

    def groups(self) -> dict[str, str]:
        """Return the groups of the nodes that shapes name."""
        return {node: shape.group for shape in self._shapes.values() for node in shape.nodes}

    def forget_nodes(self, there: abc.Container[str]) -> None:
        """Name no nodes but those that are *there*, as long as one is left."""
        for shape in self._shapes.values():
            if left := tuple(node for node in shape.nodes if node in there):
                shape.nodes = left

    def _number(self, pod: LivePod, group: str) -> int:
        metadata, spec, runs = self._metadata(pod), _lean(pod.workload.spec, self._keep), tuple(_runs(pod))
        key = _digest((pod.namespace, group, metadata, spec, runs, pod.workload.unreadable))
        number = self._numbers.get(key)
        times = _times(pod)
        if number is None:
            if len(self._shapes) >= self._most:
                return _UNREMEMBERED
            spec, runs = self._specs.get(_digest(spec), spec), self._runs.get(_digest(runs), runs)
            workload = Workload("Pod", metadata, metadata, spec, "spec", pod.workload.unreadable)
            number, self._next = self._next, self._next + 1
            self._numbers[key] = number
            self._shapes[number] = _Shape(key, intern(pod.namespace), workload, runs, times, intern(group), pod.created)
        shape = self._shapes[number]
        _widen(shape.times, times)
        shape.name, shape.uid = pod.name, pod.uid
        shape.created = min(filter(None, (shape.created, pod.created)), default=None)
        if pod.node and pod.node not in shape.nodes:
            shape.nodes = tuple(sorted((*shape.nodes, intern(pod.node)))[:MOST_NODES])
        return number

    def _metadata(self, pod: LivePod) -> Metadata:
        """Return what says whose *pod* is; its name only when nothing else does."""
        given = pod.workload.metadata
        owner = given.controller
        labels, annotations = self._telling(given.labels), self._telling(given.annotations)
        alone = owner is None and not (labels | annotations).get("dag_id")
        return Metadata(
            name=pod.name if alone else "",
            labels=labels or None,
            annotations=annotations or None,
            owner_references=[owner] if owner is not None else None,
        )

    def _telling(self, given: Mapping[str, str] | None) -> dict[str, str]:
        known = self._keep.labels
        pairs = ((key, value) for key, value in (given or {}).items() if key in known)
        return {intern(key): intern(value) for key, value in pairs if (values := known[key]) is None or value in values}

    def _enter(self, number: int) -> None:
        if number == _UNREMEMBERED:
            self.unremembered += 1
        else:
            self._shapes[number].pods += 1

    def _leave(self, number: int) -> None:
        if number == _UNREMEMBERED:
            self.unremembered -= 1
        if (shape := self._shapes.get(number)) is None:
            return
        shape.pods -= 1
        if not shape.pods:
            del self._shapes[number], self._numbers[shape.key]
            for node in shape.nodes or ("",):
                self._left(replace(_as_pod(shape, 1), node=node), shape.group)


class _Shared(dict[bytes, T]):
    """Values that many shapes have in common, the latest of them."""

    def get(self, key: bytes, value: T) -> T:  # type: ignore[override]  # it never has none
        """Return the value that is equal to *value*, which has *key*, and was there first."""
        if len(self) >= _MOST_SHARED:
            self.clear()
        return self.setdefault(key, value)


def _batches(shapes: list[_Shape], owners: list[tuple[str, ...]], size: int) -> Iterator[tuple[LivePod, ...]]:
    first = 0
    while first < len(shapes):
        end = min(first + size, len(shapes))
        while end < len(shapes) and owners[end] == owners[end - 1]:
            end += 1
        yield tuple(_as_pod(shape, shape.pods) for shape in shapes[first:end] if shape.pods)
        first = end


def _belonging(shape: _Shape) -> tuple[str, ...]:
    """Return what pods that are told of together have in common: namespace and owner, or DAG and task."""
    metadata = shape.workload.metadata
    labels = metadata.labels or {}
    if (owner := metadata.controller) is not None:
        return shape.namespace, owner.kind, owner.name.removesuffix(f"-{labels.get(HASH, '')}")
    facts = labels | (metadata.annotations or {})
    return shape.namespace, "Pod", metadata.name, facts.get("dag_id", ""), facts.get("task_id", "")


def _digest(value: object) -> bytes:
    return blake2b(msgspec.msgpack.encode(value), digest_size=16).digest()


def _lean(spec: PodSpec, keep: Keep) -> PodSpec:
    """Return *spec* with what rules look at."""

    def lean(containers: list[Container] | None) -> list[Container] | None:
        return [
            Container(
                intern(one.name),
                None if one.image is None else intern(one.image),
                None if one.image_pull_policy is None else intern(one.image_pull_policy),
                [variable for variable in one.env or () if variable.name in keep.variables] or None,
            )
            for one in containers or ()
        ] or None

    volumes = [volume if volume.image is not None else _OTHER_VOLUME for volume in spec.volumes or ()]
    return PodSpec(
        lean(spec.containers),
        lean(spec.init_containers),
        lean(spec.ephemeral_containers),
        volumes if any(volume.image is not None for volume in volumes) else None,
    )


def _runs(pod: LivePod) -> Iterator[Run]:
    for (field, container), run in pod.images.items():
        yield intern(field), intern(container), intern(run.image_id), run.until is not None


def _times(pod: LivePod) -> "array[int]":
    moments = (moment for run in pod.images.values() for moment in (run.since, run.until))
    return array("q", [0 if moment is None else int(moment.timestamp()) for moment in moments])


def _widen(times: "array[int]", others: "array[int]") -> None:
    for nth, other in enumerate(others):
        if nth % 2:
            times[nth] = max(times[nth], other)
        elif other:
            times[nth] = min(times[nth] or other, other)


def _as_pod(shape: _Shape, pods: int) -> LivePod:
    moments = [datetime.fromtimestamp(moment, UTC) if moment else None for moment in shape.times]
    images = {
        (field, container): RunningImage(image_id, moments[2 * nth], moments[2 * nth + 1])
        for nth, (field, container, image_id, _) in enumerate(shape.runs)
    }
    metadata = msgspec.structs.replace(shape.workload.metadata, name=shape.name, uid=shape.uid)
    return LivePod(
        replace(shape.workload, metadata=metadata, template=metadata),
        shape.namespace,
        shape.nodes[0] if shape.nodes else "",
        "Running",
        shape.created,
        deleting=False,
        version="",
        images=images,
        alike=pods,
    )
