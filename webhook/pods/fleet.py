"""What runs as what, over all pods of Airflow that are there or were lately: the images by digest, the parts by image.

Digests are compared only as `webhook.pods.nodes` says they can be. Time is an argument.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby

from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.image import Image, ImageError, parse
from webhook.pods.live import LivePod
from webhook.pods.nodes import Nodes

MOST_NODES = 8  # that a sighting names; it counts all

# The labels that name one Airflow of several in a namespace: the Helm release.
RELEASES = ("release", "app.kubernetes.io/instance")

# Whose image the others of one Airflow are compared with: the first that is there.
LEADERS = (
    Component.SCHEDULER,
    Component.API_SERVER,
    Component.WEBSERVER,
    Component.DAG_PROCESSOR,
    Component.TRIGGERER,
    Component.WORKER,
)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One reference that runs, or ran lately, as one digest on nodes whose digests compare."""

    image: str  # the reference, normalised, with its tag
    group: str  # of nodes; "" where the nodes are not known
    digest: str
    first: datetime
    last: datetime  # when it was last seen to run
    pods: int  # that run it now
    nodes: tuple[str, ...]  # some of them, sorted
    components: tuple[Component, ...]  # sorted

    @property
    def of_tasks(self) -> bool:
        """Whether pods of tasks ran it."""
        return Component.TASK in self.components

    def overlaps(self, other: "Sighting") -> bool:
        """Return whether both ran at the same time."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Airflow:
    """One Airflow: a Helm release in a namespace; *release* is "" where no label says it."""

    namespace: str
    release: str


@dataclass(frozen=True, slots=True)
class Part:
    """What one component of one Airflow runs in its own container."""

    airflow: Airflow
    component: Component
    image: str  # normalised
    repository: str
    group: str
    digest: str | None  # None when no node says one that can be compared
    first: datetime
    last: datetime
    pods: int

    def is_image_of(self, other: "Part") -> bool:
        """Return whether both run one image, as far as can be told: digests decide where they compare."""
        if self.digest and other.digest and self.group == other.group:
            return self.digest == other.digest
        return self.image == other.image


@dataclass(frozen=True, slots=True)
class Seen:
    """One container of one pod, or of several alike: what it was told to run, and what its node says it does."""

    image: Image
    digest: str | None
    group: str
    node: str
    airflow: Airflow
    component: Component
    own: bool  # whether it is the component's own container
    since: datetime
    until: datetime  # now, for one that runs
    running: bool  # whether its pod does
    alike: int = 1

    @property
    def pods(self) -> int:
        """In how many pods it runs now."""
        return self.alike if self.running else 0


def airflow_of(pod: LivePod) -> Airflow:
    """Return the Airflow that *pod* belongs to, by its labels."""
    return airflow_in(pod.namespace, pod.labels)


def airflow_in(namespace: str, labels: Mapping[str, str]) -> Airflow:
    """Return the Airflow in *namespace* that *labels* name."""
    return Airflow(namespace, next((labels[key] for key in RELEASES if labels.get(key)), ""))


def sights(pod: LivePod, role: Role, nodes: Nodes, now: datetime) -> Iterator[Seen]:
    """Yield what is to be seen of *pod*, which plays *role*; nothing of a container that never started."""
    for place in pod.workload.images:
        run = pod.images.get((place.field, place.container))
        if run is None or run.since is None:
            continue
        try:
            image = parse(place.image)
        except ImageError:
            continue
        own = place.field == "containers" and place.container == role.main and role.chart is not Chart.OPERATOR
        digest = nodes.canonical(run.digest) if run.digest else image.digest
        yield Seen(
            image,
            digest,
            nodes.group(pod.node),
            pod.node,
            airflow_of(pod),
            role.component,
            own,
            since=min(run.since, now),
            until=min(run.until or now, now),
            running=not pod.ended,  # what an init container has left there is in use
            alike=pod.alike,
        )


@dataclass(frozen=True, slots=True)
class Fleet:
    """All sightings by image, each image's by group and first; all parts by Airflow and component, oldest first."""

    sightings: Mapping[str, tuple[Sighting, ...]] = field(default_factory=dict)
    parts: Mapping[tuple[Airflow, Component], tuple[Part, ...]] = field(default_factory=dict)
    inconclusive: Mapping[str, int] = field(default_factory=dict)  # containers without a digest to compare, by image

    def drift(self, image: str, group: str) -> tuple[Sighting, ...]:
        """Return the digests as which *image* runs at the same time on nodes of *group*; none unless there are two.

        What runs no longer counts only where tasks ran it: they live for seconds, and the next may meet that node.
        """
        here = [one for one in self.sightings.get(image, ()) if one.group == group and (one.pods or one.of_tasks)]
        found = tuple(one for one in here if any(one is not other and one.overlaps(other) for other in here))
        return found if any(one.pods for one in found) else ()

    def proof(self, image: str) -> tuple[Sighting, ...]:
        """Return the digests that prove that the tag of *image* was pushed again; none unless there are two."""
        for _, group in groupby(self.sightings.get(image, ()), key=lambda one: one.group):
            ones = tuple(group)
            if len(ones) > 1 and is_certain(ones):
                return ones
        return ()

    def leader(self, airflow: Airflow) -> tuple[Part, ...]:
        """Return what the component runs that the others of *airflow* are compared with; oldest first."""
        return next((found for component in LEADERS if (found := self.of(airflow, component))), ())

    def of(self, airflow: Airflow, component: Component) -> tuple[Part, ...]:
        """Return what *component* of *airflow* runs now; oldest first."""
        return tuple(part for part in self.parts.get((airflow, component), ()) if part.pods)


def is_certain(sightings: Iterable[Sighting]) -> bool:
    """Return whether digests that differ are two images for sure: where nodes are known, or one node has both."""
    ones = list(sightings)
    if all(one.group for one in ones):
        return True
    return any(set(one.nodes) & set(other.nodes) for nth, one in enumerate(ones) for other in ones[:nth])


def short(digest: str) -> str:
    """Return *digest* as people compare it.

    >>> short("sha256:0123456789abcdef")
    'sha256:0123456789ab'
    """
    algorithm, _, value = digest.partition(":")
    return f"{algorithm}:{value[:12]}"


def fleet(seen: Iterable[Seen], remembered: Iterable[Sighting] = ()) -> Fleet:
    """Return what *seen* and the sightings *remembered* of earlier looks say together."""
    sightings = {(one.image, one.group, one.digest): replace(one, pods=0) for one in remembered}
    parts: dict[tuple[Airflow, Component, str, str, str | None], Part] = {}
    inconclusive: Counter[str] = Counter()
    for one in seen:
        image = str(one.image)
        if one.own:
            place = (one.airflow, one.component, image, one.group, one.digest)
            parts[place] = _joined_part(parts.get(place), one, image)
        if one.image.digest:
            continue  # it cannot run as anything else
        if one.digest is None:
            inconclusive[image] += one.alike
            continue
        key = (image, one.group, one.digest)
        sightings[key] = joined(sightings.get(key), one, image, one.digest)
    by_image: dict[str, list[Sighting]] = {}
    for sighting in sorted(sightings.values(), key=lambda s: (s.image, s.group, s.first, s.digest)):
        by_image.setdefault(sighting.image, []).append(sighting)
    by_component: dict[tuple[Airflow, Component], list[Part]] = {}
    for part in sorted(parts.values(), key=_order):
        by_component.setdefault((part.airflow, part.component), []).append(part)
    return Fleet(
        {image: tuple(ones) for image, ones in by_image.items()},
        {place: tuple(ones) for place, ones in by_component.items()},
        dict(sorted(inconclusive.items())),
    )


def _order(part: Part) -> tuple[str, str, str, datetime, str, str]:
    airflow = part.airflow
    return (airflow.namespace, airflow.release, part.component, part.first, part.image, part.digest or "")


def joined(sighting: Sighting | None, one: Seen, image: str, digest: str) -> Sighting:
    """Return *sighting* of *image* as *digest* with *one* more container that was seen to run so."""
    if sighting is None:
        sighting = Sighting(image, one.group, digest, one.since, one.until, 0, (), ())
    nodes, components = {*sighting.nodes, one.node} - {""}, {*sighting.components, one.component}
    return replace(
        sighting,
        first=min(sighting.first, one.since),
        last=max(sighting.last, one.until),
        pods=sighting.pods + one.pods,
        nodes=tuple(sorted(nodes)[:MOST_NODES]),
        components=tuple(sorted(components)),
    )


def _joined_part(part: Part | None, one: Seen, image: str) -> Part:
    if part is None:
        repository = one.image.repository
        return Part(
            one.airflow, one.component, image, repository, one.group, one.digest, one.since, one.until, one.pods
        )
    return replace(
        part,
        first=min(part.first, one.since),
        last=max(part.last, one.until),
        pods=part.pods + one.pods,
    )


@dataclass(frozen=True, slots=True)
class Live:
    """A pod that runs, for a rule: the pod itself, and what runs beside it."""

    pod: LivePod
    fleet: Fleet
    nodes: Nodes
    now: datetime
