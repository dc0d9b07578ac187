"""What charts hide in ConfigMaps and Secrets: the executor's pod template, and the settings that complete it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from webhook.grammar.yamlnode import Node
from webhook.manifests import data
from webhook.manifests.data import Entry
from webhook.manifests.objects import Manifest, mapping
from webhook.manifests.outcome import Remark
from webhook.manifests.settings import Settings, Values, environment, options, settings, variables
from webhook.manifests.stream import Document, Unusable, documents
from webhook.manifests.worker import Worker, compose
from webhook.pods.airflow import Component, Role, Row
from webhook.pods.claim import claim
from webhook.pods.fleet import LEADERS
from webhook.pods.image import ImageError, parse
from webhook.pods.workload import TEMPLATES, Container, PodSpec

_CONFIG = "airflow.cfg"
_LONGEST_KEY = 253  # characters; the API server takes no longer one
# The official chart's key is pod_template_file.yaml, the community's and Bitnami's pod_template.yaml.
_TEMPLATE_KEY = re.compile(r"(?:.*[._-])?pod[_-]?template(?:[_-]?file)?(?:[._-].*)?\.ya?ml", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Component:
    """An Airflow workload, whose own container may have settings among its variables."""

    manifest: Manifest
    role: Role
    container: Node | None

    @property
    def repository(self) -> str:
        """That of its own container's image; "" where there is none to read."""
        image = None if self.container is None else mapping(self.container.value).get("image")
        try:
            return parse(image).repository if isinstance(image, str) and self.role.component in LEADERS else ""
        except ImageError:
            return ""


@dataclass(frozen=True, slots=True)
class _Holder:
    """A ConfigMap or a Secret with its keys."""

    manifest: Manifest
    entries: Mapping[str, Entry]


class Chest:
    """All ConfigMaps, Secrets and Airflow workloads of the input, by namespace."""

    def __init__(self, manifests: list[Manifest], rows: tuple[Row, ...]) -> None:
        self._holders: dict[str, list[_Holder]] = {}
        self._components: dict[str, list[_Component]] = {}
        for manifest in manifests:
            if data.holds(manifest):
                holder = _Holder(manifest, {entry.key: entry for entry in data.entries(manifest)})
                self._holders.setdefault(manifest.namespace, []).append(holder)
            elif (component := _component(manifest, rows)) is not None:
                self._components.setdefault(manifest.namespace, []).append(component)

    @property
    def config_maps(self) -> dict[tuple[str, str], dict[str, str]]:
        """The data of every ConfigMap, by namespace and name."""
        return {
            (namespace, holder.manifest.name): {entry.key: entry.text for entry in holder.entries.values()}
            for namespace, holders in self._holders.items()
            for holder in holders
            if holder.manifest.kind == "ConfigMap"
        }

    def repositories(self, manifest: Manifest) -> frozenset[str]:
        """Return the repositories of the images that the Airflow of *manifest* runs, as far as the input says."""
        found = (one.repository for one in _near(self._components.get(manifest.namespace, []), manifest))
        return frozenset(repository for repository in found if repository)

    def workers(self, manifest: Manifest) -> Iterator[Worker | Remark]:
        """Yield the worker pods of the templates in *manifest*, a ConfigMap or a Secret, or why there is none."""
        candidates = [entry for entry in data.entries(manifest) if _may_be_template(entry)]
        found = settings(self._values(manifest)) if candidates else Settings()
        named = (found.template.value if found.template is not None else None) or ""
        for entry in candidates:
            if not (_TEMPLATE_KEY.fullmatch(entry.key) or named.rpartition("/")[2] == entry.key):
                continue
            if found.makes_pods:
                yield from _worker(entry, found)
            else:
                text = f"{entry.key} is not judged: the executor of this Airflow makes no pods"
                yield Remark(entry.place(), text, usable=True)

    def _values(self, manifest: Manifest) -> Iterator[Values]:
        """Yield what sets the settings of the Airflow that *manifest* belongs to, the strongest first."""
        namespace = manifest.namespace
        components = _near(self._components.get(namespace, []), manifest)
        holders = _near(self._holders.get(namespace, []), manifest)
        known = {(holder.manifest.kind, holder.manifest.name): holder.entries for holder in holders}
        # The executor runs in the scheduler.
        for component in sorted(components, key=lambda one: one.role.component is not Component.SCHEDULER):
            if component.container is not None:
                yield environment(component.manifest.file, component.container, known)
        for holder in () if components else holders:  # whoever gets the variables is not in the input
            yield variables(holder.entries.values())
        for holder in sorted(holders, key=lambda one: one.manifest is not manifest):
            if (entry := holder.entries.get(_CONFIG)) is not None:
                yield options(entry)


def _may_be_template(entry: Entry) -> bool:
    short = len(entry.key) <= _LONGEST_KEY
    return short and entry.key.lower().endswith((".yaml", ".yml")) and bool(entry.text.strip())


def _worker(entry: Entry, found: Settings) -> Iterator[Worker | Remark]:
    for document in documents(entry.text.encode(errors="replace")):
        if isinstance(document, Unusable):
            yield Remark(entry.place(document.line), f"{entry.key} {document.text}")
        elif isinstance(document, Document) and isinstance(document.root.value, dict):
            yield compose(entry, document.root, found)


def _component(manifest: Manifest, rows: tuple[Row, ...]) -> _Component | None:
    path = TEMPLATES.get((manifest.group, manifest.kind))
    node: Node | None = manifest.node if path is not None else None
    for field in path or ():
        node = node.children.get(field) if node is not None else None
    if node is None:
        return None
    labels = mapping(mapping(mapping(node.value).get("metadata")).get("labels"))
    spec = node.children.get("spec")
    containers = spec.children.get("containers") if spec is not None else None
    nodes = list(containers.children.values()) if containers is not None else []
    given = PodSpec([Container(str(mapping(one.value).get("name"))) for one in nodes])
    role = claim({key: value for key, value in labels.items() if isinstance(value, str)}, given, rows).role
    if role is None or role.component in (Component.SUPPORT, Component.TASK):
        return None
    own = [one for one in nodes if mapping(one.value).get("name") == role.main]
    return _Component(manifest, role, next(iter(own or nodes), None))


_Found = TypeVar("_Found", _Component, _Holder)


def _near(found: list[_Found], manifest: Manifest) -> list[_Found]:
    """Return those of *found* that may be of one release with *manifest*: its file's, else all.

    Two releases in a namespace differ only by the label `release`; two files may well be two installations.
    """
    mine = manifest.labels.get("release")
    related = [one for one in found if mine is None or one.manifest.labels.get("release") in (None, mine)]
    return [one for one in related if one.manifest.origin == manifest.origin] or related
