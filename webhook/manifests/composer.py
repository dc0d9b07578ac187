"""One YAML text -> trees of nodes that know their lines, read as kubectl and helm read it.

More lenient than `webhook.grammar`, which reads only airlock's own documents. It limits the number and the depth of
values, and counts an alias each time.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import yaml

from webhook.grammar.yamlnode import Node, syntax
from webhook.grammar.yamltext import BREAK, core

NODES = 500_000  # values of a file; a rendered chart of 1 MiB has some 60,000
DEPTH = 100

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOTHING: Mapping[Any, Any] = MappingProxyType({})

# go-yaml v2, which kubectl and helm read with, has the booleans of YAML 1.1 (resolve.go). Its y and n are left out:
# PyYAML, with which Airflow prints pods, writes them for text.
_BOOLEANS = {"yes": True, "on": True, "no": False, "off": False}
_BOOLEANS |= {form(word): value for word, value in _BOOLEANS.items() for form in (str.capitalize, str.upper)}
_NOT_TEXT = frozenset("~nNtTfFyYoO0123456789+-.")  # a plain scalar that begins otherwise is text


class Text(Node, frozen=True):
    """A literal block scalar, whose lines are lines of the file."""

    first: int = 0  # the line of its first line


class StopError(ValueError):
    """A document that cannot be read, and the line where that shows."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


class BoundError(StopError):
    """The file as a whole is too much; nothing more of it is to be read."""


class Composer:
    """Events to nodes; *before* is how many lines of the file precede *text*, *budget* how many values may come."""

    def __init__(self, text: str, before: int, budget: list[int]) -> None:
        self._before = before + 1
        self._budget = budget
        self._anchors: dict[str, Node | None] = {}  # None: not closed yet
        self._events = self._parse(text)
        next(self._events)  # the stream begins

    def document(self) -> Node | None:
        """Return the root of the next document, None when there is no more."""
        if isinstance(next(self._events), yaml.StreamEndEvent):
            return None
        root = self._node(next(self._events), 0)
        next(self._events)  # the document ends
        return root

    def _parse(self, text: str) -> Iterator[Any]:
        try:
            yield from yaml.parse(text, Loader=_LOADER)
        except yaml.reader.ReaderError as error:
            line = text[: error.position].count("\n") if isinstance(error.position, int) else 0
            raise StopError(self._before + line, "holds a control character; remove it") from None
        except yaml.YAMLError as error:
            fault = syntax(self._moved(error), [""] * (self._before - 1) + BREAK.split(text.removesuffix("\n")))
            raise StopError(fault.line or self._before, fault.text) from None
        except UnicodeEncodeError:
            raise StopError(self._before, "holds half of a character; remove it") from None

    def _moved(self, error: yaml.YAMLError) -> yaml.YAMLError:
        """Return *error* with lines of the file, not of the text."""
        if not isinstance(error, yaml.MarkedYAMLError):
            return error
        marks = (
            mark and yaml.Mark("", 0, mark.line + self._before - 1, mark.column, None, 0)
            for mark in (error.context_mark, error.problem_mark)
        )
        return yaml.MarkedYAMLError(error.context, next(marks), error.problem, next(marks))

    def _line(self, event: Any) -> int:  # noqa: ANN401 - PyYAML's events have no common fields
        return self._before + int(event.start_mark.line)

    def _node(self, event: Any, depth: int) -> Node:  # noqa: ANN401
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, depth)
        self._take(event, 1, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(self._line(event), depth)
        else:
            node = self._mapping(self._line(event), depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _take(self, event: Any, size: int, depth: int) -> None:  # noqa: ANN401
        self._budget[0] -= size
        if self._budget[0] < 0:
            raise BoundError(self._line(event), f"has more than {NODES} values, counting what aliases repeat; split it")
        if depth > DEPTH:
            raise StopError(self._line(event), f"is nested more than {DEPTH} deep")

    def _aliased(self, event: Any, depth: int) -> Node:  # noqa: ANN401
        node = self._anchors.get(event.anchor)
        if node is None:
            raise StopError(self._line(event), "has an alias to no anchor before it; quote text that begins with *")
        self._take(event, node.size, depth + node.height)
        return node

    def _scalar(self, event: Any) -> Node:  # noqa: ANN401
        line = self._line(event)
        if event.style == "|":
            return Text(line, event.value, _NOTHING, _NOTHING, first=line + 1)
        plain = (not event.style and event.tag is None) or (event.tag or "").endswith((":int", ":bool", ":float"))
        return Node(line, resolved(event.value) if plain else event.value, _NOTHING, _NOTHING)

    def _sequence(self, line: int, depth: int) -> Node:
        items: dict[str | int, Node] = {}
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items[len(items)] = self._node(event, depth + 1)
        return _collection(line, [item.value for item in items.values()], items, _NOTHING)

    def _mapping(self, line: int, depth: int) -> Node:
        children: dict[str | int, Node] = {}
        keys: dict[str, int] = {}
        merged: list[Node] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            node = self._node(next(self._events), depth + 1)
            if key == "<<" and not getattr(event, "style", None):
                merged.append(node)
            else:
                children[key], keys[key] = node, self._line(event)  # the last one wins, as in kubectl
        for mapping in merged:
            for source in mapping.children.values() if isinstance(mapping.value, list) else (mapping,):
                children = {**source.children, **children}
                keys = {**source.keys, **keys}
        return _collection(line, {key: child.value for key, child in children.items()}, children, keys)

    def _key(self, event: Any) -> str:  # noqa: ANN401
        if isinstance(event, yaml.AliasEvent):
            node = self._anchors.get(str(event.anchor))
            if node is not None and isinstance(node.value, str):
                return node.value
        if not isinstance(event, yaml.ScalarEvent):
            raise StopError(self._line(event), "has a key that is a list, a mapping or an alias; write it as text")
        self._budget[0] -= 1
        return str(event.value)


def resolved(text: str) -> Any:  # noqa: ANN401 - JSON
    """Return what the plain scalar *text* means to kubectl and helm.

    >>> resolved("yes"), resolved("3.2"), resolved("3.2.2"), resolved("")
    (True, 3.2, '3.2.2', None)
    """
    if text and text[0] not in _NOT_TEXT:
        return text
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    value = core(text)
    # A number that does not fit into 64 bits is not an integer in JSON as Kubernetes reads it.
    return float(value) if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64 else value


def _collection(line: int, value: Any, children: Mapping[str | int, Node], keys: Mapping[str, int]) -> Node:  # noqa: ANN401
    size, height = 1 + len(keys), 0
    for child in children.values():
        size += child.size
        height = max(height, child.height)
    return Node(line, value, children, keys, size, height + 1)
