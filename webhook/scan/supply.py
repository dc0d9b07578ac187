"""Where objects come from: a cluster or a dump of one, behind the same interface."""

from collections.abc import Iterator
from typing import Protocol

import msgspec


class Collection(msgspec.Struct, frozen=True):
    """All objects of one kind."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None, name: str = "") -> str:
        """Return where the API server has the collection, of all namespaces if *namespace* is None, or one object.

        >>> PODS.path("airflow"), DEPLOYMENTS.path(None)
        ('/api/v1/namespaces/airflow/pods', '/apis/apps/v1/deployments')
        """
        root = f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{namespace}" if namespace is not None else ""
        return f"{root}{within}/{self.plural}{f'/{name}' if name else ''}"


PODS = Collection("", "v1", "pods", "Pod")
NODES = Collection("", "v1", "nodes", "Node", namespaced=False)
NAMESPACES = Collection("", "v1", "namespaces", "Namespace", namespaced=False)
CONFIG_MAPS = Collection("", "v1", "configmaps", "ConfigMap")
SECRETS = Collection("", "v1", "secrets", "Secret")
EVENTS = Collection("events.k8s.io", "v1", "events", "Event")
CORE_EVENTS = Collection("", "v1", "events", "Event")  # the same ones, as kubectl prints them into a dump
REGISTRATIONS = Collection(
    "admissionregistration.k8s.io",
    "v1",
    "validatingwebhookconfigurations",
    "ValidatingWebhookConfiguration",
    namespaced=False,
)
DEPLOYMENTS = Collection("apps", "v1", "deployments", "Deployment")

# What makes pods and is made by people; the second version for servers before 1.21.
WORKLOADS: tuple[tuple[Collection, ...], ...] = (
    (DEPLOYMENTS,),
    (Collection("apps", "v1", "statefulsets", "StatefulSet"),),
    (Collection("apps", "v1", "daemonsets", "DaemonSet"),),
    (Collection("batch", "v1", "cronjobs", "CronJob"), Collection("batch", "v1beta1", "cronjobs", "CronJob")),
    (Collection("batch", "v1", "jobs", "Job"),),
)


class Supply(Protocol):
    """A cluster, or a dump; both ask for nothing but `get` and `list`, and raise `webhook.scan.pages.ListError`."""

    @property
    def name(self) -> str:
        """What it is in words: "the cluster"."""

    def items(self, collection: Collection, namespace: str | None) -> Iterator[msgspec.Raw]:
        """Yield each object of *collection*, in all namespaces if *namespace* is None.

        A status of 404 in the error says that there is no such collection.
        """

    def item(self, collection: Collection, namespace: str | None, name: str) -> msgspec.Raw | bytes | None:
        """Return one object; None when there is none."""
