"""Whose pod is it: the table of charts, the executor's and operator's own labels, and when labels are believed.

The labels are those of the charts' pod templates: apache/airflow chart 1.15 to 1.22 (Astronomer's chart wraps it),
airflow-helm/charts 8.9.0, bitnami/airflow 25.1.0, Cloud Composer 2, and apache-airflow-providers-cncf-kubernetes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum


class Component(StrEnum):
    """The Airflow role of a workload."""

    SCHEDULER = "scheduler"
    DAG_PROCESSOR = "dag-processor"
    TRIGGERER = "triggerer"
    WORKER = "worker"
    API_SERVER = "api-server"
    WEBSERVER = "webserver"
    TASK = "task"  # pods of the KubernetesExecutor and the KubernetesPodOperator
    JOB = "job"  # migrations, create-user, cleanup
    SUPPORT = "support"  # redis, statsd, pgbouncer, flower, ...
    OTHER = "other"  # an Airflow chart's label with a component nobody knows


class Chart(StrEnum):
    """What made a pod: it decides the words of a fix."""

    OFFICIAL = "official"
    COMMUNITY = "community"
    BITNAMI = "bitnami"
    COMPOSER = "composer"  # a managed service: its owner cannot change it
    OPERATOR = "operator"  # KubernetesPodOperator and KubernetesJobOperator
    CUSTOM = "custom"  # the policy's own rows, and whatever `taskCreators` make


@dataclass(frozen=True, slots=True)
class Role:
    """The part a workload plays in an Airflow."""

    component: Component
    chart: Chart
    main: str | None  # the name of the component's own container; None when nobody knows
    kinds: frozenset[str] | None = None  # the kinds that may own it; None: those of the component

    def fits(self, kind: str | None) -> bool:
        """Return whether an object of *kind* can be the owner (or be the object) of this role.

        >>> Role(Component.SCHEDULER, Chart.OFFICIAL, "scheduler").fits("Job")
        False
        """
        allowed = OWNERS.get(self.component) if self.kinds is None else self.kinds
        return kind is not None and (allowed is None or kind in allowed)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: pods with all of *labels* play the role that label *key* names."""

    chart: Chart
    labels: Mapping[str, str | None]  # None: any value
    key: str
    roles: Mapping[str, Role]


_CONTROLLERS = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet"})

# What may own a pod of each component; a component that is not listed may come from anywhere.
OWNERS: dict[Component, frozenset[str]] = {
    Component.SCHEDULER: _CONTROLLERS,
    Component.DAG_PROCESSOR: _CONTROLLERS,
    Component.TRIGGERER: _CONTROLLERS,
    Component.WORKER: _CONTROLLERS,
    Component.API_SERVER: _CONTROLLERS,
    Component.WEBSERVER: _CONTROLLERS,
    Component.SUPPORT: _CONTROLLERS,
    Component.JOB: _CONTROLLERS | {"Job", "CronJob"},  # the community chart migrates from a Deployment
}

# The kind between a pod and the object that people write.
_BETWEEN = {"Deployment": "ReplicaSet", "CronJob": "Job"}


def _row(chart: Chart, labels: Mapping[str, str | None], key: str, roles: Mapping[str, tuple[Component, str]]) -> Row:
    return Row(chart, labels, key, {value: Role(part, chart, main) for value, (part, main) in roles.items()})


CHARTS: tuple[Row, ...] = (
    _row(
        Chart.OFFICIAL,
        {"tier": "airflow"},
        "component",
        {
            "scheduler": (Component.SCHEDULER, "scheduler"),
            "dag-processor": (Component.DAG_PROCESSOR, "dag-processor"),
            "triggerer": (Component.TRIGGERER, "triggerer"),
            "worker": (Component.WORKER, "worker"),
            "api-server": (Component.API_SERVER, "api-server"),
            "webserver": (Component.WEBSERVER, "webserver"),
            "run-airflow-migrations": (Component.JOB, "run-airflow-migrations"),
            "create-user-job": (Component.JOB, "create-user"),
            "airflow-cleanup-pods": (Component.JOB, "airflow-cleanup-pods"),
            "database-cleanup": (Component.JOB, "database-cleanup"),
            "redis": (Component.SUPPORT, "redis"),
            "statsd": (Component.SUPPORT, "statsd"),
            "pgbouncer": (Component.SUPPORT, "pgbouncer"),
            "flower": (Component.SUPPORT, "flower"),
            "otel-collector": (Component.SUPPORT, "otel-collector"),
        },
    ),
    _row(
        Chart.COMMUNITY,
        {"app": "airflow"},
        "component",
        {
            "scheduler": (Component.SCHEDULER, "airflow-scheduler"),
            "dag_processor": (Component.DAG_PROCESSOR, "airflow-dag-processor"),  # the fork for Airflow 3
            "triggerer": (Component.TRIGGERER, "airflow-triggerer"),
            "worker": (Component.WORKER, "airflow-worker"),
            "api-server": (Component.API_SERVER, "airflow-api-server"),
            "web": (Component.WEBSERVER, "airflow-web"),
            "db-migrations": (Component.JOB, "db-migrations"),
            "sync-users": (Component.JOB, "sync-airflow-users"),
            "sync-connections": (Component.JOB, "sync-airflow-connections"),
            "sync-pools": (Component.JOB, "sync-airflow-pools"),
            "sync-variables": (Component.JOB, "sync-airflow-variables"),
            "pgbouncer": (Component.SUPPORT, "pgbouncer"),
            "flower": (Component.SUPPORT, "airflow-flower"),
        },
    ),
    _row(
        Chart.BITNAMI,
        {"app.kubernetes.io/name": "airflow"},
        "app.kubernetes.io/component",
        {
            "scheduler": (Component.SCHEDULER, "airflow-scheduler"),
            "dag-processor": (Component.DAG_PROCESSOR, "airflow-dag-processor"),
            "triggerer": (Component.TRIGGERER, "airflow-triggerer"),
            "worker": (Component.WORKER, "airflow-worker"),
            "web": (Component.WEBSERVER, "airflow-web"),
            "setup-db": (Component.JOB, "airflow-setup-db"),
            "metrics": (Component.SUPPORT, "metrics"),
        },
    ),
    _row(
        Chart.COMPOSER,
        {"config_id": None, "run": "airflow-scheduler"},
        "run",
        {"airflow-scheduler": (Component.SCHEDULER, "airflow-scheduler")},
    ),
    _row(
        Chart.COMPOSER,
        {"config_id": None, "run": "airflow-webserver"},
        "run",
        {"airflow-webserver": (Component.WEBSERVER, "airflow-webserver")},
    ),
)

# What the executor's and the operators' own code labels the pods it makes with; the main container is `base` in both.
_EXECUTOR, _OPERATOR = "kubernetes_executor", "kubernetes_pod_operator"
_TASKS = {chart: Role(Component.TASK, chart, "base") for chart in Chart}


def custom_row(component: Component, labels: Mapping[str, str], container: str | None, kinds: Iterable[str]) -> Row:
    """Return the row of an installation's own chart: *labels* make *component*, whose own container is *container*."""
    owners = frozenset(kinds)
    owners |= {_BETWEEN[kind] for kind in owners if kind in _BETWEEN}
    key, value = next(iter(labels.items()))
    return Row(Chart.CUSTOM, dict(labels), key, {value: Role(component, Chart.CUSTOM, container, owners or None)})


def claim(labels: Mapping[str, str], rows: tuple[Row, ...] = CHARTS) -> Role | None:
    """Return the role that *labels* claim, or None when they claim nothing of Airflow's.

    The executor's and the operators' labels come first: their pods carry the chart's labels as well.

    >>> claim({"tier": "airflow", "component": "worker", "kubernetes_executor": "True"}).component.value
    'task'
    >>> claim({"tier": "airflow", "component": "kerberos"}).component.value
    'other'
    """
    if labels.get(_OPERATOR) == "True":
        return _TASKS[Chart.OPERATOR]
    executor = labels.get(_EXECUTOR) == "True"
    for row in rows:
        if all(key in labels and expected in (None, labels[key]) for key, expected in row.labels.items()):
            if executor:
                return _TASKS[row.chart]
            return row.roles.get(labels.get(row.key, "")) or Role(Component.OTHER, row.chart, None)
    return _TASKS[Chart.COMMUNITY] if executor else None  # only the community chart's template has no labels at all


def telling(rows: Iterable[Row]) -> dict[str, frozenset[str] | None]:
    """Return the labels that make a difference to `claim`: keys, and the values that do; None for any value."""
    truth = frozenset({"True"})
    found: dict[str, frozenset[str] | None] = {_EXECUTOR: truth, _OPERATOR: truth}

    def add(key: str, values: frozenset[str] | None) -> None:
        known = found.get(key, frozenset())
        found[key] = None if known is None or values is None else known | values

    for row in rows:
        add(row.key, frozenset(row.roles))
        for key, value in row.labels.items():
            add(key, None if value is None else frozenset({value}))
    return found


def task(role: Role | None) -> Role:
    """Return *role* as a task's: what is left when its labels are not believed, or nothing claims them."""
    return _TASKS[Chart.CUSTOM if role is None else role.chart]


def with_rows(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Return the table with *rows* before the built-in ones."""
    return (*rows, *CHARTS)
