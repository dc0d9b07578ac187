"""Which values of which chart give an image: the table behind the words of a fix, and behind `airlock fix`.

`make test-charts` tries them in real charts: apache/airflow 1.8 to 1.22, airflow-helm/charts 8 and its forks up to 11,
bitnami/airflow 14 to 25. The official chart's `images.airflow.pullPolicy` and `images.airflow.digest` do not reach the
workers of the KubernetesExecutor, whose image is `worker_container_repository:worker_container_tag`
(apache/airflow#58625).
"""

import re

import msgspec
from msgspec.structs import replace

from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.image import Image, ImageError, parse
from webhook.pods.provenance import UNKNOWN, Provenance

WORKER_TAG = "AIRFLOW__KUBERNETES_EXECUTOR__WORKER_CONTAINER_TAG"
_SINGLE_IMAGE = 21  # from this major on, Bitnami's chart has one image for all components
_OWN_LISTS = (1, 20)  # from this version on, the official chart's workers of one kind have lists of their own too
_KINDS = {Component.WORKER: "celery", Component.TASK: "kubernetes"}

_WORKER = ("config.kubernetes_executor.worker_container_repository", "config.kubernetes_executor.worker_container_tag")
_GIT_SYNC = frozenset({"git-sync", "git-sync-init", "dags-git-clone", "dags-git-sync"})
_OFFICIAL_AIRFLOW = frozenset({"wait-for-airflow-migrations", "kerberos-init", "worker-kerberos", "create-user"})
_MIGRATIONS = frozenset({"wait-for-airflow-migrations", "run-airflow-migrations"})
_OFFICIAL_OTHERS = {
    "flower": "images.flower", "redis": "images.redis", "statsd": "images.statsd", "pgbouncer": "images.pgbouncer",
    "metrics-exporter": "images.pgbouncerExporter", "otel-collector": "images.otelCollector",
}  # fmt: skip
_COMMUNITY_AIRFLOW = frozenset({"check-db", "wait-for-db-migrations", "install-pip-packages", "log-cleanup"})
_BITNAMI_AIRFLOW = frozenset(
    {
        "prepare-config", "prepare-web-config", "prepare-venv", "load-dags", "load-plugins", "sync-dags",
        "sync-plugins", "wait-for-db-migrations", "setup-db",
    }
)  # fmt: skip
# The top-level values of each component.
_OFFICIAL_VALUES = {
    Component.SCHEDULER: "scheduler", Component.WORKER: "workers", Component.TASK: "workers",
    Component.TRIGGERER: "triggerer", Component.DAG_PROCESSOR: "dagProcessor", Component.WEBSERVER: "webserver",
    Component.API_SERVER: "apiServer",
}  # fmt: skip
_OFFICIAL_NAMED = {
    "run-airflow-migrations": "migrateDatabaseJob", "create-user": "createUserJob", "flower": "flower",
    "pgbouncer": "pgbouncer",
}  # fmt: skip
_COMMUNITY_VALUES = {
    Component.SCHEDULER: "scheduler", Component.WORKER: "workers", Component.TRIGGERER: "triggerer",
    Component.WEBSERVER: "web", Component.SUPPORT: "flower", Component.TASK: "airflow.kubernetesPodTemplate",
}  # fmt: skip
_BITNAMI_VALUES = {
    Component.SCHEDULER: "scheduler", Component.WORKER: "worker", Component.TASK: "worker", Component.WEBSERVER: "web",
    Component.TRIGGERER: "triggerer", Component.DAG_PROCESSOR: "dagProcessor", Component.JOB: "setupDBJob",
}  # fmt: skip


class Site(msgspec.Struct, frozen=True):
    """Where an image stands, and what else is known of it."""

    role: Role
    container: str
    image: Image
    field: str = "containers"
    beside: str = ""  # the image of the component's own container, in the same pod
    chart_version: str = ""  # "25.1.0"
    provenance: Provenance = UNKNOWN
    elsewhere: bool | None = None  # whether the Airflow's own components run another repository; None: not known
    always: bool = True  # whether the policy is content with imagePullPolicy: Always


class Keys(msgspec.Struct, frozen=True):
    """The values that decide about an image, as paths; "" for what the chart has no value for."""

    tag: str
    policy: str
    digest: str = ""
    note: str = ""
    variable: str = ""  # the variable that gives the tag; *tag* is then the list of variables it stands in
    halves: tuple[str, str] | tuple[()] = ()  # repository and tag: `repository@sha256` and the digits make a digest


class Listed(msgspec.Struct, frozen=True):
    """The values that list the container: whole lists, which the user wrote."""

    lists: tuple[str, ...]


def keys_of(site: Site) -> Keys | Listed | None:
    """Return the values that give *site* its image, None when no known chart made it."""
    chart = site.role.chart
    if chart is Chart.CUSTOM and site.provenance.chart:
        chart = Chart(site.provenance.chart)
    find = {Chart.OFFICIAL: _official, Chart.COMMUNITY: _community, Chart.BITNAMI: _bitnami}.get(chart)
    return None if find is None else _below(site.provenance.under, find(site))


def is_redirected(site: Site) -> bool:
    """Return whether a worker's tag, or a migration's, is another than the scheduler's: another value gives it."""
    for text in (site.provenance.scheduler, site.beside):
        try:
            other = parse(text) if text else None
        except ImageError:
            other = None
        if other is None or other.digest is not None:
            continue
        if (other.repository, other.effective_tag) != (site.image.repository, site.image.effective_tag):
            return True
    return False


def _below(under: str | None, found: Keys | Listed) -> Keys | Listed:
    if not under:
        return found
    if isinstance(found, Listed):
        return Listed(tuple(f"{under}.{one}" for one in found.lists))
    paths = (path and f"{under}.{path}" for path in (found.tag, found.policy, found.digest, *found.halves))
    tag, policy, digest, *halves = paths
    return replace(found, tag=tag, policy=policy, digest=digest, halves=(halves[0], halves[1]) if halves else ())


def _image(prefix: str, *, digest: bool = False) -> Keys:
    halves = () if digest else (f"{prefix}.repository", f"{prefix}.tag")
    return Keys(f"{prefix}.tag", f"{prefix}.pullPolicy", f"{prefix}.digest" if digest else "", halves=halves)


def _official(site: Site) -> Keys | Listed:
    role, name = site.role, site.container
    own = name == role.main
    if name in _GIT_SYNC:
        return _image("images.gitSync")
    if role.component is Component.TASK:
        return _official_task(site, own=own)
    if name in _OFFICIAL_OTHERS and (own or role.component is Component.SUPPORT):
        return _image(_OFFICIAL_OTHERS[name])
    if name in _MIGRATIONS and is_redirected(site):  # images.useDefaultImageForMigration
        return Keys("defaultAirflowTag", "images.airflow.pullPolicy", "defaultAirflowDigest")
    if own or name in _OFFICIAL_AIRFLOW or name.endswith("-log-groomer"):
        return _image("images.airflow", digest=True)
    return _official_lists(site)


def _official_task(site: Site, *, own: bool) -> Keys | Listed:
    provenance = site.provenance
    policy = "images.airflow.pullPolicy" if provenance.astronomer else "images.pod_template.pullPolicy"
    if not own:
        if site.container in _OFFICIAL_AIRFLOW:
            return Keys("images.pod_template.tag", "images.airflow.pullPolicy")
        return _official_lists(site)
    if provenance.composed is False:
        return Keys("images.pod_template.tag", policy)
    if provenance.variable:
        return Keys("env", policy, variable=provenance.variable)
    if is_redirected(site):
        return Keys(_WORKER[1], policy, halves=_WORKER)
    reach = (
        "images.airflow.digest does"
        if provenance.astronomer
        else "images.airflow.pullPolicy and images.airflow.digest do"
    )
    note = f"{reach} not reach worker pods"
    return Keys("images.airflow.tag", policy, note=note, halves=_WORKER)


def _official_lists(site: Site) -> Listed:
    role = site.role
    values = _OFFICIAL_VALUES.get(role.component) or _OFFICIAL_NAMED.get(role.main or "") or "<component>"
    every = _lists(site, values).lists
    number = re.match(r"(\d+)\.(\d+)\.", site.chart_version)
    is_older = number is not None and (int(number[1]), int(number[2])) < _OWN_LISTS
    kind = None if is_older else _KINDS.get(role.component)
    return Listed(every if kind is None else (*_lists(site, f"{values}.{kind}").lists, *every))


def _lists(site: Site, values: str, *, inits: str = "extraInitContainers", others: str = "extraContainers") -> Listed:
    return Listed((f"{values}.{inits if site.field == 'initContainers' else others}",))


def _community(site: Site) -> Keys | Listed:
    role, name = site.role, site.container
    if name in _GIT_SYNC:
        return _image("dags.gitSync.image")
    if role.component is Component.TASK and name == role.main and re.match(r"8\.[0-4]\.", site.chart_version):
        return replace(_community_own(site), policy="", note="this chart's pod template has its own imagePullPolicy")
    if name == "pgbouncer":
        return _image("pgbouncer.image")
    if name == role.main or name in _COMMUNITY_AIRFLOW:
        return _community_own(site)
    found = _lists(site, _COMMUNITY_VALUES.get(role.component, "<component>"))
    return found if role.component is Component.TASK else Listed(("airflow.extraContainers", *found.lists))


def _community_own(site: Site) -> Keys:
    if site.role.component is Component.TASK and site.container == site.role.main and is_redirected(site):
        return Keys(f"airflow.config.{site.provenance.variable or WORKER_TAG}", "airflow.image.pullPolicy")
    return _image("airflow.image")


def _bitnami(site: Site) -> Keys | Listed:
    role, name = site.role, site.container
    values = _BITNAMI_VALUES.get(role.component, "<component>")
    if name == "metrics":
        return _image("metrics.image", digest=True)
    if name == role.main or name in _BITNAMI_AIRFLOW:
        image = _bitnami_image(site, values)
        if role.component is not Component.TASK:
            return _image(image, digest=True)
        return Keys(f"{image}.tag", f"{image}.pullPolicy", note=f"{image}.digest does not reach worker pods")
    if re.fullmatch(r"(?:clone|sync)-repositor(?:y|ies)|git-(?:clone|sync).*", name):
        return _image("git.image", digest=True)
    inits = "initContainers" if site.field == "initContainers" else "sidecars"
    return Listed((f"{values}.{inits}", inits))


def _bitnami_image(site: Site, values: str) -> str:
    """Return the value of the image: older majors have one for each of three components."""
    major = site.chart_version.partition(".")[0]
    last = site.image.repository.rpartition("/")[2]
    if last in ("airflow-scheduler", "airflow-worker"):
        return f"{last.removeprefix('airflow-')}.image"
    if major.isdecimal() and int(major) < _SINGLE_IMAGE:
        return f"{values if values in ('web', 'scheduler', 'worker') else 'web'}.image"
    return "image"
