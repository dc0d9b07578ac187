"""What the controller has seen of a cluster and of registries that rules may use: facts, never guesses."""

from collections.abc import Mapping

import msgspec

from webhook.pods.fleet import Fleet
from webhook.pods.image import Image
from webhook.pods.pin import Pin
from webhook.pods.references import NO_HOLDINGS, Holdings
from webhook.pods.sighting import Airflow

MOST_ORIGINS = 2000
_LONGEST = 256  # characters of a revision


class Origin(msgspec.Struct, frozen=True):
    """What a registry says that an image was built from."""

    digest: str = ""  # of the index, or of the only manifest
    revisions: tuple[str, ...] = ()  # of all its platforms; "" for one whose image has no label for it
    platforms: tuple[str, ...] = ()  # the digests of an index's manifests
    why: str = ""  # why nothing is known; "" when something is


NOT_ASKED = Origin(why="no registry has been asked about it yet")


class Observed(msgspec.Struct, frozen=True):
    """What is known; nothing by default."""

    origins: Mapping[str, Origin] = msgspec.field(default_factory=dict)  # by reference, as `key` writes it
    pins: Mapping[Airflow, Pin] = msgspec.field(default_factory=dict)  # what schedulers run
    sightings: Fleet = msgspec.field(default_factory=Fleet)  # which digests images ran as; without what runs now
    holdings: Holdings = NO_HOLDINGS  # which ConfigMaps and Secrets there are, by name and key; it may change

    def origin(self, image: Image) -> Origin:
        """Return what is known of the origin of *image*."""
        return self.origins.get(key(image), NOT_ASKED)


NOTHING = Observed()


def key(image: Image) -> str:
    """Return *image* as its origin is kept: without the tag that stands before a digest.

    >>> from webhook.pods.image import parse
    >>> key(parse("airflow:2.10.5@sha256:" + "0" * 64))[:36]
    'docker.io/library/airflow@sha256:000'
    """
    return str(Image(image.domain, image.path, None, image.digest) if image.digest else image)


class _Page(msgspec.Struct, frozen=True):
    origins: dict[str, Origin] = msgspec.field(default_factory=dict)


def write_origins(origins: Mapping[str, Origin]) -> str:
    """Return *origins* as JSON; the same origins are the same text."""
    return msgspec.json.encode({"origins": dict(sorted(origins.items()))}).decode()


def read_origins(text: str) -> dict[str, Origin]:
    """Return the origins in *text*; none when it cannot be understood."""
    try:
        page = msgspec.json.decode(text, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    sound = (item for item in page.origins.items() if all(len(one) <= _LONGEST for one in item[1].revisions))
    return dict(list(sound)[:MOST_ORIGINS])
