"""YAML as nodes that know their lines, with bounds on depth and number, and every fault at once.

Messages repeat no text of the document except keys, because any of it may be a secret that lost its quotes. It reads
the text as events: libyaml's composer recurses without a limit and accepts duplicate keys.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import yaml

from webhook.grammar.yamltext import BREAK, TextError, core, decode, kind_of
from webhook.pods.text import printable

NODES = 10_000  # what aliases repeat is counted each time
DEPTH = 64

Path = tuple[str | int, ...]

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SHOWN = 60

_TAGS = frozenset({"python", "str", "int", "float", "bool", "null", "seq", "map", "binary", "timestamp", "set"})

# Part of what libyaml and PyYAML say, and the way out.
_WAYS_OUT = (
    ("\t", "indent with spaces, not with tabs"),
    ("cannot start any token", "quote text that begins with @ % or `"),
    ("mapping values are not allowed", "check the indentation, and quote text that holds ': '"),
    ("expected ':'", "write each key with a colon and a blank after it"),
    ("end of stream", "close the quote or bracket that is open"),
    ("tag", "remove it, or quote text that begins with !"),
    ("nesting depth", "flatten it"),  # of libyaml from 0.2.6 on, where much is nested in one line
    ("alias", "quote text that begins with *"),
    ("anchor", "quote text that begins with &"),
    ("escape", "double the backslash, or use single quotes"),
    ("", "check indentation, quotes and brackets here and above"),
)


class Fault(msgspec.Struct, frozen=True):
    """Something that cannot be read, or that can be read in two ways."""

    line: int  # 0: the document as a whole
    path: Path
    text: str


class Node(msgspec.Struct, frozen=True):
    """A value and where it was written; an alias is the node of its anchor."""

    line: int
    value: Any
    children: Mapping[str | int, "Node"] = msgspec.field(default_factory=dict)
    keys: Mapping[str, int] = msgspec.field(default_factory=dict)  # the lines of a mapping's keys

    size: int = 1  # nodes, itself and expanded aliases included
    height: int = 0


class _Stop(Exception):  # noqa: N818 - not an error of the program: reading ends here, and what was found is told
    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


def compose(text: str | bytes, loader: Any = _LOADER) -> tuple[Node | None, list[Fault]]:  # noqa: ANN401
    """Return the mapping that *text* is, and everything wrong with it as YAML; None when it is not a mapping.

    >>> compose("mode: off")[0].value
    {'mode': 'off'}
    """
    try:
        decoded = decode(text)
    except TextError as error:
        return None, [Fault(error.line, (), str(error))]
    composer = _Composer(decoded, loader)
    try:
        return composer.document(), composer.faults
    except _Stop as stop:
        return None, [*composer.faults, stop.fault]


class _Composer:
    """Events to nodes; *faults* are those after which reading goes on."""

    def __init__(self, text: str, loader: Any) -> None:  # noqa: ANN401 - one of PyYAML's two
        self.faults: list[Fault] = []
        self._anchors: dict[str, Node | None] = {}  # None: not closed yet
        self._left = NODES
        self._lines = BREAK.split(BREAK.sub("\n", text).removesuffix("\n"))
        self._events = self._read(text, loader)

    def document(self) -> Node:
        """Return the root of the only document; stop when that is not a mapping."""
        next(self._events)  # the stream begins
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise _Stop(Fault(0, (), "the document is empty; write apiVersion, kind and its fields"))
        event = next(self._events)
        if _is_plain(event) and core(event.value) is None:
            raise _Stop(Fault(0, (), "the document is empty; write apiVersion, kind and its fields"))
        root = self._node(event, ())
        next(self._events)  # the document ends
        more = next(self._events)
        if isinstance(more, yaml.DocumentStartEvent):
            self._refuse(self._line(more), (), "a second document begins; keep one of them here")
        if not isinstance(root.value, dict):
            raise _Stop(Fault(root.line, (), f"the document is {kind_of(root.value)}, not a mapping of fields"))
        if not root.value and not self.faults:
            raise _Stop(Fault(0, (), "the document is empty; write apiVersion, kind and its fields"))
        return root

    def _read(self, text: str, loader: Any) -> Iterator[Any]:  # noqa: ANN401
        try:
            yield from yaml.parse(text, Loader=loader)
        except yaml.YAMLError as error:
            raise _Stop(syntax(error, self._lines)) from None

    def _line(self, event: Any) -> int:  # noqa: ANN401 - PyYAML's events have no common fields
        return min(int(event.start_mark.line) + 1, len(self._lines))  # what is missing at the end stands behind it

    def _refuse(self, line: int, path: Path, text: str) -> None:
        self.faults.append(Fault(line, path, text))

    def _node(self, event: Any, path: Path) -> Node:  # noqa: ANN401
        if isinstance(event, yaml.AliasEvent):
            return self._aliased(event, path)
        self._take(event, path, 1, 0)
        self._refuse_tag(event, path)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            node = Node(self._line(event), self._scalar(event, path))
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(self._line(event), path)
        else:
            node = self._mapping(self._line(event), path)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _take(self, event: Any, path: Path, size: int, height: int) -> None:  # noqa: ANN401
        self._left -= size
        if self._left < 0:
            text = f"the document has more than {NODES} values, counting what aliases repeat; shorten it"
            raise _Stop(Fault(self._line(event), (), text))
        if len(path) + height > DEPTH:
            text = f"the document is nested more than {DEPTH} deep, which no field needs; flatten it"
            raise _Stop(Fault(self._line(event), (), text))

    def _aliased(self, event: Any, path: Path) -> Node:  # noqa: ANN401
        node = self._anchors.get(event.anchor)
        if node is None:
            wrong = "stands within its own anchor" if event.anchor in self._anchors else "refers to no anchor before it"
            text = f"an alias {wrong}; write the value out, or quote text that begins with *"
            self._refuse(self._line(event), path, text)
            return Node(self._line(event), None)
        self._take(event, path, node.size, node.height)
        return node

    def _refuse_tag(self, event: Any, path: Path) -> None:  # noqa: ANN401
        if event.tag is None:
            return
        name = event.tag.removeprefix("tag:yaml.org,2002:")
        tag = f"the tag !!{printable(name, _SHOWN)}" if name.split("/")[0] in _TAGS else "a tag"
        self._refuse(self._line(event), path, f"{tag} is not supported; remove it, or quote text that begins with !")

    def _scalar(self, event: yaml.ScalarEvent, path: Path) -> Any:  # noqa: ANN401
        value = core(event.value) if _is_plain(event) else event.value
        if value is None and event.tag is None:
            self._refuse(self._line(event), path, "is empty; give it a value, or remove it")
        if "\0" in event.value or _has_surrogates(event.value):
            self._refuse(self._line(event), path, "holds NUL or half of a character; remove it")
        return value

    def _sequence(self, line: int, path: Path) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return _collection(line, [item.value for item in items], dict(enumerate(items)), {})

    def _mapping(self, line: int, path: Path) -> Node:
        children: dict[str | int, Node] = {}
        keys: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, path)
            node = self._node(next(self._events), (*path, "?" if key is None else key))
            if key is None:
                continue
            if key in keys:
                lines = f"in lines {keys[key]} and {self._line(event)}"
                self._refuse(self._line(event), (*path, key), f"is given twice, {lines}; remove one")
                continue
            children[key], keys[key] = node, self._line(event)
        return _collection(line, {key: child.value for key, child in children.items()}, children, keys)

    def _key(self, event: Any, path: Path) -> str | None:  # noqa: ANN401
        if not isinstance(event, yaml.ScalarEvent):
            self._skip(event)
            self._refuse(self._line(event), path, "a key is a list, a mapping or an alias; write it as text")
            return None
        self._take(event, path, 1, 0)
        self._refuse_tag(event, path)
        value = core(event.value) if _is_plain(event) else event.value
        if value == "<<" and _is_plain(event):
            self._refuse(self._line(event), path, "the merge key << is not supported; write the fields out")
            return None
        if isinstance(value, str):
            return value
        self._refuse(self._line(event), path, f"a key is {kind_of(value)}, not text; quote it")
        return None

    def _skip(self, event: Any) -> None:  # noqa: ANN401
        depth = int(isinstance(event, yaml.CollectionStartEvent))
        while depth:
            event = next(self._events)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)


def syntax(error: yaml.YAMLError, lines: list[str]) -> Fault:
    """Return what *error* says of the text of these *lines*, and the way out."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Fault(0, (), f"is not YAML: {printable(str(error), 3 * _SHOWN)}")
    problem, mark, start = error.problem or "", error.problem_mark, error.context_mark
    line = 0 if mark is None else min(mark.line + 1, len(lines))
    context = f" ({error.context} of line {start.line + 1})" if start is not None and error.context else ""
    seen = problem if mark is None else problem + lines[line - 1][mark.column : mark.column + 1]
    way_out = next(way for part, way in _WAYS_OUT if part in seen)
    return Fault(line, (), f"is not YAML: {printable(problem + context, 3 * _SHOWN)}; {way_out}")


def _collection(line: int, value: Any, children: dict[str | int, Node], keys: dict[str, int]) -> Node:  # noqa: ANN401
    size = 1 + len(keys) + sum(child.size for child in children.values())
    height = 1 + max((child.height for child in children.values()), default=0)
    return Node(line, value, children, keys, size, height)


def _is_plain(event: Any) -> bool:  # noqa: ANN401
    return isinstance(event, yaml.ScalarEvent) and not event.style and event.tag is None


def _has_surrogates(text: str) -> bool:
    return text.encode(errors="replace") != text.encode(errors="surrogatepass")
