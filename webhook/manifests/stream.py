"""YAML and JSON as tools write them: many documents, each a tree of nodes that know their lines."""

import re
from collections.abc import Iterator
from itertools import chain
from json import JSONDecoder

import msgspec

from webhook.grammar.yamlnode import Node
from webhook.manifests.composer import NODES, BoundError, Composer, StopError, Text

SIZE = 16 << 20  # bytes of a file; a rendered chart has one or two MiB
DOCUMENTS = 20_000  # of a file; a rendered chart has a hundred

# A line that begins so always ends a document, whatever stands around it (YAML 1.2.2, 9.1.2).
_SEPARATOR = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)
# Two objects of JSON, one behind the other, as jq -c and kubectl write them; in a list a comma stands between them.
_JOINT = re.compile(r"\}\s*+\{")
_JSON = re.compile(r"\s*+\{")
_TEMPLATE = re.compile(r"^# Source: (.+)$", re.MULTILINE)
# Possessive: nothing is remembered for going back, which for a million lines of comments took gigabytes.
_BLANK = re.compile(r"(?:[ \t]*+(?:[#%][^\r\n]*+|\.\.\.)?+(?:\r\n?|\n|\Z))*+\Z")
_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")

# Helm's own words, and those of its language that tell why YAML can make nothing of a text.
_HELM = re.compile(r"\{\{-?[^{}]{0,200}(?:[.$](?:Values|Release|Chart|Capabilities)\b|\b(?:include|tpl)\s)")
_ACTION = re.compile(r"\{\{-?\s*(?:/\*|(?:if|else|end|with|range|define|template|block|include|tpl|toYaml)\b|[.$]\w)")

# A template of Jinja or the like, outside of quotes and comments: `image: {{ airflow_image }}`, `{% if prod %}`.
_BRACES = re.compile(r"^[^#'\"\r\n]{0,400}?(?<!\{)(\{\{(?!\{)|\{%)", re.MULTILINE)
# What helm install, upgrade, status and get all print around the manifests.
_AROUND = re.compile(r"^(NOTES|HOOKS|MANIFEST|LAST DEPLOYED|COMPUTED VALUES|USER-SUPPLIED VALUES):", re.MULTILINE)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_UTF_32 = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")


class Document(msgspec.Struct, frozen=True):
    """One document of a file."""

    root: Node
    template: str = ""  # the chart's file it was rendered from, by helm's comment


class Unusable(msgspec.Struct, frozen=True):
    """What cannot be read, and why."""

    line: int  # 0: the file as a whole
    text: str


class Unrendered(msgspec.Struct, frozen=True):
    """A Helm template before rendering, or values with Helm's words for the chart to fill."""

    line: int
    root: Node | None = None  # None for what is no YAML before it is rendered


def documents(data: bytes) -> Iterator[Document | Unusable | Unrendered]:
    r"""Yield each document in *data*; one that cannot be read does not keep the others from being read.

    >>> [one.root.value for one in documents(b"a: 1\n---\nb: [yes, '2']\n")]
    [{'a': 1}, {'b': [True, '2']}]
    """
    if len(data) > SIZE:
        yield Unusable(0, f"has more than {SIZE >> 20} MiB; split it")
        return
    if data[:4] in _UTF_32 or (b"\0" in data[:4] and data[:2] not in _UTF_16):  # a text begins with ASCII (YAML, 5.2)
        yield Unusable(0, "is UTF-16 without a byte order mark, UTF-32 or no text; save it as UTF-8")
        return
    try:
        text = data.decode("utf-16" if data[:2] in _UTF_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        yield Unusable(data[: error.start].count(b"\n") + 1, "is not UTF-8; save it as UTF-8")
        return
    if text.lstrip()[:1] in ("{", "["):  # of JSON, YAML has all but characters written as two escapes
        text = _PAIR.sub(_joined, text)
    budget = [NODES]
    for number, (line, chunk) in enumerate(_chunks(text)):
        if number == DOCUMENTS:
            yield Unusable(line + 1, f"has more than {DOCUMENTS} documents; split it")
            return
        try:
            yield from _read(chunk, line, budget)
        except BoundError as stop:
            yield Unusable(stop.line, str(stop))
            return
        except StopError as stop:
            yield _refused(chunk, line, stop)


def _refused(chunk: str, before: int, stop: StopError) -> Unusable | Unrendered:
    """Return why *chunk* cannot be read; one line for a template, which is broken in many places."""
    if _ACTION.search(chunk):
        return Unrendered(before)
    around = _AROUND.search(chunk)
    if around is not None:
        line = before + chunk.count("\n", 0, around.start()) + 1
        text = f"holds what helm prints around manifests ({around[1]})"
        return Unusable(line, f"{text}; check the output of helm template or helm get manifest")
    braces = _BRACES.search(chunk)
    if braces is None:
        return Unusable(stop.line, str(stop))
    line = before + chunk.count("\n", 0, braces.start(1)) + 1
    return Unusable(line, f"looks like a template that was not rendered ({braces[1]}); render it, and check the result")


def _joined(match: re.Match[str]) -> str:
    high, low = int(match[2], 16), int(match[3], 16)
    return match[1] + chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Yield the documents in *text*, each with the lines of the text before it, as kubectl splits them."""
    start, line = 0, 0
    for separator in chain(_SEPARATOR.finditer(text), (None,)):
        end = len(text) if separator is None else separator.start()
        chunk = text[start:end]
        if not _BLANK.match(chunk.removeprefix("---")):
            yield from _values(line, chunk) if _JOINT.search(chunk) else ((line, chunk),)
        line += chunk.count("\n")
        start = end


def _values(line: int, chunk: str) -> Iterator[tuple[int, str]]:
    r"""Yield the objects of JSON in *chunk*, each with the lines before it; what is no JSON is one text, as it is.

    >>> list(_values(0, '{"a": 1}\n{"b": 2} '))
    [(0, '{"a": 1}'), (0, '\n{"b": 2}')]
    """
    scan, start = JSONDecoder().raw_decode, len("---") if chunk.startswith("---") else 0
    while rest := _JSON.match(chunk, start):
        try:
            end = scan(chunk, rest.end() - 1)[1]
        except (ValueError, RecursionError):
            break  # YAML's reader says what is wrong
        yield line, chunk[start:end]
        line += chunk.count("\n", start, end)
        start = end
    if not _BLANK.match(chunk[start:]):
        yield line, chunk[start:]


def _read(chunk: str, before: int, budget: list[int]) -> Iterator[Document | Unrendered]:
    named = _TEMPLATE.search(chunk)
    composer = Composer(chunk, before, budget)
    while (root := composer.document()) is not None:
        if _HELM.search(chunk) and not isinstance(root.value, str) and _is_template(root):
            yield Unrendered(root.line, root)
        elif root.value is not None:
            yield Document(root, named[1].strip() if named else "")


def _is_template(root: Node) -> bool:
    """Return whether Helm's own words stand in *root* where no rendered manifest has them: outside of longer texts."""
    pending = [root]
    while pending:
        node = pending.pop()
        if isinstance(node.value, str) and not isinstance(node, Text) and _HELM.search(node.value):
            return True
        pending.extend(node.children.values())
    return False
