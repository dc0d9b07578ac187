"""Reads a dump of a cluster as `kubectl get ... -o json` writes it: Lists and objects, one document after the other.

The bytes may be a memory-mapped file: it decodes only what it needs, and copies nothing.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from mmap import mmap

import msgspec

from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods import skim
from webhook.scan.pages import ListError
from webhook.scan.supply import (
    CONFIG_MAPS,
    CORE_EVENTS,
    EVENTS,
    NAMESPACES,
    NODES,
    PODS,
    REGISTRATIONS,
    SECRETS,
    WORKLOADS,
    Collection,
)

# A line that begins with a brace begins a document: inside of one, kubectl and jq indent, or write no lines at all.
_BETWEEN = re.compile(rb"\}\s*\n(?=\{)")
_BLANK = re.compile(rb"\s*")
_UTF8, _UTF16 = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")

_WANTED = {
    (one.group, one.kind)
    for one in (
        *(PODS, NODES, NAMESPACES, CONFIG_MAPS, SECRETS, EVENTS, CORE_EVENTS, REGISTRATIONS),
        *(kinds[0] for kinds in WORKLOADS),
    )
}
# Those without which less can be said; of the others a dump may well have none.
_TOLD = {(one.group, one.kind) for one in (PODS, NODES, NAMESPACES, REGISTRATIONS)}


class _Metadata(msgspec.Struct, frozen=True):
    name: str = ""
    namespace: str = ""


class _Head(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    metadata: _Metadata | None = None


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    items: list[msgspec.Raw] | None = None


_heads = msgspec.json.Decoder(_Head)
_envelopes = msgspec.json.Decoder(_Envelope)


class _Entry(msgspec.Struct, frozen=True):
    namespace: str
    name: str
    raw: msgspec.Raw


class Dump:
    """The objects in the documents taken; *remarks* say what could not be read."""

    name = "the dump"

    def __init__(self) -> None:
        self.remarks: list[Remark] = []
        self._entries: dict[tuple[str, str], list[_Entry]] = {}

    def take(self, file: str, data: bytes | mmap) -> None:
        """Take the documents in *data*, the bytes of *file*, which must stay as they are."""
        if data[:2] in _UTF16:  # as PowerShell writes what it is given
            try:
                data = bytes(data).decode("utf-16").encode()
            except UnicodeDecodeError:
                self._remark(file, "is not UTF-8; save it as UTF-8")
                return
        view = memoryview(data)
        start = len(_UTF8) if data[:3] == _UTF8 else 0
        found = False
        for stop in [*(match.end() for match in _BETWEEN.finditer(data)), len(data)]:
            if _BLANK.fullmatch(data, start, stop) is None:
                found = True
                self._document(file, view[start:stop])
            start = stop
        if not found:
            self._remark(file, "is empty")

    def items(self, collection: Collection, namespace: str | None) -> Iterator[msgspec.Raw]:
        """Yield each object of *collection*; see `webhook.scan.supply.Supply`."""
        key = collection.group, collection.kind
        if key not in self._entries and key in _TOLD:
            raise ListError("the dump has none", HTTPStatus.NOT_FOUND)
        for entry in self._entries.get(key, ()):
            if namespace is None or entry.namespace == namespace:
                yield entry.raw

    def item(self, collection: Collection, namespace: str | None, name: str) -> msgspec.Raw | None:
        """Return one object; see `webhook.scan.supply.Supply`."""
        for entry in self._entries.get((collection.group, collection.kind), ()):
            if entry.name == name and namespace in (None, entry.namespace):
                return entry.raw
        raise ListError("it is not in the dump", HTTPStatus.NOT_FOUND)

    def _remark(self, file: str, text: str) -> None:
        self.remarks.append(Remark(Place(file, 0), text))

    def _document(self, file: str, data: memoryview) -> None:
        try:
            envelope = skim.decode(_envelopes, data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._broken(file, data, error)
            return
        if envelope.items is None:
            self._take(file, msgspec.Raw(data), "", "")
            return
        # The API server leaves the kind out of the items of a typed list.
        kind = envelope.kind.removesuffix("List")
        for raw in envelope.items:
            self._take(file, raw, envelope.api_version if kind else "", kind)

    def _broken(self, file: str, data: memoryview, error: Exception) -> None:
        """Take what can be read of a List that as a whole cannot: each item that is broken costs that item."""
        items = [msgspec.Raw(bytes(item)) for item in skim.elements(data, b"items")]
        if not items:
            text = str(error).partition(" (byte")[0].lower()
            self._remark(file, f"is not what kubectl get -o json prints: {text}")
        for raw in items:
            self._take(file, raw, "", "")

    def _take(self, file: str, raw: msgspec.Raw, api_version: str, kind: str) -> None:
        try:
            head = skim.decode(_heads, raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._remark(file, "has something in it that is no object of Kubernetes")
            return
        group = (head.api_version or api_version).rpartition("/")[0]
        key = group, head.kind or kind
        if key in _WANTED:
            metadata = head.metadata or _Metadata()
            self._entries.setdefault(key, []).append(_Entry(metadata.namespace, metadata.name, raw))
