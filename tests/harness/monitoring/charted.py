"""The dashboard and the alerts as the chart makes them, and what their expressions speak of."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from tests.harness.chart.rendering import CHART, Object, of_kind, one, render
from webhook.controller.telemetry import Telemetry
from webhook.observe.metrics import Metrics
from webhook.rules.catalogue import RULES

MONITORING = ("--api-versions", "monitoring.coreos.com/v1")
ON: dict[str, dict[str, Any]] = {
    "dashboard": {"enabled": True},
    "prometheusRule": {"enabled": True, "level": "all"},
    "serviceMonitor": {"enabled": True},
}
JOB = "airlock-metrics"
API_SERVER = frozenset(
    {"apiserver_admission_webhook_rejection_count", "apiserver_admission_webhook_fail_open_count"},
)
# Grafana's variables, as Grafana fills them in for somebody who looks at everything.
VARIABLES = {
    "$__rate_interval": "{window}",
    "$__range": "{window}",
    "$job": f"({JOB})",
    "$cluster": ".*",
    "$namespace": ".*",
}


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel."""

    panel: str
    expr: str
    legend: str

    def filled(self, window: str = "5m") -> str:
        """Return the expression as Grafana sends it, over *window*."""
        found = self.expr
        for name, value in VARIABLES.items():
            found = found.replace(name, value.format(window=window))
        return found


def objects(**values: Any) -> list[Object]:
    """Return what the chart makes with dashboard and alerts, and with *values*."""
    return render({**ON, **values}, arguments=MONITORING)


@cache
def dashboard() -> Object:
    """Return the dashboard out of its ConfigMap."""
    (text,) = one(objects(), "ConfigMap", "airlock-dashboard")["data"].values()
    found: Object = json.loads(text)
    return found


@cache
def panels() -> list[Object]:
    """Return the panels of the dashboard that show something."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


@cache
def queries() -> list[Query]:
    """Return every query of the dashboard."""
    return [Query(panel["title"], t["expr"], t["legendFormat"]) for panel in panels() for t in panel["targets"]]


@cache
def alerts() -> dict[str, Object]:
    """Return the alerts of the chart's file, by their names."""
    groups = yaml.safe_load((CHART / "files/alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def alerts_of(made: list[Object]) -> dict[str, Object]:
    """Return the alerts among the objects that the chart *made*, by their names."""
    (found,) = of_kind(made, "PrometheusRule")
    return {rule["alert"]: rule for group in found["spec"]["groups"] for rule in group["rules"]}


def selectors(expr: str) -> Iterator[tuple[str, str]]:
    """Yield each metric in *expr* with its matchers.

    >>> list(selectors('sum by (a) (rate(b_total{c=~"d|e"}[5m])) / count(f{})'))
    [('b_total', 'c=~"d|e"'), ('f', '')]
    """
    yield from re.findall(r"([a-zA-Z_:][\w:]*)\{([^}]*)\}", expr)


@cache
def shown() -> set[str]:
    """Return the names of the metrics that a replica and the controller show."""
    text = "".join(m.exposition()[0].decode() for m in (Metrics(RULES), Telemetry(["airlock"])))
    return set(re.findall(r"^(?:# HELP )?([a-zA-Z_:][\w:]*)", text, re.MULTILINE))
