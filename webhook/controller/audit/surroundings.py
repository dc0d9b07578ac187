"""What a judgement needs beside the pods: the nodes, and which namespaces admission sees; read now and then."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus

import msgspec

from webhook.audit.coverage import Coverage, read_registration
from webhook.controller.api import Api
from webhook.controller.configurations import KINDS, VALIDATING
from webhook.nodes import Node, Nodes, decode_node, known
from webhook.scan.pages import Connection, ListError, Listing

EVERY = timedelta(minutes=5).total_seconds()
PATHS = {"nodes": "/api/v1/nodes", "namespaces": "/api/v1/namespaces"}
_PAGE = 50  # a node tells of up to fifty images


class _Labelled(msgspec.Struct, frozen=True):
    name: str = ""
    labels: dict[str, str] | None = None


class _Namespace(msgspec.Struct, frozen=True):
    metadata: _Labelled


class Surroundings:
    """Reads nodes, namespaces and the registration called one of *configurations*, no more often than it must."""

    def __init__(
        self, connection: Connection, api: Api, configurations: tuple[str, ...], clock: Callable[[], float]
    ) -> None:
        self.forbidden = False  # whether nodes may not be read, which is told of in findings
        self._connection = connection
        self._api = api
        self._configurations = configurations
        self._clock = clock
        self._nodes = Nodes()
        self._nodes_due = 0.0
        self._coverage = Coverage()
        self._coverage_due = 0.0
        self._asked: frozenset[str] = frozenset()

    def nodes(self) -> Nodes:
        """Return what is known of the nodes; raises OSError."""
        if self._clock() < self._nodes_due:
            return self._nodes
        try:
            self._nodes = known(self._listed_nodes())
            self.forbidden = False
        except ListError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            self._nodes, self.forbidden = Nodes(), True
        self._nodes_due = self._clock() + EVERY
        return self._nodes

    def coverage(self, namespaces: frozenset[str]) -> Coverage:
        """Return which of *namespaces* admission sees; raises OSError."""
        if self._clock() >= self._coverage_due or not namespaces <= self._asked:
            paths = (f"{KINDS[VALIDATING]}/{name}" for name in self._configurations)
            bodies = [body for path in paths if (body := self._api.get(path)) is not None]
            labels = dict(self._labels(namespaces))
            self._coverage = Coverage(read_registration(bodies), bool(self._configurations), labels)
            self._asked, self._coverage_due = namespaces, self._clock() + EVERY
        return self._coverage

    def _listed_nodes(self) -> Iterator[Node]:
        for raw in Listing(self._connection, PATHS["nodes"], limit=_PAGE):
            if (node := decode_node(raw)) is not None:
                yield node

    def _labels(self, namespaces: frozenset[str]) -> Iterator[tuple[str, dict[str, str]]]:
        for raw in Listing(self._connection, PATHS["namespaces"]):
            metadata = msgspec.json.decode(raw, type=_Namespace).metadata
            if metadata.name in namespaces:
                yield metadata.name, metadata.labels or {}
