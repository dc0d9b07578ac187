"""What all current and recent pods of Airflow run as: each image by its digests, each part of Airflow by its images.

It compares digests only where `webhook.pods.nodes` says that they compare. Time is an argument.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import groupby

import msgspec
from msgspec.structs import replace

from webhook.pods.airflow import Component
from webhook.pods.live import LivePod
from webhook.pods.nodes import Nodes
from webhook.pods.sighting import Airflow, Part, Seen, Sighting, is_certain, joined, joined_part

# Whose image the others of one Airflow are compared with: the first that is there.
LEADERS = (
    Component.SCHEDULER,
    Component.API_SERVER,
    Component.WEBSERVER,
    Component.DAG_PROCESSOR,
    Component.TRIGGERER,
    Component.WORKER,
)


class Fleet(msgspec.Struct, frozen=True):
    """All sightings by image, each image's by group and first; all parts by Airflow and component, oldest first."""

    sightings: Mapping[str, tuple[Sighting, ...]] = msgspec.field(default_factory=dict)
    parts: Mapping[tuple[Airflow, Component], tuple[Part, ...]] = msgspec.field(default_factory=dict)
    inconclusive: Mapping[str, int] = msgspec.field(default_factory=dict)  # how many lack a digest, by image

    def drift(self, image: str, group: str) -> tuple[Sighting, ...]:
        """Return the digests that *image* runs as at the same time on nodes of *group*; none unless there are two.

        What runs no longer counts only where tasks ran it: they live for seconds, and the next may meet that node.
        """
        here = [one for one in self.sightings.get(image, ()) if one.group == group and (one.pods or one.of_tasks)]
        found = tuple(one for one in here if any(one is not other and one.overlaps(other) for other in here))
        return found if any(one.pods for one in found) else ()

    def drifts(self, image: str) -> tuple[Sighting, ...]:
        """Return the digests that *image* runs as at the same time, on nodes of every group."""
        groups = dict.fromkeys(one.group for one in self.sightings.get(image, ()))
        return tuple(one for group in groups for one in self.drift(image, group))

    def proof(self, image: str) -> tuple[Sighting, ...]:
        """Return the digests that prove that the tag of *image* was pushed again; none unless there are two."""
        if image not in self.sightings:
            return ()
        for _, group in groupby(self.sightings[image], key=lambda one: one.group):
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

    def repositories(self, airflow: Airflow) -> frozenset[str]:
        """Return the repositories that the components of *airflow* itself run now."""
        return frozenset(part.repository for component in LEADERS for part in self.of(airflow, component))


def fleet(seen: Iterable[Seen], remembered: Iterable[Sighting] = ()) -> Fleet:
    """Return what *seen* and the sightings *remembered* of earlier looks say together."""
    sightings = {(one.image, one.group, one.digest): replace(one, pods=0) for one in remembered}
    parts: dict[tuple[Airflow, Component, str, str, str | None], Part] = {}
    inconclusive: Counter[str] = Counter()
    for one in seen:
        image = str(one.image)
        if one.own:
            place = (one.airflow, one.component, image, one.group, one.digest)
            parts[place] = joined_part(parts.get(place), one, image)
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


class Live(msgspec.Struct, frozen=True):
    """A pod that runs, for a rule: the pod itself, and what runs beside it."""

    pod: LivePod
    fleet: Fleet
    nodes: Nodes
    now: datetime
