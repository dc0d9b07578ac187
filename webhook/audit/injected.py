"""Containers that run but are in no template of their owner: another webhook added them, and sets their images."""

from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from webhook.audit.group import Found, Group
from webhook.audit.survey import Survey
from webhook.judge.verdict import Cause
from webhook.manifests import shape
from webhook.manifests.objects import Manifest, mapping
from webhook.rules import advice

_LISTS = ("containers", "initContainers")


def with_injected(survey: Survey, manifests: Iterable[Manifest]) -> Survey:
    """Return *survey* with the fix of what is about containers that no template in *manifests* has."""
    known = {(one.namespace, one.kind, one.name): _names(one) for one in manifests}
    groups = tuple(_told(group, known.get((group.namespace, group.kind, group.name))) for group in survey.groups)
    return replace(survey, groups=groups)


def _told(group: Group, names: frozenset[str] | None) -> Group:
    if not names or not group.pods:
        return group
    return replace(group, found=tuple(_advised(found, names) for found in group.found))


def _advised(found: Found, names: frozenset[str]) -> Found:
    cause = found.violation.cause
    if not cause.image or not _is_injected(cause, names):
        return found
    changed = replace(cause, fix=advice.INJECTED_FIX, keys=None)
    return replace(found, violation=replace(found.violation, cause=changed))


def _is_injected(cause: Cause, names: frozenset[str]) -> bool:
    """Return whether all places of *cause* are containers of the pod spec that are not among *names*."""
    lists = tuple(f"spec.{name}[" for name in _LISTS)  # ephemeral containers and volumes come from no template
    return all(place.path.startswith(lists) and place.container not in names for place in cause.places)


def _names(manifest: Manifest) -> frozenset[str]:
    """Return the names of all containers in the pod templates of *manifest*."""
    specs = (shape.at(manifest.node, (*path, "spec")) for path in shape.templates(manifest))
    found: list[Any] = [
        one for spec in specs if spec is not None for name in _LISTS for one in _list(mapping(spec.value).get(name))
    ]
    return frozenset(str(mapping(one).get("name")) for one in found)


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else []
