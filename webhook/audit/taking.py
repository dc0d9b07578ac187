"""Pods -> survey: the gate judges each pod, and pods of one owner are reported together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic

import msgspec

from webhook.audit.coverage import Coverage
from webhook.audit.group import Found, Group, ImageUse, Lifted
from webhook.audit.survey import Basis, Drift, Skew, Survey
from webhook.judge.decision import Decision, TaskRef
from webhook.judge.gate import Gate
from webhook.judge.verdict import Exempted, Key, T, Violation, Where, at
from webhook.manifests.outcome import Remark
from webhook.pods import tags
from webhook.pods.airflow import Role
from webhook.pods.fleet import Fleet, Live, fleet
from webhook.pods.image import ImageError, default_pull_policy, parse
from webhook.pods.live import LivePod
from webhook.pods.nodes import Nodes
from webhook.pods.sighting import Airflow, Part, Sighting, airflow_of, is_certain, sights
from webhook.pods.workload import ImagePlace
from webhook.rules import image_skew

MOST_NODES = 20  # that a group names
HASH = "pod-template-hash"


class Look(msgspec.Struct, frozen=True):
    """What one look at a cluster saw."""

    pods: tuple[LivePod, ...]
    nodes: Nodes = msgspec.field(default_factory=Nodes)
    coverage: Coverage = msgspec.field(default_factory=Coverage)
    remembered: tuple[Sighting, ...] = ()  # of earlier looks
    others: int = 0  # pods that were looked at and are not Airflow's
    remarks: tuple[Remark, ...] = ()  # what could not be seen


def survey(look: Look, gate: Gate, basis: Basis, now: datetime, running: Fleet | None = None) -> Survey:
    """Return what *gate* says of everything in *look* at the time *now*; *running* is what runs, if that is known."""
    running = fleet_of(look, gate, now) if running is None else running
    groups: dict[tuple[str, ...], _Gathering] = {}
    behind: dict[Airflow, set[Part]] = {}
    for pod, role in airflows(look, gate):
        if pod.ended:
            continue
        live = Live(pod, running, look.nodes, now)
        decision = gate.audit(live)
        kind, name = owner_of(pod, decision.task)
        key = (pod.namespace, role.component, name, kind, role.chart)
        gathering = groups.setdefault(key, _Gathering(pod, role, kind, name, decision))
        gathering.add(pod, decision, running, look.nodes)
        if part := _skewed(decision, live, role):
            behind.setdefault(part.airflow, set()).add(part)
    return Survey(
        basis=basis,
        taken=now,
        seen=sum(pod.alike for pod in look.pods) + look.others,
        groups=tuple(groups[key].group(look.coverage) for key in sorted(groups)),
        drifts=tuple(_drifts(running)),
        skews=tuple(_skew(airflow, behind[airflow], running) for airflow in sorted(behind, key=_airflow_order)),
        inconclusive=tuple(running.inconclusive.items()),
        remarks=look.remarks,
    )


def airflows(look: Look, gate: Gate) -> Iterator[tuple[LivePod, Role]]:
    """Yield the pods in *look* that are Airflow's to *gate*, and what they are."""
    return ((pod, role) for pod in look.pods if (role := gate.recognise(pod)) is not None)


def fleet_of(look: Look, gate: Gate, now: datetime) -> Fleet:
    """Return what runs as what in *look* at the time *now*."""
    seen = (one for pod, role in airflows(look, gate) for one in sights(pod, role, look.nodes, now))
    return fleet(seen, look.remembered)


def owner_of(pod: LivePod, task: TaskRef | None) -> tuple[str, str]:
    """Return kind and name of what people would change: a Deployment rather than its ReplicaSet, else DAG and task."""
    owner = pod.workload.metadata.controller
    if owner is None:
        return "Pod", f"{task.dag_id}/{task.task_id}" if task is not None else pod.name
    suffix = f"-{pod.labels.get(HASH, '')}"
    if owner.kind == "ReplicaSet" and len(suffix) > 1 and owner.name.endswith(suffix):
        return "Deployment", owner.name.removesuffix(suffix)
    return owner.kind, owner.name


@dataclass(slots=True)
class _Tally(Generic[T]):
    """A finding while the pods that show it come in."""

    first: T
    example: str
    pods: int = 0
    places: dict[Where, None] = field(default_factory=dict)

    def add(self, other: T, pods: int) -> None:
        self.pods += pods
        self.places.update(dict.fromkeys(other.cause.places))

    @property
    def one(self) -> T:
        return at(self.first, self.places)


@dataclass(slots=True)
class _Gathering:
    """A group while its pods come in."""

    first: LivePod
    role: Role
    kind: str
    name: str
    decision: Decision  # on the first
    pods: int = 0
    lost: int = 0
    nodes: set[str] = field(default_factory=set)
    injected: set[str] = field(default_factory=set)
    pinned: set[str] = field(default_factory=set)
    found: dict[Key, _Tally[Violation]] = field(default_factory=dict)
    lifted: dict[Key, _Tally[Exempted]] = field(default_factory=dict)
    images: dict[tuple[str, str, str, str], tuple[int, set[str]]] = field(default_factory=dict)

    def add(self, pod: LivePod, decision: Decision, running: Fleet, nodes: Nodes) -> None:
        self.pods += pod.alike
        self.lost += 0 if decision.verdict.allowed else pod.alike
        self.injected.update(decision.injected)
        self.pinned.update(decision.pinned)
        if pod.node:
            self.nodes.add(pod.node)
        for violation in decision.verdict.violations:
            self.found.setdefault(violation.key, _Tally(violation, pod.name)).add(violation, pod.alike)
        for exempted in decision.verdict.exempted:
            self.lifted.setdefault(exempted.key, _Tally(exempted, pod.name)).add(exempted, pod.alike)
        for place in pod.workload.images:
            policy = place.policy or default_pull_policy(place.image)
            key = (place.container, place.image, policy, _kind(place, running))
            count, digests = self.images.setdefault(key, (0, set()))
            run = pod.images.get((place.field, place.container))
            if run is not None and run.digest:
                digests.add(nodes.canonical(run.digest))
            self.images[key] = (count + pod.alike, digests)

    def group(self, coverage: Coverage) -> Group:
        namespace = self.first.namespace
        return Group(
            namespace=namespace,
            kind=self.kind,
            name=self.name,
            component=self.role.component,
            chart=self.role.chart,
            airflow=airflow_of(self.first),
            pods=self.pods,
            lost=self.lost,
            admission=coverage.sees(namespace),
            nodes=tuple(sorted(self.nodes)[:MOST_NODES]),
            images=tuple(ImageUse(*key, tuple(sorted(digests)), n) for key, (n, digests) in self.images.items()),
            found=tuple(Found(tally.one, tally.pods, tally.example) for tally in self.found.values()),
            lifted=tuple(Lifted(tally.one, tally.pods) for tally in self.lifted.values()),
            distrusted=self.decision.distrusted,
            task=self.decision.task,
            injected=tuple(sorted(self.injected)),
            pinned=tuple(sorted(self.pinned)),
            regarding=self.decision.owner or self.decision.regarding,
        )


def _kind(place: ImagePlace, running: Fleet) -> str:
    try:
        image = parse(place.image)
    except ImageError:
        return "unreadable"
    if image.digest:
        return "digest"
    return "proven" if running.proof(str(image)) else tags.classify(image.effective_tag, image.repository).is_


def _drifts(running: Fleet) -> Iterator[Drift]:
    for image in running.sightings:
        if found := running.drifts(image):
            yield Drift(image, found, any(one.group for one in found) or is_certain(found))


def _skewed(decision: Decision, live: Live, role: Role) -> Part | None:
    """Return what a pod with a finding of image-skew runs in its own container."""
    for violation in decision.verdict.violations:
        if violation.rule == image_skew.RULE.name:
            images = live.pod.workload.images
            place = next(one for one in images if (one.field, one.container) == ("containers", role.main))
            return image_skew.part_of(live, place, role.component)
    return None


def _skew(airflow: Airflow, behind: Iterable[Part], running: Fleet) -> Skew:
    return Skew(airflow, running.leader(airflow), tuple(sorted(behind, key=lambda part: (part.component, part.first))))


def _airflow_order(airflow: Airflow) -> tuple[str, str]:
    return airflow.namespace, airflow.release
