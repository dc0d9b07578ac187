"""Where an object has pod templates: by the table of kinds, else wherever something looks like a pod template."""

from collections.abc import Iterator
from typing import Any

import msgspec

from webhook.grammar.yamlnode import Node
from webhook.manifests.objects import Manifest, mapping
from webhook.pods.airflow import Row
from webhook.pods.salvage import Unreadable
from webhook.pods.workload import TEMPLATES, Workload, decode

_DEPTH = 10  # levels; a JobSet's pod templates stand seven deep
_STANDS_FOR = "Deployment"  # a kind that nobody knows is taken for a controller that keeps pods running

Path = tuple[str | int, ...]


def templates(manifest: Manifest) -> tuple[Path, ...]:
    """Return the paths of the pod templates in *manifest*; the empty path is the object itself, a Pod."""
    known = TEMPLATES.get((manifest.group, manifest.kind))
    return (known,) if known is not None else tuple(_found(manifest.node, (), _DEPTH))


def _found(node: Node, path: Path, depth: int) -> Iterator[Path]:
    """Yield where something called a template has a pod spec with containers."""
    if not depth or (path and isinstance(mapping(node.value).get("apiVersion"), str)):  # an object of its own
        return
    for key, child in node.children.items():
        if not isinstance(child.value, dict | list):
            continue
        here = (*path, key)
        if str(key).lower().endswith("template") and _has_containers(child):
            yield here
        else:
            yield from _found(child, here, depth - 1)


def _has_containers(node: Node) -> bool:
    containers = mapping(mapping(node.value).get("spec")).get("containers")
    return isinstance(containers, list) and bool(containers)


def at(node: Node, path: Path) -> Node | None:
    """Return what stands at *path* below *node*, None when nothing does.

    >>> at(Node(1, {}), ("spec",)) is None
    True
    """
    found: Node | None = node
    for step in path:
        found = found.children.get(step) if found is not None else None
    return found


def dotted(path: Path) -> str:
    """Return *path* as kubectl explain writes it.

    >>> dotted(("spec", "jobs", 0, "template"))
    'spec.jobs[0].template'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def workload(manifest: Manifest, path: Path, rows: tuple[Row, ...]) -> Workload | None:
    """Return the workload of *manifest* whose pod template stands at *path*; *rows* say which kinds they name."""
    body = manifest.node.value
    if (manifest.group, manifest.kind) in TEMPLATES:
        return decode(msgspec.json.encode(body), manifest.group, manifest.kind)
    template = at(manifest.node, path)
    whole = decode(msgspec.json.encode({"metadata": body.get("metadata")}), "", "Pod")
    pod = decode(msgspec.json.encode(_of(template)), "", "Pod")
    if whole is None or pod is None:
        return None
    prefix = dotted(path)
    named = any(role.kinds is not None and manifest.kind in role.kinds for row in rows for role in row.roles.values())
    return msgspec.structs.replace(
        pod,
        kind=manifest.kind if named else _STANDS_FOR,
        metadata=whole.metadata,
        prefix=f"{prefix}.spec",
        unreadable=tuple(Unreadable(f"{prefix}.{one.path}".rstrip("."), one.text) for one in pod.unreadable),
    )


def _of(template: Node | None) -> Any:  # noqa: ANN401 - JSON
    return {} if template is None else template.value
