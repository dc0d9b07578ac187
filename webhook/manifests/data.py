"""The contents of ConfigMaps and Secrets: each key's text, and where each of its lines is in the file."""

from base64 import b64decode
from binascii import Error
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from webhook.grammar.yamlnode import Node
from webhook.manifests.composer import Text
from webhook.manifests.objects import Manifest
from webhook.manifests.place import Place
from webhook.pods.references import Held
from webhook.variables.known import secret

_SEALED = "ENC["  # what SOPS makes of a value, until somebody decrypts it
_PLAIN = {"ConfigMap": ("data",), "Secret": ("stringData",)}
_ENCODED = {"ConfigMap": ("binaryData",), "Secret": ("data",)}


class Entry(msgspec.Struct, frozen=True):
    """A key of a ConfigMap or a Secret."""

    manifest: Manifest
    key: str
    text: str
    node: Node
    root: Node | None = None  # what the text was read as, when it is the object itself

    def place(self, line: int = 0) -> Place:
        """Return where *line* (from 1) of the text stands; where the lines are not those of the file, the key's."""
        if line and isinstance(self.node, Text):
            return Place(self.manifest.file, self.node.first + line - 1)
        return Place(self.manifest.file, self.node.line)


def holds(manifest: Manifest) -> bool:
    """Return whether *manifest* is a ConfigMap or a Secret."""
    return manifest.api_version == "v1" and manifest.kind in _PLAIN


def entries(manifest: Manifest) -> Iterator[Entry]:
    """Yield each key of *manifest*, a ConfigMap or a Secret, whose value is text."""
    yield from (entry for entry, readable in _read(manifest) if readable)


def sealed(manifest: Manifest) -> Iterator[Entry]:
    """Yield each key of *manifest*, a ConfigMap or a Secret, whose value nobody here can read."""
    yield from (entry for entry, readable in _read(manifest) if not readable)


def _read(manifest: Manifest) -> Iterator[tuple[Entry, bool]]:
    plain = [entry for field in _PLAIN[manifest.kind] for entry in _keys(manifest, field)]
    yield from ((entry, not entry.text.startswith(_SEALED)) for entry in plain)
    known = {entry.key for entry in plain}
    for field in _ENCODED[manifest.kind]:
        for entry in _keys(manifest, field):
            if entry.key in known:  # stringData wins (core/v1 Secret)
                continue
            decoded = _decoded(entry.text)
            if decoded is None:
                yield entry, False
            else:
                yield Entry(manifest, entry.key, decoded, Node(entry.node.line, decoded)), True


def known(manifests: Iterable[Manifest]) -> dict[tuple[str, str], Mapping[str, str]]:
    """Return the data of each ConfigMap among *manifests*, and the keys of each Secret, by place."""
    found: dict[tuple[str, str], Mapping[str, str]] = {}
    for manifest in filter(holds, manifests):
        if manifest.kind == "ConfigMap":
            found[manifest.namespace, manifest.name] = {entry.key: entry.text for entry in entries(manifest)}
        else:
            fields = (*_PLAIN["Secret"], *_ENCODED["Secret"])
            keys = (entry.key for field in fields for entry in _keys(manifest, field))
            found[secret(manifest.namespace, manifest.name)] = dict.fromkeys(keys, "")
    return found


def _keys(manifest: Manifest, field: str) -> Iterator[Entry]:
    node = manifest.node.children.get(field)
    for key, child in node.children.items() if node is not None else ():
        if isinstance(child.value, str):
            yield Entry(manifest, str(key), child.value, child)


def _decoded(text: str) -> str | None:
    try:
        return b64decode("".join(text.split()), validate=True).decode()
    except (Error, ValueError):
        return None


def holdings(manifests: Iterable[Manifest]) -> Held:
    """Return the names and keys of the ConfigMaps and Secrets among *manifests*; never all that a namespace has."""
    found: dict[tuple[str, str], dict[str, frozenset[str]]] = {}
    for manifest in manifests:
        if holds(manifest):
            fields = (*_PLAIN[manifest.kind], *_ENCODED[manifest.kind])
            nodes = [manifest.node.children[field] for field in fields if field in manifest.node.children]
            keys = frozenset(str(key) for node in nodes for key in node.children)
            found.setdefault((manifest.kind, manifest.namespace), {})[manifest.name] = keys
    return Held(found, partial=bool(found))
