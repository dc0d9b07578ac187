"""Images that a file does not have yet: none at all, or a placeholder that something fills in later."""

import re
from collections.abc import Iterator

import msgspec
from msgspec import structs

from webhook.pods.text import printable
from webhook.pods.workload import Container, ImageVolumeSource, PodSpec, Volume, Workload

_TEMPLATE = re.compile(r"\{\{|\{%|<%|\[\[")
_VARIABLE = re.compile(r"\$[{(]?\w")
_NAME, _IMAGE = 63, 120


class Unwritten(msgspec.Struct, frozen=True):
    """A place without an image that could be judged."""

    path: str
    text: str
    usable: bool  # whether the file is right as it is


def without(workload: Workload) -> tuple[Workload, tuple[Unwritten, ...]]:
    """Return *workload* without images that are placeholders, and the places that have no image to judge."""
    found = tuple(_unwritten(workload))
    if not any(place.image.strip() and _is_placeholder(place.image) for place in workload.images):
        return workload, found
    spec = workload.spec
    blanked = PodSpec(
        _containers(spec.containers), _containers(spec.init_containers), _containers(spec.ephemeral_containers),
        spec.volumes and [_volume(volume) for volume in spec.volumes],
    )  # fmt: skip
    return structs.replace(workload, spec=blanked), found


def _unwritten(workload: Workload) -> Iterator[Unwritten]:
    for place in workload.images:
        container, image = printable(place.container, _NAME), printable(place.image, _IMAGE)
        if not place.image.strip():
            yield Unwritten(place.path, f"container {container} names no image here, so none is judged", usable=True)
        elif _TEMPLATE.search(place.image):
            text = f"image {image!r} of container {container} looks like a template that was not rendered; render it"
            yield Unwritten(place.path, f"{text}, and check the result", usable=False)
        elif _VARIABLE.search(place.image):
            text = f"image {image!r} of container {container} has a placeholder that nothing filled in"
            yield Unwritten(
                place.path, f"{text}; fill it in (oc process, envsubst, flux), and check the result", usable=False
            )


def _is_placeholder(image: str) -> bool:
    return _TEMPLATE.search(image) is not None or _VARIABLE.search(image) is not None


def _containers(containers: list[Container] | None) -> list[Container] | None:
    return containers and [
        msgspec.structs.replace(one, image="") if _is_placeholder(one.image or "") else one for one in containers
    ]


def _volume(volume: Volume) -> Volume:
    if volume.image is None or not _is_placeholder(volume.image.reference or ""):
        return volume
    return msgspec.structs.replace(volume, image=ImageVolumeSource(None, volume.image.pull_policy))
