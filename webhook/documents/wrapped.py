"""Documents inside of other files: in ConfigMaps as kubectl prints them, and in the values of airlock's chart."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import yaml

from webhook.grammar.model import API_VERSION, Problem, place
from webhook.grammar.yamlnode import Node, Path, compose
from webhook.grammar.yamltext import BREAK, TextError, decode, dump

KEYS = {"policy.yaml": "Policy", "required-env.yaml": "RequiredEnv", "release.yaml": "Release"}
_PARTS = {"policy": "Policy", "requiredEnv": "RequiredEnv"}  # of the chart's values


class Wrapped(msgspec.Struct, frozen=True):
    """A document, and where it stands in its file."""

    text: str | bytes  # as far down as in the file, so that lines are those of the file
    kind: str = ""  # that its place gives it; "" where the document says it
    path: str = ""  # of the document in the file; "" where it is the file
    line: int = 0  # where it begins, for one that is not written line by line; 0 for any other
    misread: tuple[Problem, ...] = ()  # what Helm, which reads YAML 1.1, takes for something else


def unwrapped(data: bytes) -> tuple[Wrapped, ...]:
    r"""Return the documents in the file *data*: itself, or those of a ConfigMap, a List of them, or the chart's values.

    Nothing is returned for ConfigMaps without a document.

    >>> [(one.kind, one.path) for one in unwrapped(b"policy:\n  document:\n    mode: warn\n")]
    [('Policy', 'policy.document')]
    """
    root, _ = compose(data)
    try:
        lines = BREAK.split(decode(data))
    except TextError:
        return (Wrapped(data),)
    kind = root.value.get("kind") if root is not None else None
    if root is None or not isinstance(root.value, Mapping):
        return (Wrapped(data),)
    if kind == "ConfigMap":
        return tuple(_in_config_map(root, (), lines))
    if isinstance(kind, str) and kind in {"List", "ConfigMapList"}:
        items = root.children["items"].children.items() if "items" in root.children else ()
        return tuple(one for nth, item in items for one in _in_config_map(item, ("items", nth), lines))
    found = tuple(_in_values(root, (), lines)) if kind is None else ()
    return found or (Wrapped(data),)


def _in_config_map(node: Node, at: Path, lines: list[str]) -> Iterator[Wrapped]:
    data = node.children.get("data")
    for key, kind in KEYS.items():
        if data is None or not isinstance(data.value, Mapping) or not isinstance(data.value.get(key), str):
            continue
        line, text, path = data.keys[key], data.value[key], place((*at, "data", key))
        block = _below(lines, line)
        written = "\n".join(block).rstrip("\n") == text.rstrip("\n")
        yield Wrapped("\n" * line + text, kind, path) if written else Wrapped(text, kind, path, line)


def _in_values(node: Node, at: Path, lines: list[str]) -> Iterator[Wrapped]:
    """Yield the documents in values for airlock's chart, or for a chart that it is part of."""
    for name, child in node.children.items():
        if name not in _PARTS:
            if not at and isinstance(child.value, Mapping):
                yield from _in_values(child, (name,), lines)
            continue
        document = child.children.get("document")
        if document is not None and isinstance(document.value, Mapping):
            path = place((*at, str(name), "document"))
            yield _of_values(document, child.keys["document"], _PARTS[str(name)], path, lines)


def _of_values(document: Node, line: int, kind: str, path: str, lines: list[str]) -> Wrapped:
    """Return *document* with what the chart's own values give it."""
    given = {"apiVersion": API_VERSION, "kind": kind}
    missing = [f"{name}: {value}" for name, value in given.items() if name not in document.value]
    above = [*missing, *[""] * (line - len(missing))]  # two lines at least lead to a document
    text = "\n".join([*above, *_below(lines, line), ""])
    root, _ = compose(text)
    whole: dict[str, Any] = {**given, **document.value}
    if root is not None and root.value == whole:
        return Wrapped(text, kind, path, misread=tuple(_misread(root, yaml.safe_load(text), ())))
    return Wrapped(dump(whole), kind, path, line)


def _misread(node: Node, other: Any, at: Path) -> Iterator[Problem]:  # noqa: ANN401 - what YAML 1.1 makes of the node
    """Yield each word below *node* that YAML 1.1 takes for a boolean."""
    if isinstance(node.value, str) and isinstance(other, bool):
        text = f"Helm reads {node.value} as {str(other).lower()}; put it in quotes"
        yield Problem(node.line, place(at), text)
    for step, child in node.children.items():
        items = dict(enumerate(other)) if isinstance(other, list) else other
        if isinstance(items, dict) and step in items:
            yield from _misread(child, items[step], (*at, step))


def _below(lines: list[str], line: int) -> list[str]:
    """Return the block below the *line*, without its indentation."""
    block: list[str] = []
    indent = next((_indent(one) for one in lines[line:] if _told(one)), 0)
    for one in lines[line:]:
        if _told(one) and _indent(one) < indent:
            break
        block.append(one[indent:] if _indent(one) >= indent else "")
    return block


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _told(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")
