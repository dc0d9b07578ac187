"""Lists the cluster's pods in pages, then watches them; keeps only Airflow's."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

import msgspec

from webhook.controller.audit.shape import Keep
from webhook.controller.audit.stock import MOST_SHAPES, Stock
from webhook.controller.audit.surroundings import NodeBook
from webhook.documents.policy import ComponentRow
from webhook.judge.gate import Gate
from webhook.pods.fleet import Fleet, fleet
from webhook.pods.live import LivePod, decode_pod
from webhook.pods.nodes import Nodes
from webhook.pods.notebook import Key, Memory
from webhook.pods.sighting import Sighting, sights
from webhook.pods.workload import UnreadableError
from webhook.scan.pages import Cancelled, ListError, Listing
from webhook.scan.pages import Connection as Reading
from webhook.sources.protocols import Watching
from webhook.sources.watch import Pace, Watch

logger = logging.getLogger("airlock.audit")

PODS = "/api/v1/pods"
PACE = Pace(forbidden=300.0)
PAGE = 250  # pods; one of them in Airflow's charts has some 10 kB, and a page is held as a whole


class Connection(Reading, Watching, Protocol):
    """An API server, for lists and for watches."""


@dataclass(frozen=True, slots=True)
class Lens:
    """What pods are looked at through: if anything but the gate is another, all must be looked at again."""

    keep: Keep
    rows: tuple[ComponentRow, ...]
    grouping: int  # how often a node has changed its group
    gate: Gate = field(compare=False)


class Snapshot(msgspec.Struct, frozen=True):
    """What runs, at one moment."""

    batches: Iterator[tuple[LivePod, ...]]  # one for all that are judged alike, by namespace and owner
    namespaces: frozenset[str]
    fleet: Fleet
    nodes: Nodes
    unremembered: int  # pods for which there was no room


class Feed(Watch):
    """Keeps the stock of pods, and the memory of what they ran, from a thread of its own.

    *changed* is called when all pods were listed.
    """

    def __init__(  # noqa: PLR0913 - its inputs, its listeners, and what a test fakes
        self,
        connection: Connection,
        memory: Memory,
        book: NodeBook,
        changed: Callable[[], None],
        *,
        most: int = MOST_SHAPES,
        pace: Pace = PACE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(connection, "pods", PODS, {}, thread="audit pods", pace=pace)
        self._connection = connection
        self._memory = memory
        self._book = book
        self._changed = changed
        self._most = most
        self._now = now
        self._lock = threading.Lock()  # for stock and memory
        self._lens: Lens | None = None
        self._listed: Lens | None = None  # by which the present stock was made
        self._stock: Stock | None = None
        self._contact = now()
        self._trouble = ""
        self._unreadable = 0  # pods since the last list

    @property
    def trouble(self) -> str:
        """Why not all pods are known; "" when they are."""
        if self._trouble or not self._unreadable:
            return self._trouble
        return f"{self._unreadable} pods cannot be read, and are not audited"

    @property
    def started(self) -> bool:
        """Whether it has begun to look."""
        return self._thread.is_alive()

    def look_through(self, lens: Lens) -> None:
        """Look through *lens* from now on."""
        self._lens = lens
        if self._listed is not None and self._listed != lens:
            self._interrupt()

    def look(self, now: datetime) -> Snapshot | None:
        """Return what runs; None while that is not known. What is remembered is then as of *now*."""
        with self._lock:
            stock, lens = self._stock, self._lens
            if stock is None or lens is None or self._listed != lens:
                return None  # what was not kept would seem to be missing
            if there := self._book.nodes.groups:
                stock.forget_nodes(there)
            nodes = self._nodes(stock)
            roles = ((pod, lens.gate.recognise(pod)) for pod in stock.places())
            seen = (one for pod, role in roles if role is not None for one in sights(pod, role, nodes, now))
            running = fleet(seen, self._memory.sightings.values())
            self._memory.learn(running, now)
            return Snapshot(stock.batches(), stock.namespaces, running, nodes, stock.unremembered)

    def recall(self, sightings: Mapping[Key, Sighting]) -> None:
        """Remember *sightings* of an earlier life."""
        with self._lock:
            self._memory.recall(sightings.values())

    def remembered(self) -> dict[Key, Sighting]:
        """Return what is remembered now."""
        with self._lock:
            return dict(self._memory.sightings)

    def _turn(self) -> float:
        stock = self._stock
        if self._lens != self._listed or (stock is not None and stock.improvable):
            self._version = ""
        return super()._turn()

    def _list(self) -> float:
        lens = self._lens
        if lens is None:
            return self._pace.apart
        stock = Stock(lens.keep, self._left, self._most)
        self._unreadable = 0
        listing = Listing(self._connection, self._path, limit=PAGE, stop=self._stopping)
        try:
            for raw in listing:
                self._enter(stock, raw, lens.gate)
        except Cancelled:
            return 0.0
        except ListError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            self._failing(error)
            self._changed()
            return self._forbidden()
        with self._lock:
            if (before := self._stock) is not None:
                nodes = self._nodes(before)
                for pod in before.places():
                    self._remember(pod, nodes, self._contact)  # it may be gone, and nobody said so
            self._stock = stock
        self._listed, self._version, self._trouble = lens, listing.version, ""
        self._contact = self._now()
        self._changed()
        return 0.0

    def _take(self, kind: str, object_: msgspec.Raw) -> None:
        stock, lens = self._stock, self._lens
        if stock is not None and lens is not None:
            self._enter(stock, object_, lens.gate, gone=kind == "DELETED")
        self._contact = self._now()

    def _enter(self, stock: Stock, raw: msgspec.Raw, gate: Gate, *, gone: bool = False) -> None:
        try:
            pod = decode_pod(raw)
        except UnreadableError as error:
            self._unreadable += 1
            logger.warning("a pod cannot be read, and is not audited: %s", error)
            return
        ours = gate.recognise(pod) is not None
        group = self._book.group(pod.node) if ours else ""
        with self._lock:
            if ours and not gone and not pod.ended:
                stock.put(pod, group)
                return
            if ours:
                self._remember(pod, self._book.nodes, self._now())
            stock.drop(pod.uid)

    def _left(self, pod: LivePod, group: str) -> None:
        """Take note, with the lock, that the last pod of a shape is gone; *pod* stands for it."""
        self._remember(pod, Nodes({pod.node: group}, self._book.nodes.representatives), self._now())

    def _remember(self, pod: LivePod, nodes: Nodes, now: datetime) -> None:
        if (lens := self._lens) is not None and (role := lens.gate.recognise(pod)) is not None:
            self._memory.saw(sights(pod, role, nodes, now))

    def _nodes(self, stock: Stock) -> Nodes:
        """Return what is known of nodes, those included that are gone and still named in *stock*."""
        nodes = self._book.nodes
        return Nodes({**stock.groups(), **nodes.groups}, nodes.representatives)

    def _seen(self) -> None:
        self._contact = self._now()

    def _unwanted(self) -> bool:
        return super()._unwanted() or self._lens != self._listed

    def _fail(self, error: Exception) -> float:
        if self._version and self._lens != self._listed:
            return 0.0  # the watch was ended on purpose
        return super()._fail(error)

    def _failing(self, error: Exception) -> None:
        self._trouble = f"pods cannot be read: {error}"

    def _recovered(self) -> None:
        super()._recovered()
        self._trouble = ""
