"""What manifests declare for each component of Airflow: its variables, its image, and its executor."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from webhook.manifests import data
from webhook.manifests.check import Check
from webhook.manifests.objects import Manifest, mapping
from webhook.manifests.settings import options
from webhook.manifests.trial import Seen
from webhook.pods.airflow import Component, Role
from webhook.pods.claim import claim
from webhook.pods.image import ImageError, parse

_EXECUTOR = "AIRFLOW__CORE__EXECUTOR"
_SOURCES = {"configMapRef": "ConfigMap", "secretRef": "Secret"}

Keys = Mapping[tuple[str, str, str], frozenset[str]]  # of ConfigMaps and Secrets, by kind, namespace and name


class Process(msgspec.Struct, frozen=True):
    """The own container of one component."""

    component: Component
    names: frozenset[str]  # of its variables
    open: bool  # whether an envFrom may give it others
    repository: str = ""
    tag: str = ""


class Declared(msgspec.Struct, frozen=True):
    """What manifests declare."""

    processes: tuple[Process, ...] = ()
    executor: str = ""


def declared(check: Check) -> Declared:
    """Return what the manifests that *check* took declare."""
    manifests = check.manifests
    keys: Keys = {
        (one.kind, one.namespace, one.name): frozenset(entry.key for entry in data.entries(one))
        for one in manifests
        if data.holds(one)
    }
    executor = ""
    processes: list[Process] = []
    for seen in check.seen():
        role, container = _own(seen)
        if role is None:
            continue
        names, is_open = _variables(container, seen.request.namespace, keys)
        image = container.get("image")
        repository, tag = _image(image if isinstance(image, str) else "")
        processes.append(Process(role.component, names, is_open, repository, tag))
        executor = executor or _value(container, _EXECUTOR)
    return Declared(tuple(processes), executor or _configured(manifests))


def _own(seen: Seen) -> tuple[Role | None, dict[str, Any]]:
    """Return the role of what was *seen*, and its own container."""
    template = mapping(seen.template)
    labels = mapping(mapping(template.get("metadata")).get("labels"))
    own = {key: value for key, value in labels.items() if isinstance(value, str)}
    spec = None if seen.request.workload is None else seen.request.workload.spec
    role = claim(own, spec, rendered=seen.request.rendered).role
    containers = [mapping(one) for one in _list(mapping(template.get("spec")), "containers")]
    if role is None or not containers:
        return None, {}
    return role, next((one for one in containers if one.get("name") in (role.main, role.component)), containers[0])


def _variables(container: dict[str, Any], namespace: str, keys: Keys) -> tuple[frozenset[str], bool]:
    """Return the names of the variables of *container*, and whether it may have others."""
    entries = [mapping(one) for one in _list(container, "env")]
    names = {name for entry in entries if isinstance(name := entry.get("name"), str)}
    is_open = False
    for source in map(mapping, _list(container, "envFrom")):
        for field, kind in _SOURCES.items():
            if field in source:
                found = keys.get((kind, namespace, str(mapping(source[field]).get("name"))))
                is_open = is_open or found is None
                names |= {f"{source.get('prefix') or ''}{key}" for key in found or ()}
    return frozenset(names), is_open


def _list(value: dict[str, Any], field: str) -> list[Any]:
    found = value.get(field)
    return found if isinstance(found, list) else []


def _value(container: dict[str, Any], name: str) -> str:
    entries = (mapping(entry) for entry in _list(container, "env"))
    found = next((entry.get("value") for entry in entries if entry.get("name") == name), "")
    return found if isinstance(found, str) else ""


def _image(text: str) -> tuple[str, str]:
    try:
        image = parse(text)
    except ImageError:
        return "", ""
    return image.repository, image.tag or ""


def _configured(manifests: Iterable[Manifest]) -> str:
    """Return the executor that an airflow.cfg names, else the label of the official chart's workloads."""
    manifests = tuple(manifests)
    labels = (one.labels.get("executor") for one in manifests if one.labels.get("component") == "scheduler")
    return next(_in_files(manifests), "") or next((label for label in labels if isinstance(label, str)), "")


def _in_files(manifests: Iterable[Manifest]) -> Iterator[str]:
    for manifest in manifests:
        for entry in data.entries(manifest) if data.holds(manifest) else ():
            if entry.key == "airflow.cfg":
                setting = options(entry).get("core.executor")
                if setting is not None and setting.value:
                    yield setting.value
