"""The metrics of one replica, in a registry of their own.

Metrics without a *dry_run* label leave dry runs out, so that no alert fires because someone tried what would happen.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics import MetricWrapperBase

from webhook.judge.decision import Decision, Mutation
from webhook.observe.live import Documents, Followed, Readers, Sources
from webhook.pods.airflow import Component
from webhook.rules.finding import Mode

VALIDATE, MUTATE, GUARD = "/validate", "/mutate", "/guard"
OPERATIONS = ("CREATE", "UPDATE", "DELETE", "CONNECT")
VERDICTS = {Mode.OFF: "allowed", Mode.AUDIT: "audited", Mode.WARN: "warned", Mode.ENFORCE: "denied"}
IGNORED, REFUSED, FAILED = "ignored", "refused", "failed"
DOCUMENTS = ("policy", "required-env", "release")
RELOADS = ("accepted", "rejected", "lost")
DROPS = ("deadline", "handshakes", "connections", "memory", "head", "length", "syntax")
EVENTS = ("written", "repeated", "dropped", "failed")

# A decision takes some hundred microseconds; the API server gives up after seconds.
_BUCKETS = (50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 0.1, 0.25, 0.5, 1, 2.5, 5)

W = TypeVar("W", bound=MetricWrapperBase)


def exposition(registry: CollectorRegistry, accept: str = "") -> tuple[bytes, str]:
    """Return the metrics of *registry* and their content type, in the format that the header *accept* asks for."""
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a version that is not a number
        encode, content_type = generate_latest, CONTENT_TYPE_PLAIN_0_0_4
    return encode(registry), content_type


class Metrics:
    """What this replica counts; `observe` is called in the request path, the rest is not.

    *rules* are the names of the rules, whose series then exist before their first violation, so that `rate()` sees it.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        # A gauge beside each series, for the whole process, that nobody asked for.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no hints
        self.registry = CollectorRegistry(auto_describe=True)
        self._reviews = self._counter(
            "admission_reviews", "Reviews answered", "path", "operation", "verdict", "dry_run"
        )
        self._duration = _Children(
            Histogram(
                "airlock_admission_duration_seconds",
                "Time from a review's bytes to the bytes of its answer",
                ["path"],
                buckets=_BUCKETS,
                registry=self.registry,
            )
        )
        self._violations = self._counter(
            "violations", "Violations that /validate found; without dry runs", "rule", "mode", "component"
        )
        self._exempted = self._counter("exempted", "Findings that an exemption covered; without dry runs", "rule")
        self._mutations = self._counter("mutations", "What /mutate did; without dry runs", "outcome")
        self._untrusted = self._counter(
            "untrusted_components",
            "Pods whose labels claim a component that airlock does not believe; without dry runs",
            "component",
        )
        self._lookalikes = self._counter(
            "lookalikes", "New objects that look like Airflow and match no row of components; without dry runs"
        )
        self._events = self._counter(
            "events", "Decisions and announcements, by what happened to their Event", "outcome"
        )
        self._reloads = self._counter("policy_reloads", "Changes of a document, by outcome", "document", "outcome")
        self._left_out = Gauge(
            "airlock_tasks_left_out",
            "1 while the documents add something to tasks, and the webhook configuration does not ask about them",
            registry=self.registry,
        )
        self._dropped = self._counter("dropped", "Clients that were dropped, or that got a protocol error", "reason")
        self._documents = Documents()
        self.registry.register(self._documents)
        self._sources = Sources()
        self.registry.register(self._sources)
        self._readers: dict[str, Callable[[], float]] = {}
        self.registry.register(Readers(self._readers))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._prepare(tuple(rules))

    def observe(self, decision: Decision) -> None:
        """Count *decision*."""
        path, verdict = decision.path, decision.verdict
        operation = decision.operation if decision.operation in OPERATIONS else "other"
        dry_run = "true" if decision.dry_run else "false"
        self._reviews[path, operation, _word(decision), dry_run].inc()
        self._duration[path,].observe(decision.seconds)
        if decision.dry_run:
            return
        if decision.mutation is not None:
            self._mutations[decision.mutation,].inc()
        if path != VALIDATE:  # a pod goes through both, and is one pod
            return
        if decision.lookalike:
            self._lookalikes[()].inc()
        component = decision.component or "none"
        for violation in verdict.violations:
            self._violations[violation.rule, violation.mode, component].inc()
        for exempted in verdict.exempted:
            self._exempted[exempted.rule,].inc()
        if decision.distrusted is not None:
            self._untrusted[decision.distrusted,].inc()

    def guarded(self, operation: str, verdict: str, *, dry_run: bool) -> None:
        """Count an edit of a document's ConfigMap: *verdict* is allowed, warned, denied or ignored."""
        operation = operation if operation in OPERATIONS else "other"
        self._reviews[GUARD, operation, verdict, "true" if dry_run else "false"].inc()

    def refused(self, path: str) -> None:
        """Count a body on *path* that was no review."""
        self._reviews[path, "other", REFUSED, "false"].inc()

    def failed(self, path: str) -> None:
        """Count a review on *path* on which airlock failed, before its answer or after it."""
        self._reviews[path, "other", FAILED, "false"].inc()

    def dropped(self, reason: str) -> None:
        """Count a client that got no answer, or one that the routes do not know of: one of `DROPS`."""
        self._dropped[reason,].inc()

    def tasks_left_out(self, *, concerned: bool) -> None:
        """Show whether tasks go without what the documents say, since `/mutate` is not asked about them."""
        self._left_out.set(concerned)

    def watch(self, reader: str, silent: Callable[[], float]) -> None:
        """Show for how many seconds the thread *reader* has been *silent*."""
        self._readers[reader] = silent

    def sources(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Show what *counts* says of the ConfigMaps that `from` names, by state."""
        self._sources.follow(counts)

    def event(self, outcome: str, amount: int = 1) -> None:
        """Count *amount* decisions whose Event met *outcome*: one of `EVENTS`."""
        self._events[outcome,].inc(amount)

    def reloaded(self, document: str, outcome: str) -> None:
        """Count a change of *document*: one of `RELOADS`."""
        self._reloads[document, outcome].inc()

    def follow(self, document: str, revision: Callable[[], str], stale: Callable[[], float]) -> None:
        """Show the *revision* of *document* in force ("" for none), and for how many seconds it has been *stale*."""
        self._documents.add(Followed(document, revision, stale))

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics and their content type, in the format that the header *accept* asks for."""
        return exposition(self.registry, accept)

    def _counter(self, name: str, text: str, *labels: str) -> "_Children[Counter]":
        return _Children(Counter(f"airlock_{name}", text, labels, registry=self.registry))

    def _prepare(self, rules: tuple[str, ...]) -> None:
        """Create the series whose labels are known beforehand, at zero."""
        self._reviews.create((VALIDATE, o, v, "false") for o in OPERATIONS[:2] for v in (IGNORED, *VERDICTS.values()))
        self._reviews.create((MUTATE, "CREATE", verdict, "false") for verdict in (IGNORED, "allowed"))
        self._reviews.create(
            (p, "other", verdict, "false") for p in (VALIDATE, MUTATE, GUARD) for verdict in (REFUSED, FAILED)
        )
        self._duration.create((path,) for path in (VALIDATE, MUTATE))
        modes = (Mode.AUDIT, Mode.WARN, Mode.ENFORCE)
        self._violations.create((rule, mode, component) for rule in rules for mode in modes for component in Component)
        self._exempted.create((rule,) for rule in rules)
        self._mutations.create((outcome,) for outcome in Mutation)
        self._lookalikes.create([()])
        self._untrusted.create((component,) for component in Component)
        self._dropped.create((reason,) for reason in DROPS)
        self._events.create((outcome,) for outcome in EVENTS)
        self._reloads.create((document, outcome) for document in DOCUMENTS for outcome in RELOADS)


def _word(decision: Decision) -> str:
    if decision.component is None and not decision.verdict.violations:
        return IGNORED
    return VERDICTS[decision.verdict.mode]


class _Children(dict[tuple[str, ...], W]):
    """The series of a metric by their labels; prometheus_client takes a lock and compares strings to find one."""

    def __init__(self, metric: W) -> None:
        super().__init__()
        self._metric = metric

    def __missing__(self, labels: tuple[str, ...]) -> W:
        # A metric without labels is its own only series.
        child = self[labels] = self._metric.labels(*labels) if labels else self._metric
        return child

    def create(self, series: Iterable[tuple[str, ...]]) -> None:
        """Have *series* exist."""
        for labels in series:
            self[labels]  # asking for it makes it
