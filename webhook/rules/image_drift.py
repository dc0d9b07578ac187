"""image-drift: one image reference that runs as two images at the same time.

After somebody pushes a tag again, nodes that have the old image in their cache keep running it, and the others run the
new one: two pods with the same spec behave differently, and no manifest shows it. Only the nodes' reports do, so only
an audit finds this, and the rule never denies. It compares digests between nodes with the same container runtime and
platform; a bare `sha256:` id identifies a configuration, so it cannot be compared. If airlock cannot read nodes,
digests that differ between nodes are at most an `audit` finding, which says so. One reference that drifts is one
finding, however many workloads run it, with its digests, nodes and workloads inside.

Passes::

    containers: [{name: scheduler, image: "apache/airflow:main"}]  # everywhere as sha256:1111...

Fails::

    containers: [{name: scheduler, image: "apache/airflow:main"}]  # as sha256:1111... here, as sha256:2222... there
"""

from collections.abc import Iterator

from webhook.pods.fleet import Live
from webhook.pods.image import LONGEST, ImageError, familiar, parse
from webhook.pods.sighting import Sighting, is_certain, short
from webhook.pods.text import quote
from webhook.pods.workload import ImagePlace
from webhook.rules.finding import Finding, Mode
from webhook.rules.rule import Rule, RuleOptions, Subject

_FIX = "give every image that is pushed a tag of its own, or name the digest; then roll the workload out again"
_NAMED = 3  # nodes of a digest
_DIGESTS = 4  # that are told


class ImageDriftOptions(RuleOptions):
    """The options of image-drift."""


def check(subject: Subject, _options: ImageDriftOptions) -> Iterator[Finding]:
    """Yield a finding for each container of a running pod whose reference runs as another image elsewhere."""
    live = subject.live
    if live is None or live.pod.ended:
        return
    for place in subject.images:
        run = live.pod.images.get((place.field, place.container))
        if run is not None and run.digest:
            yield from _judge(place, live.nodes.canonical(run.digest), live)


def _judge(place: ImagePlace, digest: str, live: Live) -> Iterator[Finding]:
    try:
        image = parse(place.image)
    except ImageError:
        return
    here = live.fleet.drift(str(image), live.nodes.group(live.pod.node)) if not image.digest else ()
    if all(one.digest != digest for one in here):
        return
    # The same sentence at every place, whichever image runs there: one drift is one finding.
    drift = live.fleet.drifts(str(image))
    certain = any(one.group for one in drift) or is_certain(drift)
    told = "; and ".join(_sighting(one) for one in drift[:_DIGESTS])
    more = f"; and as {len(drift) - _DIGESTS} more" if len(drift) > _DIGESTS else ""
    doubt = "" if certain else "; airlock cannot read nodes, and on nodes of two platforms these may be one image"
    yield Finding(
        place.path,
        f"{quote(familiar(image), LONGEST)}: {told}{more}{doubt}",
        _FIX,
        place.container,
        str(image),
        Mode.WARN if certain else Mode.AUDIT,
        brief=f"runs as {len(drift)} images",
        detail=f"as {short(digest)}",
    )


def _sighting(one: Sighting) -> str:
    components = ", ".join(one.components)
    if not one.pods:
        return f"ran as {short(one.digest)} ({components}) until {one.last:%Y-%m-%d %H:%M} UTC on {_named(one)}"
    pods = "1 pod" if one.pods == 1 else f"{one.pods} pods"
    return f"runs as {short(one.digest)} in {pods} ({components}) since {one.first:%Y-%m-%d %H:%M} UTC on {_named(one)}"


def _named(one: Sighting) -> str:
    nodes = [quote(node, 63) for node in one.nodes[:_NAMED]]
    return ", ".join(nodes) + ("..." if len(one.nodes) > _NAMED else "") if nodes else "a node that is not named"


RULE = Rule(
    name="image-drift",
    options=ImageDriftOptions,
    images=True,
    places=("containers", "initContainers", "ephemeralContainers"),
    live=True,
    shared=True,
    check=check,
)
