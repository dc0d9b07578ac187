"""What one container ran when it was seen: a reference as a digest, for one Airflow, on nodes whose digests compare."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.image import Image, ImageError, parse
from webhook.pods.live import LivePod
from webhook.pods.nodes import Nodes

MOST_NODES = 8  # that a sighting names; it counts all

# The labels that name one Airflow of several in a namespace: the Helm release.
RELEASES = ("release", "app.kubernetes.io/instance")


class Sighting(msgspec.Struct, frozen=True):
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


class Airflow(msgspec.Struct, frozen=True):
    """One Airflow: a Helm release in a namespace; *release* is "" where no label says it."""

    namespace: str
    release: str
    cluster: str = ""  # its name, in a survey of several


class Part(msgspec.Struct, frozen=True):
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


class Seen(msgspec.Struct, frozen=True):
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


def joined_part(part: Part | None, one: Seen, image: str) -> Part:
    """Return *part* of an Airflow with *one* more container that runs it."""
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
