"""What a pod's variables refer to in its namespace, and which ConfigMaps and Secrets we know, by name and key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from webhook.pods.workload import Container, NameRef, PodSpec

CONFIG_MAP, SECRET = "ConfigMap", "Secret"


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference of one container."""

    kind: str  # ConfigMap or Secret
    name: str
    key: str  # "" for the whole object
    variable: str  # "" for envFrom
    path: str  # below the pod spec: containers[0].env[1]
    container: str


class Absence(StrEnum):
    """Why nothing can be said of the keys of an object."""

    MISSING = "missing"  # there is none
    UNKNOWN = "unknown"  # nobody has looked, or may look


@dataclass(frozen=True, slots=True)
class Holdings:
    """Objects by kind and namespace: their keys by name, never a value; *whole* names where all of them are known."""

    objects: Mapping[tuple[str, str], Mapping[str, frozenset[str]]] = field(default_factory=dict)
    whole: frozenset[tuple[str, str]] = frozenset()

    def look(self, kind: str, namespace: str, name: str) -> frozenset[str] | Absence:
        """Return the keys of an object, or why they are not known."""
        found = self.objects.get((kind, namespace), {}).get(name)
        if found is not None:
            return found
        return Absence.MISSING if (kind, namespace) in self.whole else Absence.UNKNOWN


NO_HOLDINGS = Holdings()


def references(spec: PodSpec) -> Iterator[Reference]:
    """Yield every reference of *spec* without which a container does not start, in object order."""
    for listed, containers in (("initContainers", spec.init_containers), ("containers", spec.containers)):
        for index, container in enumerate(containers or ()):
            yield from _of(container, f"{listed}[{index}]")


def _of(container: Container, place: str) -> Iterator[Reference]:
    for index, entry in enumerate(container.env or ()):
        for field_, kind in (("configMapKeyRef", CONFIG_MAP), ("secretKeyRef", SECRET)):
            body: Any = (entry.value_from or {}).get(field_)
            if isinstance(body, Mapping) and body.get("optional") is not True:
                name, key = body.get("name"), body.get("key")
                if isinstance(name, str) and isinstance(key, str) and name and key:
                    yield Reference(kind, name, key, entry.name, f"{place}.env[{index}]", container.name)
    for index, source in enumerate(container.env_from or ()):
        both: tuple[tuple[NameRef | None, str], ...] = (
            (source.config_map_ref, CONFIG_MAP),
            (source.secret_ref, SECRET),
        )
        for ref, kind in both:
            if ref is not None and ref.name and ref.optional is not True:
                yield Reference(kind, ref.name, "", "", f"{place}.envFrom[{index}]", container.name)
