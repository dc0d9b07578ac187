"""The audit's metrics: what the last run saw, replaced all at once, in a bounded number of series."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum

import msgspec
from prometheus_client import CollectorRegistry, Metric
from prometheus_client import Counter as CounterMetric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from webhook.audit.findings import is_shared
from webhook.audit.survey import Survey
from webhook.pods.airflow import Component
from webhook.rules.finding import Mode

MOST_SERIES = 500  # of airlock_audit_findings, and of airlock_audit_would_not_return
OTHER = "other"  # the namespace that stands for those beyond


class Outcome(StrEnum):
    """What became of a run."""

    DONE = "done"
    PARTIAL = "partial"  # not all of the cluster was known
    FAILED = "failed"


Finding = tuple[str, Mode, Component, str]  # rule, mode, component, namespace


class Figures(msgspec.Struct, frozen=True):
    """What one run saw, in numbers."""

    findings: Mapping[Finding, int] = msgspec.field(default_factory=dict)
    lost: Mapping[str, int] = msgspec.field(default_factory=dict)  # pods that would not return, by namespace
    pods: int = 0
    capped: bool = False  # whether namespaces had to be summed up


class Count:
    """Figures while surveys come in, in the unit of `Survey.findings`."""

    def __init__(self) -> None:
        self.findings: Counter[Finding] = Counter()
        self.lost: Counter[str] = Counter()
        self.pods = 0
        self._shared: set[tuple[str, ...]] = set()

    def add(self, survey: Survey) -> None:
        """Take note of a *survey* of further groups."""
        self.pods += survey.pods
        for group in survey.groups:
            self.lost[group.namespace] += 0 if group.admission is False and survey.basis.installed else group.lost
        for told in survey.findings:
            if is_shared(told.violation.rule):  # an earlier survey may have it
                if told.violation.key in self._shared:
                    continue
                self._shared.add(told.violation.key)
            self.findings[told.violation.rule, told.violation.mode, told.group.component, told.group.namespace] += 1

    def figures(self, most: int = MOST_SERIES) -> Figures:
        """Return what was counted, in at most *most* series each."""
        shown = _shown(self.findings, self.lost, most)
        if shown >= self.lost.keys():
            return Figures(self.findings, self.lost, self.pods)
        summed: Counter[Finding] = Counter()
        for (rule, mode, component, namespace), count in self.findings.items():
            summed[rule, mode, component, namespace if namespace in shown else OTHER] += count
        others: Counter[str] = Counter()
        for namespace, count in self.lost.items():
            others[namespace if namespace in shown else OTHER] += count
        return Figures(summed, others, self.pods, capped=True)


def _shown(findings: Mapping[Finding, int], lost: Mapping[str, int], most: int) -> frozenset[str]:
    """Return the namespaces that have series of their own: those with the most findings, as long as all others fit."""
    series: dict[str, set[tuple[str, Mode, Component]]] = {namespace: set() for namespace in lost}
    weight: Counter[str] = Counter()
    for (rule, mode, component, namespace), count in findings.items():
        series[namespace].add((rule, mode, component))
        weight[namespace] += count
    if sum(map(len, series.values())) <= most and len(lost) <= most:
        return frozenset(lost)
    rest = len(set().union(*series.values()))  # what "other" may need
    shown: set[str] = set()
    used = rest
    for namespace in sorted(series, key=lambda name: (-weight[name], -lost[name], name)):
        used += len(series[namespace])
        if used > most or len(shown) + 1 >= most:
            break
        shown.add(namespace)
    return frozenset(shown)


class AuditMetrics(Collector):
    """Shows the figures of the last run; swapped whole, so that no scrape sees half of them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._figures = Figures()
        self._last: datetime | None = None
        self._seconds = 0.0
        self._complete: bool | None = None
        text = "Audits, by outcome"
        self._runs = CounterMetric("airlock_audit_runs", text, ["outcome"], registry=registry)
        for outcome in Outcome:
            self._runs.labels(outcome.value)
        registry.register(self)

    def ran(self, found: Figures, at: datetime, seconds: float, *, complete: bool) -> None:
        """Show *found*, of a run that was over *at* and took so many *seconds*."""
        self._figures, self._last, self._seconds, self._complete = found, at, seconds, complete
        self._runs.labels((Outcome.DONE if complete else Outcome.PARTIAL).value).inc()

    def failed(self) -> None:
        """Count a run that came to nothing; what was seen before stays."""
        self._complete = False
        self._runs.labels(Outcome.FAILED.value).inc()

    def collect(self) -> Iterator[Metric]:
        """Yield what the last run saw."""
        found = self._figures
        findings = GaugeMetricFamily(
            "airlock_audit_findings",
            "Findings in what runs, as airlock audit counts them: one cause is one finding",
            labels=["rule", "mode", "component", "namespace"],
        )
        for (rule, mode, component, namespace), count in sorted(found.findings.items()):
            findings.add_metric([rule, mode.value, component.value, namespace], count)
        yield findings
        lost = GaugeMetricFamily(
            "airlock_audit_would_not_return",
            "Running pods that would be denied if they were recreated now",
            labels=["namespace"],
        )
        for namespace, count in sorted(found.lost.items()):
            lost.add_metric([namespace], count)
        yield lost
        last = self._last.timestamp() if self._last is not None else None
        pods, seconds, capped = (found.pods, self._seconds, found.capped) if self._last is not None else (None,) * 3
        yield _gauge("pods", "Running Airflow pods in the last audit", pods)
        yield _gauge("last_run_timestamp_seconds", "When the last audit finished", last)
        yield _gauge("duration_seconds", "How long the last audit took", seconds)
        yield _gauge("complete", "1 when the last audit knew all pods", self._complete)
        yield _gauge("series_capped", "1 when namespaces are summed up as 'other'", capped)


def _gauge(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    """Return the gauge, without a sample as long as nothing is known: zero would be a lie, and a reason for alerts."""
    return GaugeMetricFamily(f"airlock_audit_{name}", text, value=value)
