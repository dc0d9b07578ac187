"""What each release's schedulers run, so that its tasks and workers can be pinned to it; and how it is stored. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from webhook.pods.airflow import Component, Role
from webhook.pods.image import Image, ImageError, parse
from webhook.pods.live import LivePod
from webhook.pods.nodes import Nodes
from webhook.pods.sighting import Airflow, airflow_of

MOST = 500  # releases in a cluster; the ConfigMap that holds them may have 1 MiB
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
# docker-pullable://repo@sha256:... (dockershim), repo@sha256:... (containerd, CRI-O)
_REPORTED = re.compile(r"(?:[a-z-]+://)?(?P<name>[^@]+)@(?P<digest>sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})")


class Pin(msgspec.Struct, frozen=True):
    """The image that the scheduler of one Airflow runs; *why* says why its digest is not to be used."""

    image: str  # repository and tag, normalised
    digest: str = ""
    why: str = ""


class _Entry(msgspec.Struct, frozen=True):
    namespace: str
    release: str
    image: str
    digest: str = ""
    why: str = ""


class _Page(msgspec.Struct, frozen=True):
    pins: list[msgspec.Raw] = msgspec.field(default_factory=list)


class Pinning:
    """Gathers what schedulers run, pod by pod; *nodes* says which platforms the nodes have.

    Where they are of several, or nobody knows, a digest that a runtime reports may be that of one platform's manifest,
    which other nodes cannot run: then only one among *indexes* is used, digests that a registry says to be of an index.
    """

    def __init__(self, nodes: Nodes, indexes: frozenset[str] = frozenset()) -> None:
        platforms = {group.rpartition(" ")[2] for group in nodes.groups.values()}
        self._several = len(platforms) != 1 or "" in platforms
        self._indexes = indexes
        self._seen: dict[Airflow, set[tuple[str, str]]] = {}  # image and digest; "" when no digest can be pulled

    def add(self, pod: LivePod, role: Role) -> None:
        """Take note of *pod*, which plays *role*."""
        airflow = airflow_of(pod)
        if role.component is not Component.SCHEDULER or not airflow.release or pod.ended:
            return
        for place in pod.workload.images:
            if (place.field, place.container) != ("containers", role.main):
                continue
            try:
                image = parse(place.image)
            except ImageError:
                return
            run = pod.images.get((place.field, place.container))
            if image.digest is None and (run is None or run.since is None):
                self._seen.setdefault(airflow, set()).add((str(image), ""))  # it has not been pulled yet
            elif image.digest is None and run is not None:
                self._seen.setdefault(airflow, set()).add((str(image), _pullable(run.image_id, image)))

    @property
    def pins(self) -> dict[Airflow, Pin]:
        """The pin of each Airflow whose scheduler runs a tag."""
        order = sorted(self._seen, key=lambda one: (one.namespace, one.release))[:MOST]
        return {airflow: self._pin(self._seen[airflow]) for airflow in order}

    def _pin(self, seen: set[tuple[str, str]]) -> Pin:
        (image, digest), *others = sorted(seen)
        if others:
            return Pin(image, why="its schedulers run two images, as in a rollout")
        if not digest:
            return Pin(image, why="no node reports a digest of this repository")
        if self._several and digest not in self._indexes:
            return Pin(image, why="nodes may be of several platforms, and the digest is not known to be an index")
        return Pin(image, digest)


def _pullable(image_id: str, image: Image) -> str:
    """Return the digest in *image_id* if it is one of *image*'s repository; "" for a bare id and for another's."""
    match = _REPORTED.fullmatch(image_id)
    if match is None:
        return ""
    try:
        return match["digest"] if parse(match["name"]).repository == image.repository else ""
    except ImageError:
        return ""


def write_pins(pins: Mapping[Airflow, Pin]) -> str:
    """Return *pins* as JSON; the same pins are the same text."""
    entries = [_Entry(one.namespace, one.release, pin.image, pin.digest, pin.why) for one, pin in pins.items()]
    entries.sort(key=lambda entry: (entry.namespace, entry.release))
    return msgspec.json.encode({"pins": entries}).decode()


def read_pins(text: str) -> dict[Airflow, Pin]:
    """Return the readable entries of *text*; malformed ones are left out."""
    try:
        page = msgspec.json.decode(text, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return dict(_read(page.pins[:MOST]))


def _read(entries: Iterable[msgspec.Raw]) -> Iterator[tuple[Airflow, Pin]]:
    for raw in entries:
        try:
            entry = msgspec.json.decode(raw, type=_Entry)
            image: Image = parse(entry.image)
        except (msgspec.DecodeError, ImageError, RecursionError):
            continue
        sound = not entry.digest or _DIGEST.fullmatch(entry.digest)
        if sound and image.digest is None and str(image) == entry.image and len(entry.why) <= 200:  # noqa: PLR2004 - characters
            yield Airflow(entry.namespace, entry.release), Pin(entry.image, entry.digest, entry.why)
