"""The metrics of the controller, in a registry of their own."""

from collections.abc import Iterable, Mapping
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from certs.plan import AddAuthority, DropAuthorities, IssueLeaf, Publish, Rest, Step
from webhook.controller.audit.figures import AuditMetrics
from webhook.controller.configurations import KINDS, Configuration
from webhook.controller.scene import Scene
from webhook.observe import metrics
from webhook.status.documents import Seen, word

CA, LEAF, BUNDLE = "ca", "leaf", "ca-bundle"
STEPS: Mapping[type[Step], str] = {
    AddAuthority: "add-authority",
    DropAuthorities: "drop-authority",
    Publish: "publish",
    IssueLeaf: "issue-leaf",
    Rest: "rest",
}
WRITES = ("done", "stale", "failed")
PARTS = ("certificates", "ownership", "accepted", "exposure", "namespaces", "status")


class Telemetry:
    """What the controller counts and shows."""

    def __init__(self, configurations: Iterable[str] = ()) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # it has no hints
        self.registry = CollectorRegistry(auto_describe=True)
        self._expiry = self._gauge(
            "certificate_expiry_timestamp_seconds",
            "When the newest CA, the certificate in the Secret and the first caBundle expire; 0 if there is none",
            "certificate",
        )
        self._turns = self._counter("reconciles", "Reconciles of each part of the controller's work", "part", "outcome")
        self._steps = self._counter("certificate_steps", "Writes of certificates", "step", "outcome")
        self._last = self._gauge("reconcile_last_success_timestamp_seconds", "When the part last succeeded", "part")
        self._replicas = self._gauge(
            "replicas",
            "Replicas by the certificate they serve: from the newest CA, from another, or no answer",
            "serving",
        )
        self._present = self._gauge(
            "webhook_configuration_present", "Whether the webhook configuration exists", "kind", "name"
        )
        self._open = self._gauge("fails_open", "1 when the policy enforces and the validating webhook fails open")
        self._namespaces = self._gauge("break_glass_namespaces", "Namespaces with the break-glass label")
        self._sources = self._gauge(
            "source", "1 for what was last seen of each ConfigMap that `from` names", "namespace", "name", "state"
        )
        self._accepted = self._gauge("accepted_info", "1 for the accepted revision", "document", "revision")
        self._reloads = self._counter("policy_reloads", "Changes of a document, by outcome", "document", "outcome")
        self._events = self._counter("events", "Announcements, by what happened to their Event", "outcome")
        self._names = tuple(configurations)
        self.audit = AuditMetrics(self.registry)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self._prepare()

    def saw(self, scene: Scene) -> None:
        """Show what *scene* holds."""
        seen = scene.observed
        newest = seen.authorities[-1] if seen.authorities else None
        self._expiry.labels(CA).set(_timestamp(newest.not_after if newest else None))
        self._expiry.labels(LEAF).set(_timestamp(seen.leaf.not_after if seen.leaf else None))
        serving = {"current": 0, "other": 0, "silent": 0}
        for replica in seen.replicas:
            current = replica.leaf is not None and newest is not None and replica.leaf.issuer == newest.mark
            serving["silent" if replica.leaf is None else "current" if current else "other"] += 1
        for what, number in serving.items():
            self._replicas.labels(what).set(number)

    def configured(self, configurations: Iterable[Configuration]) -> None:
        """Show which *configurations* are there and when what they trust is over."""
        there = {(c.kind, c.name): c for c in configurations}
        for kind, name in ((kind, name) for kind in KINDS for name in self._names):
            self._present.labels(kind, name).set((kind, name) in there)
        ends = [
            max((_timestamp(authority.not_after) for authority in entry.trust.authorities), default=0.0)
            for c in there.values()
            for entry in c.entries
        ]
        self._expiry.labels(BUNDLE).set(min(ends, default=0.0))

    def stepped(self, step: Step, outcome: str) -> None:
        """Count a write."""
        self._steps.labels(STEPS[type(step)], outcome).inc()

    def turned(self, part: str, now: datetime, *, good: bool) -> None:
        """Count a look at *part* of the work."""
        self._turns.labels(part, "done" if good else "failed").inc()
        if good:
            self._last.labels(part).set(now.timestamp())

    def opened(self, *, fails_open: bool) -> None:
        """Show whether the policy enforces while the webhook fails open."""
        self._open.set(fails_open)

    def skipped(self, namespaces: int) -> None:
        """Show how many *namespaces* are left alone."""
        self._namespaces.set(namespaces)

    def sources(self, found: Mapping[tuple[str, str], Seen]) -> None:
        """Show what is known of each ConfigMap that `from` names, by namespace and name."""
        self._sources.clear()
        for (namespace, name), seen in found.items():
            self._sources.labels(namespace, name, word(seen)).set(1)

    def accepted(self, revisions: Mapping[str, str]) -> None:
        """Show the accepted *revisions* by document."""
        self._accepted.clear()
        for document, revision in revisions.items():
            self._accepted.labels(document, revision).set(1)

    def reloaded(self, document: str, outcome: str) -> None:
        """Count a change of *document*."""
        self._reloads.labels(document, outcome).inc()

    def event(self, outcome: str, amount: int = 1) -> None:
        """Count *amount* announcements whose Event met *outcome*."""
        self._events.labels(outcome).inc(amount)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """Return all metrics and their content type, in the format that the header *accept* asks for."""
        return metrics.exposition(self.registry, accept)

    def _prepare(self) -> None:
        """Create the series whose labels are known beforehand, so that `rate()` sees their first increase."""
        for step in STEPS.values():
            for outcome in WRITES if step != "rest" else ():
                self._steps.labels(step, outcome)
        for part in PARTS:
            for outcome in ("done", "failed"):
                self._turns.labels(part, outcome)
        for document in metrics.DOCUMENTS:
            for outcome in metrics.RELOADS:
                self._reloads.labels(document, outcome)
        for outcome in metrics.EVENTS:
            self._events.labels(outcome)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"airlock_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"airlock_{name}", text, labels, registry=self.registry)


def _timestamp(moment: datetime | None) -> float:
    return moment.timestamp() if moment is not None else 0.0
