"""Where each kind of object has its pod spec, images and variables: the table, and the types that hold them.

It decodes only the fields that rules look at, and skips all others.
"""

from collections.abc import Iterator
from functools import reduce
from typing import Any

import msgspec

from webhook.pods import skim
from webhook.pods.salvage import Unreadable, salvage


class Struct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """A part of an object as the API server encodes it; a null list or map is an empty one."""


class EnvVar(Struct, frozen=True):
    """One entry of a container's `env`."""

    name: str = ""
    value: str | None = None
    value_from: dict[str, Any] | None = None


class NameRef(Struct, frozen=True):
    """A ConfigMap or a Secret of the pod's own namespace."""

    name: str = ""
    optional: bool | None = None


class EnvFrom(Struct, frozen=True):
    """One entry of a container's `envFrom`."""

    prefix: str = ""
    config_map_ref: NameRef | None = None
    secret_ref: NameRef | None = None


class VolumeMount(Struct, frozen=True):
    """Which volume a container mounts."""

    name: str = ""


class Container(Struct, frozen=True):
    """A container of any of the three lists."""

    name: str = ""
    image: str | None = None
    image_pull_policy: str | None = None
    env: list[EnvVar] | None = None
    env_from: list[EnvFrom] | None = None
    volume_mounts: list[VolumeMount] | None = None


class ImageVolumeSource(Struct, frozen=True):
    """An OCI image mounted as a volume (`spec.volumes[].image`, beta since Kubernetes 1.33)."""

    reference: str | None = None
    pull_policy: str | None = None


class Volume(Struct, frozen=True):
    """A volume; all but image volumes are the same to airlock."""

    name: str = ""
    image: ImageVolumeSource | None = None


class PodSpec(Struct, frozen=True):
    """The lists of a pod spec that hold images or variables."""

    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    ephemeral_containers: list[Container] | None = None
    volumes: list[Volume] | None = None


class OwnerReference(Struct, frozen=True):
    """An entry of `metadata.ownerReferences`."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class Metadata(Struct, frozen=True):
    """The metadata that identifies an object and says whose it is."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None

    @property
    def controller(self) -> OwnerReference | None:
        """The owner that controls the object, if any."""
        for owner in self.owner_references or ():
            if owner.controller:
                return owner
        return None


class PodTemplate(Struct, frozen=True):
    """A pod, or what a controller makes pods from."""

    metadata: Metadata | None = None
    spec: PodSpec | None = None


_NO_METADATA, _NO_SPEC = Metadata(), PodSpec()


class UnreadableError(ValueError):
    """An object that is not JSON."""


# Where the pod template lies, by API group and kind; a Pod is its own template.
TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "Job"): ("spec", "template"),
}


def _decoder(path: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    def wrap(inner: Any, field: str) -> Any:  # noqa: ANN401 - types made from the table have no name
        return msgspec.defstruct("Level", [(field, inner | None, None)], frozen=True, gc=False)

    if not path:
        return msgspec.json.Decoder(PodTemplate)
    level = reduce(wrap, reversed(path[1:]), PodTemplate)
    fields = [("metadata", Metadata | None, None), (path[0], level | None, None)]
    return msgspec.json.Decoder(msgspec.defstruct("Object", fields, frozen=True, gc=False))


_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
_DECODERS = {key: _decoder(path) for key, path in TEMPLATES.items()}


class ImagePlace(msgspec.Struct, frozen=True, gc=False):
    """One place of a pod spec that names an image."""

    prefix: str  # the path of the pod spec
    field: str  # the list that holds it: "containers", "initContainers", "ephemeralContainers", "volumes"
    index: int  # in that list
    container: str  # or the volume's name
    image: str
    policy: str | None

    @property
    def path(self) -> str:
        """The path of the field itself: `spec.containers[0].image`."""
        return f"{self.prefix}.{self.field}[{self.index}].image{'.reference' if self.field == 'volumes' else ''}"


class Workload(msgspec.Struct, frozen=True):
    """A Pod or an object with a pod template, as far as rules look at it."""

    kind: str
    metadata: Metadata  # of the object
    template: Metadata  # of its pod template; the same for a Pod
    spec: PodSpec
    prefix: str  # the path of the pod spec: "spec", "spec.template.spec"
    unreadable: tuple[Unreadable, ...] = ()

    @property
    def size(self) -> int:
        """How many containers and volumes it has."""
        spec = self.spec
        count = len(spec.containers or ()) + len(spec.init_containers or ())
        return count + len(spec.ephemeral_containers or ()) + len(spec.volumes or ())

    @property
    def images(self) -> Iterator[ImagePlace]:
        """Every place that names an image, in the order of the API's own visitor: init, containers, ephemeral."""
        spec, prefix = self.spec, self.prefix
        for field, containers in (
            ("initContainers", spec.init_containers),
            ("containers", spec.containers),
            ("ephemeralContainers", spec.ephemeral_containers),
        ):
            for index, container in enumerate(containers or ()):
                policy = container.image_pull_policy
                yield ImagePlace(prefix, field, index, container.name, container.image or "", policy)
        for index, volume in enumerate(spec.volumes or ()):
            if (image := volume.image) is not None:
                yield ImagePlace(prefix, "volumes", index, volume.name, image.reference or "", image.pull_policy)


def decode(raw: bytes | msgspec.Raw, group: str, kind: str) -> Workload | None:
    """Return the workload in the JSON *raw*, or None for a kind without a pod template.

    `managedFields` may be nested as deeply as they like. A field of the wrong type is left out and listed in
    `unreadable`; bytes that are not JSON raise `UnreadableError`.
    """
    path, decoder = TEMPLATES.get((group, kind)), _DECODERS.get((group, kind))
    if path is None or decoder is None:
        return None
    try:
        try:
            return _workload(skim.decode(decoder, raw), path, kind)
        except msgspec.ValidationError:
            decoded, unreadable = salvage(skim.decode(_anything, raw), decoder.type)
            return _workload(decoded, path, kind, unreadable)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"the object is not readable JSON: {error}") from error


def as_pod(pod: PodTemplate) -> Workload:
    """Return the workload that a decoded Pod is."""
    metadata = pod.metadata or _NO_METADATA
    return Workload("Pod", metadata, metadata, pod.spec or _NO_SPEC, "spec")


def _workload(decoded: Any, path: tuple[str, ...], kind: str, unreadable: tuple[Unreadable, ...] = ()) -> Workload:  # noqa: ANN401 - a type made from the table
    template = reduce(lambda level, field: None if level is None else getattr(level, field), path, decoded)
    template = template or PodTemplate()
    return Workload(
        kind=kind,
        metadata=decoded.metadata or _NO_METADATA,
        template=template.metadata or _NO_METADATA,
        spec=template.spec or _NO_SPEC,
        prefix=".".join((*path, "spec")),
        unreadable=unreadable,
    )
