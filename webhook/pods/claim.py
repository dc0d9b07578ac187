"""What a workload claims to be, by the labels of a chart, of the policy's rows, or of tasks."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from webhook.pods import charts
from webhook.pods.airflow import TASKS, Chart, Component, Role, Row
from webhook.pods.charts import CHARTS, HELM_CHART, KEYS, RELEASE, component_of, is_backing
from webhook.pods.own import candidates, resolved
from webhook.pods.workload import PodSpec

# What the executor's and the operators' own code labels the pods it makes with; the main container is `base` in both.
EXECUTOR = "kubernetes_executor"
OPERATORS = ("kubernetes_pod_operator", "spark_kubernetes_operator")
TRUE = frozenset({"true", "1", "t", "yes", "y", "on"})
_LABELS_OF_TASKS = frozenset({EXECUTOR, *OPERATORS})
_NOTHING = PodSpec()


class Claim(msgspec.Struct, frozen=True):
    """What the labels of a workload say; each role has the name of its own container, as far as it can be told."""

    part: Role | None = None  # of a component, by a chart's or the policy's labels
    task: Role | None = None  # by the executor's or an operator's label

    @property
    def role(self) -> Role | None:
        """The role where nothing else is known: a task's label wins, since tasks carry the chart's labels too."""
        return self.task or self.part


def claim(
    labels: Mapping[str, str], spec: PodSpec | None = None, rows: tuple[Row, ...] = CHARTS, *, rendered: bool = False
) -> Claim:
    """Return what *labels* claim for a pod of *spec*, whose containers prove a chart and have one that is the main one.

    *rendered* is whether something else says that Helm rendered it from a chart called airflow.

    >>> claim({"tier": "airflow", "component": "worker", "kubernetes_executor": "True"}).role.component.value
    'task'
    >>> claim({"tier": "airflow", "component": "kerberos"}).role.component.value
    'other'
    """
    given = _NOTHING if spec is None else spec
    part = _part(labels, given, rows, rendered=rendered)
    task = None
    if not _LABELS_OF_TASKS.isdisjoint(labels):
        if any(_says(labels, key) for key in OPERATORS):
            task = TASKS[Chart.OPERATOR]
        elif _says(labels, EXECUTOR):
            task = TASKS[_maker(part, given)]
    if spec is None:
        return Claim(part, task)
    return Claim(part and resolved(part, spec), task and resolved(task, spec))


def telling(rows: Iterable[Row]) -> dict[str, frozenset[str] | None]:
    """Return the labels that make a difference to `claim`: keys, and the values that do; None for any value."""
    found: dict[str, frozenset[str] | None] = dict.fromkeys((EXECUTOR, *OPERATORS, *KEYS, HELM_CHART, RELEASE))

    def add(key: str, values: frozenset[str] | None) -> None:
        known = found.get(key, frozenset())
        found[key] = None if known is None or values is None else known | values

    for row in rows:
        add(row.key, frozenset(row.roles))
        for key, value in row.labels.items():
            add(key, None if value is None else frozenset({value}))
    return found


def _says(labels: Mapping[str, str], key: str) -> bool:
    return labels.get(key, "").lower() in TRUE


def _part(labels: Mapping[str, str], spec: PodSpec, rows: tuple[Row, ...], *, rendered: bool) -> Role | None:
    for row in rows:
        if _matches(row, labels):
            role = _role(row, labels, spec)
            has_proof = rendered or charts.proven(row.chart, labels, spec, role.main)
            return role if has_proof else replace(role, chart=Chart.CUSTOM)
    return charts.overridden(labels, spec)


def _matches(row: Row, labels: Mapping[str, str]) -> bool:
    for key, expected in row.labels.items():
        given = labels.get(key)
        if given is None or expected not in (None, given):
            return False
    return True


def _role(row: Row, labels: Mapping[str, str], spec: PodSpec) -> Role:
    """Return the role that *row* gives a pod whose labels it matches: its own word for it, else anybody's."""
    if row.chart in (Chart.CUSTOM, Chart.COMPOSER):
        return row.roles.get(labels.get(row.key, "")) or Role(Component.OTHER, row.chart, None)
    role = row.roles.get(labels.get(row.key, ""))
    if role is not None:
        return role
    words = [labels[key] for key in (row.key, *KEYS) if key in labels]
    role = next((row.roles[word] for word in words if word in row.roles), None)
    if role is None:
        component = next((found for word in words if (found := component_of(word)) is not None), None)
        role = Role(component or _by_images(spec), row.chart, None)
    return role


def _by_images(spec: PodSpec) -> Component:
    """Return `support` for a pod of databases, caches and proxies alone."""
    images = [one.image or "" for one in candidates(spec)]
    return Component.SUPPORT if images and all(map(is_backing, images)) else Component.OTHER


def _maker(part: Role | None, spec: PodSpec) -> Chart:
    """Return the chart whose template a task was made from."""
    if part is not None:
        return part.chart
    return Chart.COMMUNITY if charts.is_communitys(spec) else Chart.CUSTOM
