"""Nodes: which of them report digests that compare, and which digests they report for one image."""

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from webhook.pods import skim
from webhook.pods.workload import Struct

_DIGEST = re.compile(r"@(sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128}))\Z")


class _NodeInfo(Struct, frozen=True):
    architecture: str = ""
    operating_system: str = ""
    container_runtime_version: str = ""


class _NodeImage(Struct, frozen=True):
    names: list[str] | None = None


class _NodeStatus(Struct, frozen=True):
    node_info: _NodeInfo | None = None
    images: list[_NodeImage] | None = None


class _NodeMetadata(Struct, frozen=True):
    name: str = ""


class _Node(Struct, frozen=True):
    metadata: _NodeMetadata | None = None
    status: _NodeStatus | None = None


_decoder = msgspec.json.Decoder(_Node)


class Node(msgspec.Struct, frozen=True):
    """What is to be known of one node."""

    name: str
    group: str  # "containerd linux/amd64"; "" when it does not say
    same: tuple[frozenset[str], ...] = ()  # digests that are one image there


class Nodes(msgspec.Struct, frozen=True):
    """All nodes of a cluster, as far as they may be read.

    Two digests of one reference are two images only if they are of one kind: a runtime says the digest of the index or
    that of the platform's manifest, and the latter differs between architectures (kubernetes#115199). So digests are
    compared between nodes of one runtime and one platform, and those that a node lists as names of one image are one.
    """

    groups: Mapping[str, str] = msgspec.field(default_factory=dict)  # by the node's name
    representatives: Mapping[str, str] = msgspec.field(default_factory=dict)  # digest -> the one that stands for it

    def group(self, node: str) -> str:
        """Return the group of *node*; "" when it is not known."""
        return self.groups.get(node, "")

    def canonical(self, digest: str) -> str:
        """Return what stands for *digest*."""
        return self.representatives.get(digest, digest)


def decode_node(raw: bytes | msgspec.Raw) -> Node | None:
    """Return the node in the JSON *raw*; None when it cannot be read."""
    try:
        node = skim.decode(_decoder, raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    status = node.status or _NodeStatus()
    info = status.node_info or _NodeInfo()
    runtime = info.container_runtime_version.partition("://")[0]
    known = runtime and info.architecture
    group = f"{runtime} {info.operating_system or 'linux'}/{info.architecture}" if known else ""
    return Node((node.metadata or _NodeMetadata()).name, group, tuple(_same(status.images or ())))


def _same(images: Iterable[_NodeImage]) -> Iterator[frozenset[str]]:
    for image in images:
        digests = frozenset(match[1] for name in image.names or () if (match := _DIGEST.search(name)))
        if len(digests) > 1:
            yield digests


def known(nodes: Iterable[Node]) -> Nodes:
    """Return what *nodes* say together."""
    groups: dict[str, str] = {}
    parents: dict[str, str] = {}

    def root(digest: str) -> str:
        while parents.get(digest, digest) != digest:
            digest = parents[digest]
        return digest

    for node in nodes:
        groups[node.name] = node.group
        for digests in node.same:
            first, *others = sorted(root(digest) for digest in digests)
            parents |= dict.fromkeys([*digests, *others], first) | {first: first}
    return Nodes(groups, {digest: root(digest) for digest in parents})
