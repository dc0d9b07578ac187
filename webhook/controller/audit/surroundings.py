"""What a judgement needs besides the pods: the nodes, and which namespaces admission sees; refreshed now and then."""

import threading
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus

import msgspec

from webhook.audit.coverage import Coverage, read_registration
from webhook.controller.api import Api
from webhook.controller.configurations import KINDS, VALIDATING
from webhook.pods import skim
from webhook.pods.nodes import Node, Nodes, decode_node, known
from webhook.scan import pages
from webhook.scan.pages import ListError, Listing

EVERY = 300.0  # seconds
NODES, NAMESPACES = "/api/v1/nodes", "/api/v1/namespaces"

_PAGE = 50  # a node reports up to fifty images
_MOST_STRANGE = 10_000  # nodes that we asked for and did not find


class NodeBook:
    """The nodes of the cluster: all of them now and then, and each new one when its first pod is seen."""

    def __init__(self, connection: pages.Connection, clock: Callable[[], float]) -> None:
        self.nodes = Nodes()  # swapped whole
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()
        self._due = 0.0
        self._earlier: Mapping[str, str] = {}  # groups; a pod may outlive its node for a while
        self._strange: set[str] = set()
        self._readable = True

    def refresh(self) -> bool:
        """Read all nodes if it is time; return whether one is of another group than before. Raises OSError."""
        if self._clock() < self._due:
            return False
        was = self._readable
        try:
            found, self._readable = known(self._listed()), True
        except ListError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            found, self._readable = Nodes(), False  # told with its reservation where digests are compared
        with self._lock:
            before = self.nodes.groups
            changed = any(before.get(name, group) != group for name, group in found.groups.items())
            changed = changed or was != self._readable
            groups = {**self._earlier, **found.groups} if self._readable else {}
            self.nodes, self._earlier = Nodes(groups, found.representatives), found.groups
            self._strange.clear()
        self._due = self._clock() + EVERY
        return changed

    def group(self, name: str) -> str:
        """Return the group of the node *name*, which is read if it is new; "" when that cannot be known."""
        group = self.nodes.groups.get(name)
        if group is None and name and self._readable and name not in self._strange:
            group = self._ask(name)
        return group or ""

    def _ask(self, name: str) -> str:
        if len(self._strange) >= _MOST_STRANGE:
            self._strange.clear()
        try:
            answer = self._connection.read(f"{NODES}/{name}", query={})
        except OSError:
            return ""  # the pods themselves are unreadable too
        node = decode_node(answer.data) if answer.status == HTTPStatus.OK else None
        if node is None:
            self._strange.add(name)
            return ""
        new = known([node])
        with self._lock:
            groups = {**self.nodes.groups, **new.groups}
            self.nodes = Nodes(groups, {**new.representatives, **self.nodes.representatives})
        return node.group

    def _listed(self) -> Iterator[Node]:
        for raw in Listing(self._connection, NODES, limit=_PAGE):
            if (node := decode_node(raw)) is not None:
                yield node


class _Labelled(msgspec.Struct, frozen=True):
    name: str = ""
    labels: dict[str, str] | None = None


class _Namespace(msgspec.Struct, frozen=True):
    metadata: _Labelled


class Registry:
    """What admission sees, by the registration called one of *configurations* and the labels of namespaces."""

    def __init__(
        self, connection: pages.Connection, api: Api, configurations: tuple[str, ...], clock: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._api = api
        self._configurations = configurations
        self._clock = clock
        self._coverage = Coverage()
        self._due = 0.0
        self._asked: frozenset[str] = frozenset()

    def coverage(self, namespaces: frozenset[str]) -> Coverage:
        """Return which of *namespaces* admission sees; raises OSError."""
        if self._clock() >= self._due or not namespaces <= self._asked:
            paths = (f"{KINDS[VALIDATING]}/{name}" for name in self._configurations)
            bodies = [body for path in paths if (body := self._api.get(path)) is not None]
            labels = dict(self._labels(namespaces))
            self._coverage = Coverage(read_registration(bodies), bool(self._configurations), labels)
            self._asked, self._due = namespaces, self._clock() + EVERY
        return self._coverage

    def _labels(self, namespaces: frozenset[str]) -> Iterator[tuple[str, dict[str, str]]]:
        for raw in Listing(self._connection, NAMESPACES):
            metadata = skim.of_type(raw, _Namespace).metadata
            if metadata.name in namespaces:
                yield metadata.name, metadata.labels or {}
