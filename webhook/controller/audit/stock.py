"""What runs, in memory that hardly grows with the number of pods: it keeps similar pods once. Pure.

It keeps only what rules look at, so only the variables that the manifest names. Pods have one shape when all that is
the same, including their owner (or DAG and task), the digests they run and the group of their nodes. For a single pod
the table keeps nothing but its shape, and for nodes some names.
"""

from collections import abc
from collections.abc import Callable, Iterator
from hashlib import blake2b
from sys import intern
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from webhook.controller.audit.shape import (
    Keep,
    Run,
    Shape,
    as_pod,
    belonging,
    lean_spec,
    metadata_of,
    runs_of,
    times_of,
    widen,
)
from webhook.controller.audit.table import Table
from webhook.pods.live import LivePod
from webhook.pods.sighting import MOST_NODES
from webhook.pods.workload import PodSpec, Workload

MOST_SHAPES = 10_000  # some 15 MB
MOST_BYTES = 16_000_000  # of all shapes, encoded; texts in them are as long as somebody likes
BATCH = 250  # what is made of each for a moment takes several times as much

_UNREMEMBERED = 1  # in the table: there is no shape for it
_MOST_SHARED = 1_000

T = TypeVar("T")


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
        self._shapes: dict[int, Shape] = {}
        self._bytes = 0
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
        roomy = 2 * len(self._shapes) <= self._most and 2 * self._bytes <= MOST_BYTES
        return bool(self.unremembered) and roomy

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
        order = sorted((belonging(shape), number) for number, shape in self._shapes.items())
        shapes = [self._shapes[number] for _, number in order]
        owners = [owner for owner, _ in order]
        return _batches(shapes, owners, size)

    def places(self) -> Iterator[LivePod]:
        """Yield each shape as one pod that stands for those of it, and one that stands for none on each other node."""
        for shape in self._shapes.values():
            pod = as_pod(shape, shape.pods)
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
        metadata, spec = metadata_of(pod, self._keep), lean_spec(pod.workload.spec, self._keep)
        runs = tuple(runs_of(pod))
        encoded = msgspec.msgpack.encode((pod.namespace, group, metadata, spec, runs, pod.workload.unreadable))
        key = blake2b(encoded, digest_size=16).digest()
        number = self._numbers.get(key)
        times = times_of(pod)
        if number is None:
            if len(self._shapes) >= self._most or self._bytes + len(encoded) > MOST_BYTES:
                return _UNREMEMBERED
            self._bytes += len(encoded)
            spec, runs = self._specs.get(_digest(spec), spec), self._runs.get(_digest(runs), runs)
            workload = Workload("Pod", metadata, metadata, spec, "spec", pod.workload.unreadable)
            number, self._next = self._next, self._next + 1
            self._numbers[key] = number
            place, size = intern(pod.namespace), len(encoded)
            self._shapes[number] = Shape(key, place, workload, runs, times, intern(group), pod.created, size)
        shape = self._shapes[number]
        widen(shape.times, times)
        shape.name, shape.uid = pod.name, pod.uid
        shape.created = min(filter(None, (shape.created, pod.created)), default=None)
        if pod.node and pod.node not in shape.nodes:
            shape.nodes = tuple(sorted((*shape.nodes, intern(pod.node)))[:MOST_NODES])
        return number

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
            self._bytes -= shape.size
            for node in shape.nodes or ("",):
                self._left(replace(as_pod(shape, 1), node=node), shape.group)


class _Shared(dict[bytes, T]):
    """Values that many shapes have in common, the latest of them."""

    def get(self, key: bytes, value: T) -> T:  # type: ignore[override]  # it never has none
        """Return the value that is equal to *value*, which has *key*, and was there first."""
        if len(self) >= _MOST_SHARED:
            self.clear()
        return self.setdefault(key, value)


def _batches(shapes: list[Shape], owners: list[tuple[str, ...]], size: int) -> Iterator[tuple[LivePod, ...]]:
    first = 0
    while first < len(shapes):
        end = min(first + size, len(shapes))
        while end < len(shapes) and owners[end] == owners[end - 1]:
            end += 1
        yield tuple(as_pod(shape, shape.pods) for shape in shapes[first:end] if shape.pods)
        first = end


def _digest(value: object) -> bytes:
    return blake2b(msgspec.msgpack.encode(value), digest_size=16).digest()
