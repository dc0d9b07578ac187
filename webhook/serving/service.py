"""Puts together what `airlock serve` serves: sources, gate, observers and routes, in the serving process."""

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from webhook.admission.edit import Edit
from webhook.admission.guard import Judgement
from webhook.documents.accepted import KEYS, read_accepted
from webhook.documents.building import build
from webhook.documents.policy import DEFAULT, Policy, read_policy
from webhook.documents.release import NONE, Release, read_release
from webhook.documents.required_env import EMPTY, RequiredEnv, read_manifest
from webhook.judge import message
from webhook.judge.asking import adds_to_tasks
from webhook.judge.bounds import UNREADABLE
from webhook.judge.decision import Decision, ObjectRef
from webhook.judge.gate import Gate
from webhook.observe.events.observer import Events, Writer, log_writer
from webhook.observe.log import log_decision
from webhook.observe.metrics import Metrics
from webhook.rules.catalogue import RULES
from webhook.serving.app import Collaborators, create_app
from webhook.serving.asking import Asking
from webhook.serving.cautions import Values, noted
from webhook.serving.desk import Answer, Desk, Parts
from webhook.serving.guarding import guards_of
from webhook.serving.health import Readiness, create_probes
from webhook.serving.observing import Observing
from webhook.serving.options import EventsTo, ServiceOptions
from webhook.sources import keys
from webhook.sources.configmap import ConfigMapWatch, Present, State
from webhook.sources.file import FileWatch, Listener
from webhook.sources.lookup import Lookup
from webhook.sources.name import ConfigMapName
from webhook.sources.source import Outcome, Reload, Source

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

    from webhook.cluster import Cluster

log = structlog.stdlib.get_logger("airlock.service")


class _Feeder(Protocol):
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def silent(self) -> float: ...


class Airlock:
    """The service: made in the process that serves, since its threads would not survive a fork."""

    def __init__(self, options: ServiceOptions) -> None:
        build()
        self._options = options
        self._connection: Cluster | None = None
        self._metrics = Metrics((*RULES, UNREADABLE))
        self._draining = False
        self._lock = threading.Lock()
        self._gate: Gate | None = None
        self._values = Values()
        policy, manifest = noted("policy", read_policy), noted("required-env", read_manifest)
        self._policy: Source[Policy] = Source(
            "policy", policy, self._reloaded, initial=DEFAULT if options.policy is None else None
        )
        self._manifest: Source[RequiredEnv] = Source(
            "required-env", manifest, self._reloaded, initial=EMPTY if options.required_env is None else None
        )
        self._release: Source[Release] = Source(
            "release", read_release, self._reloaded, initial=NONE if options.release is None else None, absent=NONE
        )
        self.dropped, self.follow = self._metrics.dropped, self._metrics.watch
        self._lookup = Lookup(self._cluster if options.connected else None, self._rebuild)
        self._metrics.sources(lambda: self._lookup.counts)
        self._about: dict[str, ObjectRef] = {}  # the ConfigMap of a document, as last seen
        self._feeders = [
            *self._feeder(self._policy, options.policy),
            *self._feeder(self._manifest, options.required_env),
            *self._feeder(self._release, options.release),
        ]
        self._shelves = keys.shelves_of(options.readable)
        self._observing = Observing(self._rebuild, self._shelves)
        self._feeders += self._observing.watches(self._cluster, options.pins, options.sightings)
        self._feeders += keys.watches(self._cluster, options.readable, self._shelves)
        self._events = self._make_events()
        self._follow(self._policy)
        self._follow(self._manifest)
        self._follow(self._release)
        observers = [self._metrics.observe, Asking(lambda: self._manifest.value, self._lookup).observe]
        if self._events is not None:
            observers.append(self._tell_of)
        parts = Parts(
            lambda: self._gate,
            observers,
            log_decision,
            self._failed,
            guards=guards_of(options),
            guarded=self._guarded,
        )
        self._desk = Desk(parts)
        routes = Collaborators(self._desk, self._metrics.refused, self._failed, lambda: self.readiness)
        self.wsgi: WSGIApplication = create_app(routes)
        self.probes: WSGIApplication = create_probes(lambda: self.readiness, self._metrics.exposition)

    @property
    def readiness(self) -> Readiness:
        """Whether requests may come, and a line on each document."""
        lines = [source.line for source in (self._policy, self._manifest, self._release)]
        lines += self._lookup.lines
        doubts = {} if self._shelves is None else self._shelves.doubts
        lines += [f"{kind}s in {namespace} are not all known: {why}" for (kind, namespace), why in doubts.items()]
        lines += ["draining"] * self._draining
        able = self._gate is not None and not self._lookup.unread
        return Readiness(able and not self._draining, tuple(lines), draining=able and self._draining)

    def quick(self, path: str, body: bytes) -> Answer | None:
        """Return the answer to a small review; None when it is none or may take long."""
        return self._desk.quickly(path, body)

    def start(self) -> None:
        """Read the documents and begin to watch them; raises OSError when a file cannot be read."""
        self._rebuild()
        if self._events is not None:
            self._events.start()
        for feeder in self._feeders:
            feeder.start()
        self.follow("documents", lambda: max((feeder.silent() for feeder in self._feeders), default=0.0))
        self.follow("sources", self._lookup.silent)

    def drain(self) -> None:
        """Stop being ready; whatever still comes is answered."""
        self._draining = True

    def stop(self) -> None:
        """End every thread and write the Events that wait."""
        for feeder in self._feeders:
            feeder.stop()
        self._lookup.stop()
        if self._events is not None:
            self._events.stop(timeout=2.0)
        if self._connection is not None:
            self._connection.close()

    def _cluster(self) -> "Cluster":
        """Return the cluster that is meant; connected when it is first needed, so that files alone need none."""
        if self._connection is None:
            from webhook.cluster import connect  # noqa: PLC0415 - importing `kubernetes` takes half a second and 40 MB

            self._connection = connect()
        return self._connection

    def _make_events(self) -> Events | None:
        options = self._options
        if options.events is EventsTo.OFF:
            return None
        writer = log_writer(log.warning)
        if options.events_to_cluster:
            writer = Writer(self._cluster().create_event, self._cluster().patch_event)
        return Events(writer, message.note, self._metrics.event, options.instance)

    def _tell_of(self, decision: Decision) -> None:
        """Have an Event tell of *decision*, unless a namespace is concerned that the API server never asks about."""
        if self._events is not None and decision.regarding.namespace not in self._options.excluded:
            self._events.observe(decision)

    def _follow(self, source: Source[Any]) -> None:
        self._metrics.follow(source.name, lambda: source.revision, lambda: source.stale)

    def _feeder(self, source: Source[Any], src: ConfigMapName | Path | None) -> list[_Feeder]:
        """Return what tells *source* of its document, if it may change at all."""
        if src is None:
            return []
        if isinstance(src, Path):
            return [FileWatch(src, Listener(source.offer, source.lose, source.seen))]

        def changed(state: State) -> None:
            had = source.ready
            uid = state.uid if isinstance(state, Present) else ""
            self._about[source.name] = ObjectRef("v1", "ConfigMap", src.namespace, src.name, uid)
            source.take(state.known, KEYS[source.name], "" if isinstance(state, Present) else state.why)
            if source.ready and not had:
                self._rebuild()  # also when it is now known that there is none, which is not a change to report

        def seen() -> None:
            source.seen()
            self._start_from_accepted(source)

        return [ConfigMapWatch(self._cluster(), src.namespace, src.name, changed, seen=seen)]

    def _start_from_accepted(self, source: Source[Any]) -> None:
        """Put the last accepted document in force when the current one is bad from the start; in the watch's thread."""
        place = self._options.accepted
        if place is None or source.ready or not source.problems:
            return
        answer = self._cluster().call("GET", f"/api/v1/namespaces/{place.namespace}/configmaps/{place.name}")
        text = read_accepted(answer.body.get("data") or {}, source.name) if answer.ok else None
        if text is None or not source.seed(text, f"{place} has it"):
            why = "it has none that can be read" if answer.ok else answer.why
            log.error("document", document=source.name, text=f"{source.name}: no help from {place}: {why}")
            return
        self._rebuild()
        said = f"{source.name}: the current one is bad, so revision {source.revision} of {place} is in force"
        log.warning("document", document=source.name, text=said)
        about = self._about.get(source.name)
        if self._events is not None and about is not None:
            self._events.announce("DocumentStale", said, about)

    def _reloaded(self, reload: Reload) -> None:
        """Decide by the current documents from now on, then count, log and announce that one changed."""
        self._rebuild()
        self._metrics.reloaded(reload.document, reload.outcome)
        good = reload.outcome is Outcome.ACCEPTED
        (log.info if good else log.error)("document", document=reload.document, text=reload.text)
        about = self._about.get(reload.document)
        if self._events is not None and about is not None and not good:
            self._events.announce(f"Document{reload.outcome.capitalize()}", reload.text, about)

    def _rebuild(self) -> None:
        """Rebuild the gate from the current documents; requests in flight keep the old one."""
        with self._lock:
            policy, manifest, release = self._policy.value, self._manifest.value, self._release.value
            if policy is None or manifest is None or release is None:
                return
            self._lookup.want(manifest.sources)
            known = self._lookup.known
            self._values.look(manifest, known)
            left_out = self._options.tasks_left_out
            self._gate = Gate(policy, manifest, known, release, self._observing.value, tasks_left_out=left_out)
            self._metrics.tasks_left_out(concerned=left_out and adds_to_tasks(policy, manifest))

    def _guarded(self, edit: Edit, judgement: Judgement) -> None:
        verdict = "denied" if judgement.denial else "warned" if judgement.warnings else "allowed"
        self._metrics.guarded(edit.operation, verdict, dry_run=edit.dry_run)
        if judgement.denial or judgement.warnings:
            log.info("guard", verdict=verdict, namespace=edit.namespace, name=edit.name, username=edit.username)

    def _failed(self, path: str, error: BaseException) -> None:
        self._metrics.failed(path)
        log.error("airlock failed on a review", path=path, exc_info=error)
