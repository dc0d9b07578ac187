"""What runs, in memory that hardly grows with the number of pods: those that are alike are kept once. Pure.

Kept is what rules look at and no more: of variables only those that the manifest names. Two pods are of one kind when
that is the same, their owner (or DAG and task) and the digests they run included; a shape is a kind on a node. Of a
single pod nothing stays but its shape, in the table.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from sys import intern

import msgspec

from webhook.controller.audit.table import Table
from webhook.live import LivePod, RunningImage
from webhook.nodes import Nodes
from webhook.workload import Container, Metadata, PodSpec, Volume, Workload

MOST_KINDS, MOST_SHAPES = 5_000, 20_000  # some 15 and 10 MB

_UNREMEMBERED = 1  # in the table: there is no shape for it
_OTHER_VOLUME = Volume()


@dataclass(frozen=True, slots=True)
class Keep:
    """What of a pod is worth keeping: the keys of *labels* (and annotations), and the names of *variables*."""

    labels: frozenset[str]
    variables: frozenset[str]


@dataclass(frozen=True, slots=True)
class Most:
    """How much is kept at most."""

    kinds: int = MOST_KINDS
    shapes: int = MOST_SHAPES


@dataclass(eq=False, slots=True)
class _Kind:
    key: bytes
    namespace: str
    workload: Workload
    runs: tuple[tuple[str, str, str, bool], ...]  # list, container, image id, whether it has ended
    created: datetime | None  # of the oldest
    name: str  # of the latest pod
    uid: str
    shapes: int = 0


@dataclass(eq=False, slots=True)
class _Shape:
    kind: _Kind
    node: str
    times: "array[int]"  # start and end of each run: the earliest and the latest; 0 for none
    pods: int = 0


MOST = Most()


class Stock:
    """All pods of Airflow's that have not ended, by shape.

    *left* is told a shape when the last pod of it goes: what it ran is to be remembered. Not for two threads.
    """

    def __init__(self, keep: Keep, left: Callable[[LivePod], None] = lambda _: None, most: Most = MOST) -> None:
        self.keep = keep
        self.unremembered = 0  # pods for which there was no room
        self._left = left
        self._most = most
        self._table = Table()
        self._kinds: dict[bytes, _Kind] = {}
        self._numbers: dict[tuple[_Kind, str], int] = {}
        self._shapes: dict[int, _Shape] = {}
        self._next = _UNREMEMBERED + 1

    def __len__(self) -> int:
        return len(self._table)

    @property
    def counts(self) -> tuple[int, int]:
        """How many kinds and shapes there are."""
        return len(self._kinds), len(self._shapes)

    @property
    def improvable(self) -> bool:
        """Whether pods had to be left out for which there may be room now: a new stock would have them."""
        kinds, shapes = self.counts
        return bool(self.unremembered) and 2 * kinds <= self._most.kinds and 2 * shapes <= self._most.shapes

    def put(self, pod: LivePod) -> None:
        """Take note of *pod* as it is now."""
        before = self._table.get(pod.uid)
        number = self._number(pod)
        if number != before:
            self._table.put(pod.uid, number)
            self._enter(number)
            self._leave(before)

    def drop(self, uid: str) -> None:
        """Take note that the pod *uid* runs no more."""
        self._leave(self._table.pop(uid))

    def shapes(self) -> Iterator[LivePod]:
        """Yield each shape as a pod that stands for those of it."""
        for shape in self._shapes.values():
            yield _as_pod(shape.kind, shape.node, shape.times, shape.pods)

    def merged(self, nodes: Nodes) -> Iterator[LivePod]:
        """Yield each kind as a pod, once for every group of nodes it runs on: all on one group are judged alike."""
        found: dict[tuple[_Kind, str], _Shape] = {}
        for shape in self._shapes.values():
            key = shape.kind, nodes.group(shape.node)
            if (known := found.get(key)) is None:
                found[key] = _Shape(shape.kind, shape.node, array("q", shape.times), shape.pods)
                continue
            known.pods += shape.pods
            known.node = min(known.node, shape.node)
            _widen(known.times, shape.times)
        for shape in found.values():
            yield _as_pod(shape.kind, shape.node, shape.times, shape.pods)

    def _number(self, pod: LivePod) -> int:
        workload, runs = trimmed(pod, self.keep), tuple(_runs(pod))
        key = blake2b(msgspec.msgpack.encode((pod.namespace, workload, runs)), digest_size=16).digest()
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= self._most.kinds:
                return _UNREMEMBERED
            kind = _Kind(key, intern(pod.namespace), workload, runs, pod.created, pod.name, pod.uid)
        number = self._numbers.get((kind, pod.node))
        times = _times(pod)
        if number is None:
            if len(self._shapes) >= self._most.shapes:
                return _UNREMEMBERED
            number, self._next = self._next, self._next + 1
            self._kinds[key] = kind
            kind.shapes += 1
            self._numbers[kind, pod.node] = number
            self._shapes[number] = _Shape(kind, intern(pod.node), times)
        _widen(self._shapes[number].times, times)
        kind.name, kind.uid = pod.name, pod.uid
        kind.created = min(filter(None, (kind.created, pod.created)), default=None)
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
        if shape.pods:
            return
        kind = shape.kind
        del self._shapes[number], self._numbers[kind, shape.node]
        kind.shapes -= 1
        if not kind.shapes:
            del self._kinds[kind.key]
        self._left(_as_pod(kind, shape.node, shape.times, 1))


def trimmed(pod: LivePod, keep: Keep) -> Workload:
    """Return of *pod* what rules look at, without what tells it from others that are alike."""
    given = pod.workload.metadata
    owner = given.controller
    labels = {intern(key): intern(value) for key, value in (given.labels or {}).items() if key in keep.labels}
    annotations = {intern(key): value for key, value in (given.annotations or {}).items() if key in keep.labels}
    alone = owner is None and not (labels | annotations).get("dag_id")
    metadata = Metadata(
        name=pod.name if alone else "",
        labels=labels or None,
        annotations=annotations or None,
        owner_references=[owner] if owner is not None else None,
    )
    spec, variables = pod.workload.spec, keep.variables
    volumes = [volume if volume.image is not None else _OTHER_VOLUME for volume in spec.volumes or ()]
    lean = PodSpec(
        _lean(spec.containers, variables),
        _lean(spec.init_containers, variables),
        _lean(spec.ephemeral_containers, variables),
        volumes if any(volume.image is not None for volume in volumes) else None,
    )
    return Workload(pod.workload.kind, metadata, metadata, lean, pod.workload.prefix, pod.workload.unreadable)


def _lean(containers: list[Container] | None, variables: frozenset[str]) -> list[Container] | None:
    return [
        Container(
            intern(one.name),
            None if one.image is None else intern(one.image),
            None if one.image_pull_policy is None else intern(one.image_pull_policy),
            [variable for variable in one.env or () if variable.name in variables] or None,
        )
        for one in containers or ()
    ] or None


def _runs(pod: LivePod) -> Iterator[tuple[str, str, str, bool]]:
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


def _as_pod(kind: _Kind, node: str, times: "array[int]", pods: int) -> LivePod:
    moments = [datetime.fromtimestamp(moment, UTC) if moment else None for moment in times]
    images = {
        (field, container): RunningImage(image_id, moments[2 * nth], moments[2 * nth + 1])
        for nth, (field, container, image_id, _) in enumerate(kind.runs)
    }
    metadata = msgspec.structs.replace(kind.workload.metadata, name=kind.name, uid=kind.uid)
    workload = replace(kind.workload, metadata=metadata, template=metadata)
    return LivePod(
        workload, kind.namespace, node, "Running", kind.created, deleting=False, version="", images=images, alike=pods
    )
