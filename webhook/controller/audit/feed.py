"""The pods of the cluster, listed in pages, then watched; what is not Airflow's is dropped at once."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

import msgspec

from webhook.controller.audit.notebook import Key, Memory
from webhook.controller.audit.stock import MOST, Keep, Most, Stock
from webhook.documents.policy import ComponentRow
from webhook.evaluate import Gate
from webhook.fleet import Fleet, Sighting, fleet, sights
from webhook.live import LivePod, decode_pod
from webhook.nodes import Nodes
from webhook.scan.pages import Cancelled, ListError, Listing
from webhook.scan.pages import Connection as Reading
from webhook.sources.watch import Pace, Watch, Watching
from webhook.workload import UnreadableError

PODS = "/api/v1/pods"
PACE = Pace(forbidden=300.0)


class Connection(Reading, Watching, Protocol):
    """An API server, for lists and for watches."""


@dataclass(frozen=True, slots=True)
class Lens:
    """What pods are looked at through: another *keep* or other *rows* make that all must be looked at again."""

    keep: Keep
    rows: tuple[ComponentRow, ...]
    gate: Gate = field(compare=False)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What runs, at one moment."""

    pods: tuple[LivePod, ...]  # one for all that are judged alike
    fleet: Fleet
    unremembered: int  # pods for which there was no room


class Feed(Watch):
    """Keeps the stock of pods, and the memory of what they ran, from a thread of its own.

    *changed* is called when all pods were listed.
    """

    def __init__(  # noqa: PLR0913 - whom to ask, whom to tell, and what a test would fake
        self,
        connection: Connection,
        memory: Memory,
        changed: Callable[[], None],
        *,
        most: Most = MOST,
        pace: Pace = PACE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(connection, "pods", PODS, {}, thread="audit pods", pace=pace)
        self._connection = connection
        self._memory = memory
        self._changed = changed
        self._most = most
        self._now = now
        self._lock = threading.Lock()  # for stock and memory
        self._nodes = Nodes()
        self._lens: Lens | None = None
        self._listed: Lens | None = None  # by which the present stock was made
        self._stock: Stock | None = None
        self._contact = now()
        self._trouble = ""

    @property
    def trouble(self) -> str:
        """Why not all pods are known; "" when they are."""
        return self._trouble

    @property
    def started(self) -> bool:
        """Whether it has begun to look."""
        return self._thread.is_alive()

    def look_through(self, lens: Lens, nodes: Nodes) -> None:
        """Look through *lens* from now on, and know *nodes*."""
        with self._lock:
            self._nodes = nodes
        self._lens = lens
        if self._listed is not None and self._listed != lens:
            self._interrupt()

    def look(self, now: datetime) -> Snapshot | None:
        """Return what runs; None while that is not known. What is remembered is then as of *now*."""
        with self._lock:
            stock, lens = self._stock, self._lens
            if stock is None or lens is None or self._listed != lens:
                return None  # what was not kept would seem to be missing
            roles = ((pod, lens.gate.recognise(pod)) for pod in stock.shapes())
            seen = (one for pod, role in roles if role is not None for one in sights(pod, role, self._nodes, now))
            running = fleet(seen, self._memory.sightings.values())
            self._memory.learn(running, now)
            return Snapshot(tuple(stock.merged(self._nodes)), running, stock.unremembered)

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
        listing = Listing(self._connection, self._path, stop=self._stopping)
        try:
            for raw in listing:
                self._enter(stock, raw, lens.gate)
        except Cancelled:
            return 0.0
        except ListError as error:
            if error.status != HTTPStatus.FORBIDDEN:
                raise
            self._trouble = str(error)
            self._changed()
            return self._forbidden()
        with self._lock:
            for pod in self._stock.shapes() if self._stock is not None else ():
                self._remember(pod, lens.gate, self._contact)  # it may be gone, and nobody said so
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
        except UnreadableError:  # no JSON, from an API server
            return
        ours = gate.recognise(pod) is not None
        with self._lock:
            if ours and not gone and not pod.ended:
                stock.put(pod)
                return
            if ours:
                self._remember(pod, gate, self._now())
            stock.drop(pod.uid)

    def _left(self, pod: LivePod) -> None:
        """Take note, with the lock, that the last pod of a shape is gone; *pod* stands for it."""
        if (lens := self._lens) is not None:
            self._remember(pod, lens.gate, self._now())

    def _remember(self, pod: LivePod, gate: Gate, now: datetime) -> None:
        if (role := gate.recognise(pod)) is not None:
            self._memory.saw(sights(pod, role, self._nodes, now))

    def _seen(self) -> None:
        self._contact = self._now()

    def _unwanted(self) -> bool:
        return super()._unwanted() or self._lens != self._listed

    def _fail(self, error: Exception) -> float:
        if self._version and self._lens != self._listed:
            return 0.0  # the watch was ended on purpose
        return super()._fail(error)

    def _failing(self, error: Exception) -> None:
        self._trouble = str(error)

    def _recovered(self) -> None:
        super()._recovered()
        self._trouble = ""
