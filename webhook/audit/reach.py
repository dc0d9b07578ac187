"""How far a look at a cluster reached: what was compared, what could not be, and which rules the policy left out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from webhook.audit.survey import Reach, Skew
from webhook.audit.taking import Look, airflows
from webhook.judge.gate import Gate
from webhook.pods.fleet import Fleet
from webhook.pods.sighting import Airflow, Part
from webhook.rules import image_skew
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode


def reach(look: Look, gate: Gate, running: Fleet, skews: Iterable[Skew]) -> Reach:
    """Return how far *look*, judged by *gate*, reached; *running* is what runs in it, *skews* what image-skew found."""
    namespaces: set[str] = set()
    asked = 0
    for pod, role in airflows(look, gate):
        if pod.ended:
            continue
        namespaces.add(pod.namespace)
        asked += pod.alike if gate.asks(role.component, pod.namespace) else 0
    off = ((rule, tuple(one for one in sorted(namespaces) if gate.mode(rule, one) is Mode.OFF)) for rule in RULES)
    parts_of = _parts(gate, running)
    told = {skew.airflow for skew in skews}
    return Reach(
        off=tuple((rule, ones) for rule, ones in off if ones),
        namespaces=len(namespaces),
        compared=sum(len({part.component for part in parts}) > 1 for parts in parts_of.values()),
        mixed=tuple(one for key, parts in parts_of.items() if key not in told for one in _mixed(key, parts)),
        across=tuple(_across(running)),
        asked=asked,
    )


def _parts(gate: Gate, running: Fleet) -> dict[Airflow, list[Part]]:
    """Return the parts that are compared with each other, by Airflow; what a `pod_override` chose is not."""
    options = gate.options(image_skew.RULE.name)
    found: defaultdict[Airflow, list[Part]] = defaultdict(list)
    if not isinstance(options, image_skew.ImageSkewOptions):
        return found
    for (airflow, component), parts in running.parts.items():
        if component in options.components and gate.mode(image_skew.RULE.name, airflow.namespace) is not Mode.OFF:
            leaders = running.leader(airflow)
            found[airflow] += (one for one in parts if one.pods and not image_skew.is_meant(one, leaders))
    return dict(sorted(found.items(), key=lambda item: (item[0].namespace, item[0].release)))


def _mixed(airflow: Airflow, parts: list[Part]) -> Iterator[Skew]:
    """Yield the images that *airflow* runs if there are two: that of its first part, and the others."""
    first = parts[0] if parts else None
    others = [] if first is None else [part for part in parts if not part.is_image_of(first)]
    if first is not None and others:
        yield Skew(airflow, (first,), tuple(others))


def _across(running: Fleet) -> Iterator[str]:
    """Yield each image that runs as different digests on nodes of different kinds, whose digests do not compare."""
    for image, sightings in running.sightings.items():
        digests = defaultdict(set)
        for one in sightings:
            if one.pods:
                digests[one.group].add(one.digest)
        if len(digests) > 1 and len({frozenset(ones) for ones in digests.values()}) > 1:
            yield image
