"""What the controller has seen of a cluster and of registries, as far as a rule may use it: facts, never a guess."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from webhook.pods.image import Image


@dataclass(frozen=True, slots=True)
class Origin:
    """What a registry says that an image was built from."""

    digest: str = ""  # of the index, or of the only manifest
    revisions: tuple[str, ...] = ()  # of all its platforms; "" for one whose image has no label for it
    platforms: tuple[str, ...] = ()  # the digests of an index's manifests
    why: str = ""  # why nothing is known; "" when something is


NOT_ASKED = Origin(why="no registry has been asked about it yet")


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known; nothing by default."""

    origins: Mapping[str, Origin] = field(default_factory=dict)  # by reference, as `key` writes it

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
