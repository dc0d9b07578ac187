"""Runs the background audit in its own threads: look, judge, report; its problems hold up nothing else."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

from webhook.audit.coverage import Coverage
from webhook.audit.survey import Basis, Survey
from webhook.audit.taking import HASH, Look, survey
from webhook.controller import api
from webhook.controller.acceptance import Standing
from webhook.controller.audit import feed
from webhook.controller.audit.feed import Feed, Lens, Snapshot
from webhook.controller.audit.figures import AuditMetrics, Count
from webhook.controller.audit.library import Library
from webhook.controller.audit.options import AuditOptions
from webhook.controller.audit.outlets import Outlets
from webhook.controller.audit.pinboard import Pinboard
from webhook.controller.audit.registries import Desk
from webhook.controller.audit.shape import Keep
from webhook.controller.audit.surroundings import NodeBook, Registry
from webhook.controller.audit.troubles import Troubles
from webhook.controller.scene import Site
from webhook.judge.gate import Gate
from webhook.observe.events.occurrence import Occurrence
from webhook.pods.fleet import Fleet
from webhook.pods.image import Image, parse
from webhook.pods.marks import INJECTED, PINNED
from webhook.pods.nodes import Nodes
from webhook.pods.notebook import Memory
from webhook.pods.observed import Observed, Origin
from webhook.pods.pin import Pinning
from webhook.pods.sighting import RELEASES
from webhook.pods.text import plural
from webhook.rules.expected_image import VARIABLES
from webhook.sources import configmap
from webhook.sources.backoff import backoff
from webhook.sources.lookup import Lookup, Name
from webhook.status.audited import Audited

APART = 1.0  # seconds between the beginnings of two runs at least, whatever happens
WAITING = 5.0  # seconds until it is looked again for what an audit cannot do without
SOURCES = 10.0  # seconds for which a ConfigMap that a `from` names and nobody has read yet is waited for


KEPT = (*RELEASES, HASH, INJECTED, PINNED)  # labels and annotations, besides those that say what a pod is


class Connection(api.Connection, feed.Connection, configmap.Connection, Protocol):
    """An API server, for all that an audit asks."""


class _Waiting(Exception):  # noqa: N818 - no error: it is too early
    """There is something that an audit cannot do without, and that will come; the text says what."""


class Auditor:
    """Audits what runs, until `stop`; *standing* gives the documents in force, *tell* writes an Event."""

    def __init__(  # noqa: PLR0913 - its inputs and outlets
        self,
        options: AuditOptions,
        site: Site,
        connection: Connection,
        *,
        metrics: AuditMetrics,
        tell: Callable[[Occurrence], None],
        standing: Callable[[], Standing | None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._interval = options.interval
        self._metrics = metrics
        self._standing = standing
        self._now = now
        self._clock = time.monotonic
        asking = api.Api(connection)
        self._outlets = Outlets(options, site.namespace, asking, tell, self._clock)
        self._pinboard = Pinboard(asking, site.namespace, self._clock)
        self._pinning = Pinning(Nodes())
        self._desk = None if options.registries is None else Desk(options.registries, self.wake)
        self._registry = Registry(connection, asking, site.configurations, self._clock)
        self._book = NodeBook(connection, self._clock)
        self._grouping = 0
        self._feed = Feed(connection, Memory(options.window), self._book, self.wake, now=now)
        self._library = Library(options.readable, connection, self._clock)
        self._lookup = Lookup(lambda: connection, self.wake)
        self._wanted: tuple[frozenset[Name], float] = (frozenset(), 0.0)  # sources, and since when
        self._failures = 0
        self._troubles = Troubles()
        self._said = "nothing has been looked at yet"
        self._ended: datetime | None = None
        self._awake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    @property
    def lines(self) -> tuple[str, ...]:
        """What it saw last, and what is in its way."""
        return f"audit: {self._said}", *(f"audit: {part}: {why}" for part, why in self._troubles.items())

    def state(self) -> Audited:
        """Return how the audit goes."""
        late = timedelta(seconds=max(300.0, 5 * self._interval))
        return Audited(self._said, self._ended, dict(self._troubles), late)

    def start(self) -> None:
        """Begin to audit."""
        if self._desk is not None:
            self._desk.start()
        self._library.start()
        self._thread.start()

    def wake(self) -> None:
        """Audit soon: something has changed."""
        self._awake.set()

    def stop(self) -> None:
        """End every thread, and keep what is to be remembered."""
        self._stopping.set()
        self._awake.set()
        self._thread.join(5.0)
        if self._desk is not None:
            self._desk.stop()
        if self._feed.started:
            self._feed.stop()
        self._library.stop()
        self._lookup.stop()
        with Troubles().of("sightings"):
            self._outlets.keep(self._feed.remembered(), last=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            due = self._clock() + min(APART, self._interval)
            self._awake.wait(self._turn())
            self._awake.clear()
            self._stopping.wait(max(0.0, due - self._clock()))

    def _turn(self) -> float:
        """Audit once, if that can be done; return how long to wait until the next time."""
        began, troubles, count = self._clock(), Troubles(), None
        with troubles.of("run"):
            try:
                count = self._audit(troubles)
            except _Waiting as why:
                self._said = str(why)
                return min(self._interval, WAITING)
        troubles.log_new(self._troubles)
        self._troubles = troubles
        # Counted last: once /metrics has a run, the log and /readyz have what it says.
        self._failures = self._failures + 1 if count is None else 0
        if count is None:
            self._metrics.failed()
        else:
            self._metrics.ran(count.figures(), self._now(), self._clock() - began, complete=troubles.complete)
        pause = backoff(self._failures, 1.0) if self._failures else self._interval - (self._clock() - began)
        return max(0.0, min(pause, self._interval))

    def _audit(self, troubles: Troubles) -> Count:
        """Look, judge, tell and count; raises _Waiting, and OSError when nothing can be said of the cluster."""
        with troubles.of("sightings"):
            self._feed.recall(self._outlets.recall(self._now()))
        standing = self._standing()
        if standing is None:
            raise _Waiting("there is no policy in force yet")
        gate = self._gate(standing)
        snapshot = self._look(standing, gate, troubles)
        if trouble := self._library.trouble:
            troubles["references"] = trouble
        now = self._now()
        count, self._pinning = Count(), Pinning(snapshot.nodes, self._indexes())
        if self._desk is not None:
            self._desk.want(_images(snapshot.fleet))
        self._outlets.begin(now, troubles, lambda namespace: self._library.unchecked(namespace, gate))
        for found in self._surveys(snapshot, standing, gate, now, troubles):
            self._outlets.tell(found, now, troubles)
            count.add(found)
        self._outlets.end(troubles, now, complete=troubles.complete)
        with troubles.of("sightings"):
            self._outlets.keep(self._feed.remembered())
        with troubles.of("pins"):
            if troubles.complete:
                self._pinboard.keep(self._pinning.pins, self._origins())
        self._ended = now
        counted = f"{plural(count.pods, 'pod')}, {plural(count.findings.total(), 'finding')}"
        self._said = f"{counted}; judged by {standing.policy_name}"
        return count

    def _gate(self, standing: Standing) -> Gate:
        sources = standing.manifest.sources
        if sources != self._wanted[0]:
            self._wanted = sources, self._clock()
            self._lookup.want(sources)
        if (unread := self._lookup.unread) and self._clock() - self._wanted[1] < SOURCES:
            raise _Waiting(f"ConfigMap {unread[0]} of the manifest has not been read yet")
        if listing := self._library.unread:
            raise _Waiting(f"{listing} have not been read yet")
        observed = Observed(self._origins(), holdings=self._library.holdings)
        return Gate(standing.policy, standing.manifest, self._lookup.known, standing.release, observed)

    def _origins(self) -> dict[str, Origin]:
        return self._desk.origins if self._desk is not None else {}

    def _indexes(self) -> frozenset[str]:
        return frozenset(origin.digest for origin in self._origins().values() if origin.platforms)

    def _look(self, standing: Standing, gate: Gate, troubles: Troubles) -> Snapshot:
        variables = frozenset(one.name for one in standing.manifest.env) | VARIABLES
        keep = Keep(gate.labels | dict.fromkeys(KEPT), variables, references=self._library.following)
        self._grouping += self._book.refresh()
        self._feed.look_through(Lens(keep, standing.policy.components, self._grouping, gate))
        if not self._feed.started:
            self._feed.start()
        snapshot = self._feed.look(self._now())
        if snapshot is None:
            if self._feed.trouble:
                raise OSError(self._feed.trouble)
            raise _Waiting("the pods are being listed")
        if self._feed.trouble:
            troubles["pods"] = self._feed.trouble
        if snapshot.unremembered:
            troubles["room"] = f"{snapshot.unremembered} pods are left out: there are too many different ones to keep"
        return snapshot

    def _surveys(
        self, snapshot: Snapshot, standing: Standing, gate: Gate, now: datetime, troubles: Troubles
    ) -> Iterator[Survey]:
        """Yield what was found, some groups at a time: all of them together would take many times their shapes."""
        coverage = Coverage()
        with troubles.of("coverage"):
            coverage = self._registry.coverage(snapshot.namespaces)
        installed = coverage.registration is not None if coverage.known else None
        basis = Basis("the cluster", standing.policy_name, standing.manifest_name, installed)
        for pods in snapshot.batches:
            for pod in pods:
                if (role := gate.recognise(pod)) is not None:
                    self._pinning.add(pod, role)
            yield survey(Look(pods, snapshot.nodes, coverage), gate, basis, now, snapshot.fleet)


def _images(running: Fleet) -> Iterator[Image]:
    """Yield what components run in their own containers, by digest where that is known, and by tag."""
    for parts in running.parts.values():
        for part in parts:
            image = parse(part.image)
            if part.digest is not None:
                yield Image(image.domain, image.path, None, part.digest)
            yield image
