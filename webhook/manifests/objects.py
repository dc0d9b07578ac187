"""Documents -> manifests: the objects in them, each with its file, out of Lists and AdmissionReviews."""

from collections.abc import Iterator
from typing import Any

import msgspec

from webhook.admission.envelope import API_VERSION
from webhook.grammar.yamlnode import Node
from webhook.manifests.parameters import filled
from webhook.manifests.place import Place
from webhook.manifests.stream import Document
from webhook.pods.workload import TEMPLATES

_REVIEWS = API_VERSION.rpartition("/")[0]  # in another version it is one that cannot be read
_DEPTH = 6  # levels of an object below which no other object is looked for
# Kinds that hold other objects as what happened to them, not to have them made.
_OPAQUE = frozenset({"AdmissionReview", "ControllerRevision", "CustomResourceDefinition", "ConfigMap", "Secret"})


class Manifest(msgspec.Struct, frozen=True):
    """One object, or the envelope it was sent in."""

    file: str
    node: Node
    api_version: str
    kind: str
    namespace: str  # its own, else the one that was asked for
    name: str  # with a `*` behind it when the server completes it
    template: str = ""  # the chart's file it was rendered from
    source: str = ""  # what it came with, when that is not a file: objects of a cluster belong together

    @property
    def group(self) -> str:
        """The API group: "" for the core's."""
        return self.api_version.rpartition("/")[0]

    @property
    def place(self) -> Place:
        """Where the object begins."""
        return Place(self.file, self.node.line)

    @property
    def origin(self) -> str:
        """What it has in common with the manifests that came with it."""
        return self.source or self.file

    @property
    def is_review(self) -> bool:
        """Whether this is an AdmissionReview, with an object inside."""
        return (self.group, self.kind) == (_REVIEWS, "AdmissionReview")

    @property
    def labels(self) -> dict[str, Any]:
        """The object's own labels."""
        return mapping(mapping(self.node.value.get("metadata")).get("labels"))


def mapping(value: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return *value* if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    """Return those entries of *value*, a mapping, that are text."""
    return {str(key): one for key, one in mapping(value).items() if isinstance(one, str)}


class _Origin(msgspec.Struct, frozen=True):
    """What the objects of one document have in common."""

    file: str
    template: str
    namespace: str


class Stray(msgspec.Struct, frozen=True):
    """A document that is not an object: it has no apiVersion and kind."""

    place: Place
    node: Node


def manifests(file: str, document: Document, namespace: str) -> Iterator[Manifest | Stray]:
    """Yield the objects in *document*, or what is none; *namespace* is for those that name none."""
    yield from _unwrapped(_Origin(file, document.template, namespace), document.root, "", "")


def _unwrapped(origin: _Origin, node: Node, version: str, kind: str) -> Iterator[Manifest | Stray]:
    """Yield what is in *node*; *version* and *kind* are those of the items of the list around it."""
    if isinstance(node.value, list):
        for child in node.children.values():
            yield from _unwrapped(origin, child, version, kind)
        return
    value = mapping(node.value)
    version, kind = value.get("apiVersion") or version, value.get("kind") or kind
    if not value or not (isinstance(version, str) and isinstance(kind, str) and version and kind):
        yield Stray(Place(origin.file, node.line), node)
        return
    if kind.endswith("List") and isinstance(value.get("items"), list):
        item = kind.removesuffix("List")  # the API server leaves the kind out of the items of a typed list
        yield from _unwrapped(origin, node.children["items"], version if item else "", item)
        return
    inner = filled(node) if kind == "Template" else None
    if inner is not None:
        yield from _unwrapped(origin, inner, "", "")
        return
    metadata = mapping(value.get("metadata"))
    name, generated = metadata.get("name"), metadata.get("generateName")
    if (version.rpartition("/")[0], kind) not in TEMPLATES and kind not in _OPAQUE:
        for child in node.children.values():
            yield from _nested(origin, child, _DEPTH)
    yield Manifest(
        origin.file,
        node,
        version,
        kind,
        str(metadata.get("namespace") or origin.namespace),
        str(name or (f"{generated}*" if generated else "")),
        origin.template,
    )


def _nested(origin: _Origin, node: Node, depth: int) -> Iterator[Manifest | Stray]:
    """Yield the objects that *node*, a part of an object, holds to have them created: a ManifestWork's, a SyncSet's."""
    if not depth or not node.children:
        return
    value = mapping(node.value)
    if isinstance(value.get("apiVersion"), str) and isinstance(value.get("kind"), str) and "metadata" in value:
        yield from _unwrapped(origin, node, "", "")
        return
    for child in node.children.values():
        yield from _nested(origin, child, depth - 1)
