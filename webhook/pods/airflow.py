"""What a pod of Airflow is: components, roles, the owners they can have, and the rows that map labels to them."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

import msgspec

from webhook.pods.workload import OwnerReference


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
    """What made a pod, as far as there is evidence for it: it decides the words of a fix."""

    OFFICIAL = "official"
    COMMUNITY = "community"
    BITNAMI = "bitnami"
    COMPOSER = "composer"  # a managed service: its owner cannot change it
    OPERATOR = "operator"  # KubernetesPodOperator, KubernetesJobOperator, SparkKubernetesOperator
    CUSTOM = "custom"  # the policy's own rows, whatever `taskCreators` make, and labels without evidence of a chart


_CONTROLLERS = frozenset({"Deployment", "ReplicaSet", "ReplicationController", "StatefulSet", "DaemonSet"})

# What may make each component; a component that is not listed may come from anywhere.
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

# The API groups of the kinds that are Kubernetes' own: anybody may write `kind: ReplicaSet` of another group.
GROUPS = {
    "Deployment": "apps",
    "ReplicaSet": "apps",
    "StatefulSet": "apps",
    "DaemonSet": "apps",
    "ReplicationController": "",
    "Job": "batch",
    "CronJob": "batch",
}
# What stands between a pod and the object that people write: a pod's owner is never that object itself.
_BETWEEN = {"Deployment": "ReplicaSet", "CronJob": "Job"}


class Role(msgspec.Struct, frozen=True):
    """The part a workload plays in an Airflow."""

    component: Component
    chart: Chart
    main: str | None  # the name of the component's own container; None when it cannot be told
    kinds: frozenset[str] | None = None  # those that a row of the policy names; None: those of the component

    def fits(self, kind: str | None) -> bool:
        """Return whether an object of *kind* with a pod template can make this role.

        >>> Role(Component.SCHEDULER, Chart.OFFICIAL, "scheduler").fits("Job")
        False
        """
        if kind is None:
            return False
        if self.kinds is not None:
            return kind in self.kinds or kind in _between(self.kinds)
        allowed = OWNERS.get(self.component)
        return allowed is None or kind in allowed

    def is_owned_by(self, owner: OwnerReference | None) -> bool:
        """Return whether *owner* can be the controller of a pod of this role.

        >>> scheduler = Role(Component.SCHEDULER, Chart.OFFICIAL, "scheduler")
        >>> scheduler.is_owned_by(OwnerReference(api_version="apps/v1", kind="ReplicaSet"))
        True
        >>> scheduler.is_owned_by(OwnerReference(api_version="example.com/v1", kind="ReplicaSet"))
        False
        """
        if owner is None or owner.kind in _BETWEEN:
            return False
        if self.kinds is not None and owner.kind in self.kinds:
            return True  # a kind that the policy names counts by its name
        group, _, _ = owner.api_version.rpartition("/")
        return self.fits(owner.kind) and group == GROUPS.get(owner.kind, group)


def _between(kinds: frozenset[str]) -> frozenset[str]:
    return frozenset(_BETWEEN[kind] for kind in kinds if kind in _BETWEEN)


class Row(msgspec.Struct, frozen=True):
    """One row of the table: pods with all of *labels* play the role that label *key* names."""

    chart: Chart
    labels: Mapping[str, str | None]  # None: any value
    key: str
    roles: Mapping[str, Role]


def custom_row(component: Component, labels: Mapping[str, str], container: str | None, kinds: Iterable[str]) -> Row:
    """Return the row of an installation's own chart: *labels* make *component*, whose own container is *container*."""
    key, value = next(iter(labels.items()))
    role = Role(component, Chart.CUSTOM, container, frozenset(kinds) or None)
    return Row(Chart.CUSTOM, dict(labels), key, {value: role})


TASKS = {chart: Role(Component.TASK, chart, "base") for chart in Chart}


def task(role: Role | None) -> Role:
    """Return *role* as a task's: what is left when its labels are not believed, or nothing claims them."""
    return TASKS[Chart.CUSTOM if role is None else role.chart]
