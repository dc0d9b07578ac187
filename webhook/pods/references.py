"""What a pod's variables refer to, and which ConfigMaps and Secrets we know, by name and key."""

from collections.abc import Collection, Iterator, Mapping
from enum import StrEnum
from typing import Any, Protocol

import msgspec

from webhook.pods.workload import Container, NameRef, PodSpec

CONFIG_MAP, SECRET, FILE = "ConfigMap", "Secret", "file"

Keys = Collection[str]

# What a reference is to, and which field names that.
_FIELDS = {
    "configMapKeyRef": (CONFIG_MAP, "name"),
    "secretKeyRef": (SECRET, "name"),
    "fileKeyRef": (FILE, "volumeName"),
}


class Reference(msgspec.Struct, frozen=True):
    """One reference of one container."""

    kind: str  # ConfigMap, Secret, or file
    name: str  # of the object, or of the volume that has the file
    key: str  # "" for the whole object
    variable: str  # "" for envFrom
    path: str  # below the pod spec: containers[0].env[1]
    container: str
    prefix: str = ""  # of envFrom


class Absence(StrEnum):
    """Why nothing can be said of the keys of an object."""

    MISSING = "missing"  # there is none
    UNSEEN = "unseen"  # it is not in the files at hand, which rarely have everything
    UNKNOWN = "unknown"  # nobody has looked, or may look


class Holdings(Protocol):
    """Which ConfigMaps and Secrets there are."""

    def look(self, kind: str, namespace: str, name: str) -> Keys | Absence:
        """Return the keys of an object, or why they are not known."""


class Held(msgspec.Struct, frozen=True):
    """Objects by kind and namespace: their keys by name, never a value.

    *whole* names where all of them are known; *partial* says that these are files, and others may exist.
    """

    objects: Mapping[tuple[str, str], Mapping[str, Keys]] = msgspec.field(default_factory=dict)
    whole: frozenset[tuple[str, str]] = frozenset()
    missing: frozenset[tuple[str, str, str]] = frozenset()  # kind, namespace and name of what does not exist
    partial: bool = False

    def look(self, kind: str, namespace: str, name: str) -> Keys | Absence:
        """Return the keys of an object, or why they are not known."""
        found = self.objects.get((kind, namespace), {}).get(name)
        if found is not None:
            return found
        if (kind, namespace) in self.whole or (kind, namespace, name) in self.missing:
            return Absence.MISSING
        return Absence.UNSEEN if self.partial else Absence.UNKNOWN


NO_HOLDINGS: Holdings = Held()


def references(spec: PodSpec) -> Iterator[Reference]:
    """Yield every reference of *spec* without which a container does not start, in object order."""
    for listed, containers in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for index, container in enumerate(containers or ()):
            if container.env_from or (container.env and [one for one in container.env if one.value_from is not None]):
                yield from _of(container, f"{listed}[{index}]")


def refers_to_files(spec: PodSpec) -> bool:
    """Return whether a variable of *spec* comes from a file, so that it matters which container mounts what."""
    return any(one.kind == FILE for one in references(spec))


def is_reference(value_from: Mapping[str, Any] | None) -> bool:
    """Return whether a variable with *value_from* refers to a ConfigMap, a Secret or a file."""
    return value_from is not None and not _FIELDS.keys().isdisjoint(value_from)


def _of(container: Container, place: str) -> Iterator[Reference]:
    for index, entry in enumerate(container.env or ()):
        if entry.value_from is None:
            continue
        for field_, (kind, naming) in _FIELDS.items():
            body: Any = entry.value_from.get(field_)
            if isinstance(body, Mapping) and body.get("optional") is not True:
                name, key = body.get(naming), body.get("key")
                if isinstance(name, str) and isinstance(key, str) and name and key:
                    yield Reference(kind, name, key, entry.name, f"{place}.env[{index}]", container.name)
    for index, source in enumerate(container.env_from or ()):
        both: tuple[tuple[NameRef | None, str], ...] = (
            (source.config_map_ref, CONFIG_MAP),
            (source.secret_ref, SECRET),
        )
        for ref, kind in both:
            if ref is not None and ref.name and ref.optional is not True:
                path = f"{place}.envFrom[{index}]"
                yield Reference(kind, ref.name, "", "", path, container.name, source.prefix)
