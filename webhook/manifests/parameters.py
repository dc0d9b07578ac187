"""OpenShift Templates: their objects, with the default values of their parameters."""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from webhook.grammar.yamlnode import Node
from webhook.manifests.composer import resolved

_TEXT = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
_WHOLE = re.compile(r"\$\{\{([A-Za-z0-9_]+)\}\}")


def filled(template: Node) -> Node | None:
    """Return the list of objects of *template*, filled as `oc process` does; None when it has none.

    What a parameter without a value would give stays as it is: `${NAME}`.
    """
    objects = template.children.get("objects")
    if objects is None or not isinstance(objects.value, list):
        return None
    return _filled(objects, _values(template.value.get("parameters")))


def _values(parameters: Any) -> dict[str, str]:  # noqa: ANN401 - JSON
    found: dict[str, str] = {}
    for one in parameters if isinstance(parameters, list) else ():
        if isinstance(one, dict) and one.get("value") not in (None, ""):
            found[str(one.get("name"))] = str(one["value"])
    return found


def _filled(node: Node, values: Mapping[str, str]) -> Node:
    if isinstance(node.value, str):
        if "${" not in node.value:
            return node
        whole = _WHOLE.fullmatch(node.value)
        if whole is not None and whole[1] in values:
            return replace(node, value=resolved(values[whole[1]]))
        return replace(node, value=_TEXT.sub(lambda match: values.get(match[1], match[0]), node.value))
    if not node.children:
        return node
    children = {key: _filled(child, values) for key, child in node.children.items()}
    found: Any = [child.value for child in children.values()]
    if isinstance(node.value, dict):
        found = {key: child.value for key, child in children.items()}
    return replace(node, value=found, children=children)
