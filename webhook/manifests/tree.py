"""Objects of a cluster as manifests: their JSON has no lines, so the object itself is the place."""

from typing import Any

from webhook.grammar.yamlnode import DEPTH, Node
from webhook.manifests.objects import Manifest, mapping


def manifest_of(body: dict[str, Any], api_version: str, kind: str, source: str) -> Manifest | None:
    """Return the object *body* as a manifest whose file is `namespace/Kind/name`; None when it is nested too deep.

    *source* says what the objects came with that may complete each other.

    >>> manifest_of({"metadata": {"name": "a", "namespace": "b"}}, "v1", "ConfigMap", "a dump").file
    'b/ConfigMap/a'
    """
    metadata = mapping(body.get("metadata"))
    namespace, name = str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
    node = _node(body, DEPTH)
    if node is None:
        return None
    return Manifest(f"{namespace}/{kind}/{name}", node, api_version, kind, namespace, name, source=source)


def _node(value: Any, depth: int) -> Node | None:  # noqa: ANN401 - JSON
    if not depth:
        return None
    entries: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        entries = list(value.items())
    elif isinstance(value, list):
        entries = list(enumerate(value))
    children: dict[str | int, Node] = {}
    for key, entry in entries:
        child = _node(entry, depth - 1)
        if child is None:
            return None
        children[key] = child
    return Node(0, value, children)
