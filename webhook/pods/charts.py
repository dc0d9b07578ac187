"""The table of charts: the labels of their pod templates, their names for components, and what proves a chart.

Read from apache/airflow chart 1.15 to 1.22 (Astronomer's chart wraps it), airflow-helm/charts 8.9.0, bitnami/airflow
25.1.0 and Cloud Composer 2. Anyone can use labels such as `app: airflow`: they only say that a pod is Airflow's and
which component.
"""

import re
from collections.abc import Iterable, Mapping

from webhook.pods.airflow import Chart, Component, Role, Row
from webhook.pods.workload import Container, PodSpec

# What charts and people call the components, in every row alike.
WORDS: dict[str, Component] = {
    **dict.fromkeys(("scheduler",), Component.SCHEDULER),
    **dict.fromkeys(("dag-processor", "dagprocessor", "dag-processor-manager"), Component.DAG_PROCESSOR),
    **dict.fromkeys(("triggerer", "triggerers"), Component.TRIGGERER),
    **dict.fromkeys(("worker", "workers", "celery-worker", "celery-workers"), Component.WORKER),
    **dict.fromkeys(("api-server", "apiserver"), Component.API_SERVER),
    **dict.fromkeys(("webserver", "web-server", "web"), Component.WEBSERVER),
    **dict.fromkeys(
        (
            *("run-airflow-migrations", "run-migrations", "migrations", "migration", "migrate", "db-migrations"),
            *("db-migrate", "db-upgrade", "upgradedb", "db-init", "init-db", "initdb", "setup-db", "init"),
            *("migrate-database-job", "create-user-job", "create-user", "cleanup-pods", "cleanup", "database-cleanup"),
            *("db-cleanup", "sync-users", "sync-connections", "sync-pools", "sync-variables"),
        ),
        Component.JOB,
    ),
    **dict.fromkeys(
        (
            *("redis", "valkey", "rabbitmq", "memcached", "broker", "cache"),
            *("postgres", "postgresql", "mysql", "mariadb", "db", "database", "metadata-db"),
            *("statsd", "statsd-exporter", "metrics", "otel-collector", "pgbouncer", "nginx", "proxy", "flower"),
        ),
        Component.SUPPORT,
    ),
}

# The last part of the path of images that are databases, caches and proxies.
BACKING = frozenset(
    {"postgres", "postgresql", "mysql", "mariadb", "redis", "valkey", "rabbitmq", "memcached"}
    | {"statsd-exporter", "statsd", "pgbouncer", "nginx", "haproxy"}
)
# The same of images that run Airflow: Apache's (and everybody's after it), and Astronomer's.
AIRFLOW_IMAGES = frozenset({"airflow", "ap-airflow", "astro-runtime"})


def component_of(word: str) -> Component | None:
    """Return the component that people call *word*.

    >>> component_of("dag_processor").value, component_of("airflow-web").value, component_of("kerberos")
    ('dag-processor', 'webserver', None)
    """
    plain = word.lower().replace("_", "-")
    return WORDS.get(plain) or WORDS.get(plain.removeprefix("airflow-"))


def is_backing(image: str) -> bool:
    """Return whether *image* is a database, a cache or a proxy, by the last part of its path.

    >>> is_backing("registry.example.com/hub/postgres:15"), is_backing("apache/airflow:2.10.5")
    (True, False)
    """
    return _last(image) in BACKING


def is_airflow(image: str) -> bool:
    """Return whether *image* is Airflow's own, by the last part of its path.

    >>> is_airflow("registry.example.com/data/airflow:main"), is_airflow("redis:7")
    (True, False)
    """
    return _last(image) in AIRFLOW_IMAGES


def _last(image: str) -> str:
    return image.partition("@")[0].rpartition("/")[2].partition(":")[0]


def _row(chart: Chart, labels: Mapping[str, str | None], key: str, mains: Mapping[str, str]) -> Row:
    """Return a row whose components are those that the chart has, each with the name of its own container."""
    return Row(chart, labels, key, {word: Role(WORDS[_plain(word)], chart, main) for word, main in mains.items()})


def _plain(word: str) -> str:
    plain = word.replace("_", "-")
    return plain if plain in WORDS else plain.removeprefix("airflow-")


OFFICIAL = _row(
    Chart.OFFICIAL,
    {"tier": "airflow"},
    "component",
    {
        **{word: word for word in ("scheduler", "dag-processor", "triggerer", "worker", "api-server", "webserver")},
        "run-airflow-migrations": "run-airflow-migrations",
        "create-user-job": "create-user",
        "airflow-cleanup-pods": "airflow-cleanup-pods",
        "database-cleanup": "database-cleanup",
        **{word: word for word in ("redis", "statsd", "pgbouncer", "flower", "otel-collector")},
    },
)
COMMUNITY = _row(
    Chart.COMMUNITY,
    {"app": "airflow"},
    "component",
    {
        **{word: f"airflow-{word}" for word in ("scheduler", "triggerer", "worker", "api-server", "web", "flower")},
        "dag_processor": "airflow-dag-processor",  # the fork for Airflow 3
        "db-migrations": "db-migrations",
        **{f"sync-{what}": f"sync-airflow-{what}" for what in ("users", "connections", "pools", "variables")},
        "pgbouncer": "pgbouncer",
    },
)
BITNAMI = _row(
    Chart.BITNAMI,
    {"app.kubernetes.io/name": "airflow"},
    "app.kubernetes.io/component",
    {
        **{word: f"airflow-{word}" for word in ("scheduler", "dag-processor", "triggerer", "worker", "web")},
        "setup-db": "setup-db",
        "metrics": "metrics",
    },
)
CHARTS: tuple[Row, ...] = (OFFICIAL, COMMUNITY, BITNAMI)
# Believed only in namespaces that the policy names: anybody may write these labels.
COMPOSER: tuple[Row, ...] = tuple(
    Row(
        Chart.COMPOSER,
        {"config_id": None, "run": f"airflow-{word}"},
        "run",
        {f"airflow-{word}": Role(WORDS[word], Chart.COMPOSER, f"airflow-{word}")},
    )
    for word in ("scheduler", "webserver")
)
# Where each chart writes its component when a user's nameOverride, or an alias, has replaced its other labels.
KEYS = {"component": COMMUNITY, "app.kubernetes.io/component": BITNAMI}
HELM_CHART = "helm.sh/chart"
RELEASE = "release"
_NAMED_AIRFLOW = re.compile(r"airflow-v?\d+\.\d+\.\d+.*", re.ASCII)

_OFFICIAL_CONTAINERS = frozenset(
    {*(role.main for role in OFFICIAL.roles.values()), "wait-for-airflow-migrations", "worker-kerberos"}
)
_COMMUNITY_CONTAINERS = frozenset({"check-db", "wait-for-db-migrations", "dags-git-clone", "install-pip-packages"})
_COMMUNITY_SETTINGS = "-config-envs"  # ends the name of the Secret that gives all of its containers their settings
_TASK = "base"  # what the executor calls the container of a task
_BITNAMI_CONTAINERS = frozenset({"prepare-config", "prepare-web-config", "prepare-venv"})


def with_rows(rows: Iterable[Row], *, managed: bool = False) -> tuple[Row, ...]:
    """Return the table with *rows* before the built-in ones; *managed* is whether Composer's own pods count."""
    return (*rows, *CHARTS, *(COMPOSER if managed else ()))


def overridden(labels: Mapping[str, str], spec: PodSpec) -> Role | None:
    """Return the role of a chart whose name the user has replaced, None without evidence of that chart.

    `helm.sh/chart: airflow-25.1.0` is Bitnami's, whose component stands in `app.kubernetes.io/component`; so is a
    container `airflow-scheduler` beside the component `scheduler`, in the labels of either chart.
    """
    names = _names(spec)
    for key, row in KEYS.items():
        word = labels.get(key, "")
        role = row.roles.get(word)
        if row is BITNAMI and _NAMED_AIRFLOW.fullmatch(labels.get(HELM_CHART, "")):
            component = component_of(word)
            return role or (None if component is None else Role(component, Chart.BITNAMI, None))
        if role is None or role.main is None:
            continue
        if role.main in names and (role.main.startswith("airflow-") or _has_evidence(row.chart, names)):
            return role
        if role.main == "setup-db" and any(one.name == role.main and is_airflow(one.image or "") for one in _all(spec)):
            return role
    return None


def proven(chart: Chart, labels: Mapping[str, str], spec: PodSpec, main: str | None) -> bool:
    """Return whether a pod with *labels* and *spec*, which a row of *chart* matches, shows that *chart* made it.

    *main* is what the chart calls the component's own container.
    """
    if chart is Chart.OFFICIAL and RELEASE in labels:
        return True
    names = _names(spec)
    if chart is Chart.OFFICIAL:
        return main in names or _TASK in names or _has_evidence(chart, names)
    if chart is Chart.COMMUNITY:
        return _has_evidence(chart, names) or _has_config(spec) or (RELEASE in labels and main in names)
    if chart is Chart.BITNAMI:
        named = _NAMED_AIRFLOW.fullmatch(labels.get(HELM_CHART, "")) is not None
        return named or _has_evidence(chart, names) or (main in names and main != "metrics")
    return True


def is_rendered(labels: Mapping[str, str]) -> bool:
    """Return whether *labels* of an object say that Helm rendered it from a chart called airflow.

    >>> is_rendered({"chart": "airflow-1.22.0", "heritage": "Helm"}), is_rendered({"app": "airflow"})
    (True, False)
    """
    return any(key in labels and _NAMED_AIRFLOW.fullmatch(labels[key]) for key in ("chart", HELM_CHART))


def is_rendered_from(template: str) -> bool:
    """Return whether the comment `# Source: TEMPLATE` is one that Helm writes for a chart called airflow.

    >>> is_rendered_from("platform/charts/airflow/templates/scheduler/scheduler-deployment.yaml")
    True
    """
    return re.search(r"(?:^|/)airflow/templates/", template) is not None


def is_communitys(spec: PodSpec) -> bool:
    """Return whether *spec* is a task's of the community chart, whose template has no labels at all."""
    return _has_config(spec) or _has_evidence(Chart.COMMUNITY, _names(spec))


def _names(spec: PodSpec) -> frozenset[str]:
    return frozenset(one.name for one in _all(spec))


def _all(spec: PodSpec) -> tuple[Container, ...]:
    return (*(spec.containers or ()), *(spec.init_containers or ()))


def _has_evidence(chart: Chart, names: frozenset[str]) -> bool:
    if chart is Chart.OFFICIAL:
        return not names.isdisjoint(_OFFICIAL_CONTAINERS) or any(name.endswith("-log-groomer") for name in names)
    return not names.isdisjoint(_COMMUNITY_CONTAINERS if chart is Chart.COMMUNITY else _BITNAMI_CONTAINERS)


def _has_config(spec: PodSpec) -> bool:
    return any(
        source.secret_ref is not None and source.secret_ref.name.endswith(_COMMUNITY_SETTINGS)
        for container in spec.containers or ()
        for source in container.env_from or ()
    )
