"""Finds the component's own container in a pod, among sidecars that others add."""

from collections.abc import Iterator

from msgspec.structs import replace

from webhook.pods.airflow import Component, Role
from webhook.pods.charts import component_of
from webhook.pods.workload import Container, PodSpec

# Containers that charts, service meshes and agents put beside a component's own: by name, and by the last part of the
# image's path.
_SIDECARS = frozenset(
    {
        *("istio-proxy", "linkerd-proxy", "envoy", "envoy-sidecar", "consul-dataplane", "kuma-sidecar", "daprd"),
        *("vault-agent", "cloud-sql-proxy", "cloudsql-proxy", "cloud-sql-auth-proxy", "oauth2-proxy"),
        *("git-sync", "dags-git-sync", "sync-dags", "sync-plugins", "gcs-syncd", "s3-sync", "log-cleanup"),
        *("airflow-xcom-sidecar", "metrics-exporter", "metrics", "statsd-exporter", "worker-kerberos", "kerberos"),
        *("fluent-bit", "fluentd", "filebeat", "promtail", "vector", "datadog-agent", "otel-collector"),
    }
)
_SIDECAR_ENDS = ("-log-groomer", "-log-cleanup", "-xcom-sidecar")
_SIDECAR_IMAGES = frozenset(
    {"proxyv2", "git-sync", "cloud-sql-proxy", "gce-proxy", "envoy", "vault", "oauth2-proxy", "fluent-bit", "promtail"}
)


def is_sidecar(container: Container) -> bool:
    """Return whether *container* is known to stand beside others.

    >>> is_sidecar(Container("scheduler-log-groomer")), is_sidecar(Container("scheduler"))
    (True, False)
    """
    path = (container.image or "").partition("@")[0].rpartition("/")[2].partition(":")[0]
    return container.name in _SIDECARS or container.name.endswith(_SIDECAR_ENDS) or path in _SIDECAR_IMAGES


def candidates(spec: PodSpec) -> Iterator[Container]:
    """Yield the containers of *spec* that may be the component's own."""
    return (one for one in spec.containers or () if not is_sidecar(one))


def resolved(role: Role, spec: PodSpec) -> Role:
    """Return *role* with the name that its own container has in *spec*, None where that cannot be told.

    In this order: the name that the row gives; a container named like the component; for tasks `base`, else the first
    that is not a known sidecar; for all others the only one that is not a known sidecar.
    """
    main = _main(role, spec)
    return role if main == role.main else replace(role, main=main)


def _main(role: Role, spec: PodSpec) -> str | None:
    names = [one.name for one in spec.containers or ()]
    if role.main in names:  # the usual case, in every chart's own pods
        return role.main
    if named := next((name for name in names if component_of(name) is role.component), None):
        return named
    found = [one.name for one in candidates(spec)]
    if role.component is Component.TASK:
        return "base" if "base" in names else next(iter(found), None)
    return found[0] if len(found) == 1 else None
