"""Documents that describe an Airflow but not its pods: which tool renders them, and with which command."""

from collections.abc import Callable
from typing import Any

import msgspec

from webhook.grammar.yamlnode import Node
from webhook.manifests.objects import Manifest, mapping
from webhook.manifests.stranger import mentions
from webhook.pods.text import printable

_NAME = 100

# Top-level values of the charts for Airflow; of words that other charts have too it takes several.
_OWN_VALUES = frozenset(
    {
        "airflow", "airflowVersion", "airflowHome", "defaultAirflowTag", "defaultAirflowRepository", "dagProcessor",
        "dag_processor", "triggerer", "webserverSecretKey", "webserverSecretKeySecretName", "airflowPodAnnotations",
        "migrateDatabaseJob", "createUserJob", "apiServer", "allowPodLaunching", "dagDeploy",
    }
)  # fmt: skip
_COMMON_VALUES = frozenset(
    {
        "executor", "images", "scheduler", "workers", "worker", "webserver", "web", "dags", "config", "env", "flower",
        "fernetKey", "data", "externalDatabase", "gitSync", "pgbouncer", "statsd", "redis", "logs", "extraEnvVars",
    }
)  # fmt: skip
_ENOUGH = 3


class _Kind(msgspec.Struct, frozen=True):
    """A kind of object that something else renders."""

    group: str  # its end: "fluxcd.io" is that of helm.toolkit.fluxcd.io
    kinds: frozenset[str]
    words: Callable[[Manifest], str]


def elsewhere(manifest: Manifest) -> str:
    """Return what to do about *manifest* when it stands for an Airflow that something else renders, else ""."""
    title = f"{manifest.kind} {printable(manifest.name, _NAME)}".rstrip()
    for one in _KINDS:
        if manifest.group.endswith(one.group) and manifest.kind in one.kinds and mentions(manifest.node, "airflow"):
            return f"{title} stands for an Airflow that is {one.words(manifest)}"
    if not _is_operators(manifest):
        return ""
    namespace = manifest.namespace
    return (
        f"{title} is the custom resource of an Airflow operator, which makes the pods; check what it made:"
        f" kubectl get deployments,statefulsets,configmaps -n {namespace} -o yaml | {_check(namespace)}"
    )


def stray_words(node: Node, file: str) -> str:
    """Return what to do about *node*, not an object, when an Airflow comes from it, else ""; *file* holds it."""
    value, last = mapping(node.value), file.rpartition("/")[2]
    if not mentions(node, "airflow"):
        return ""
    if last.lower().startswith("kustomization"):  # which needs no apiVersion and kind
        return "lists an Airflow for kustomize; build it first: kustomize build --enable-helm FOLDER | airlock check -"
    for key, kind, words in _STRAYS:
        if isinstance(value.get(key), kind) and (key != "dependencies" or "apiVersion" in value):
            return words
    below = mapping(value.get("airflow"))
    if not isinstance(below.get("image"), dict) and not _are_values(below) and not _are_values(value):
        return ""
    command = f"helm template NAME CHART -n NAMESPACE -f {printable(last, _NAME)} | {_check('NAMESPACE')}"
    return f"looks like Helm values of an Airflow chart, not like manifests; render them first: {command}"


# Documents that are not objects: a key that they have, its type, and what to do.
_STRAYS: tuple[tuple[str, type, str], ...] = (
    ("releases", list, "is a helmfile with an Airflow; render it first: helmfile template | airlock check -"),
    (
        "dependencies", list,
        "is a chart with an Airflow in it; render it first: helm template NAME FOLDER -n NAMESPACE | airlock check -",
    ),
    ("services", dict, "is a Compose file with an Airflow, not Kubernetes; check manifests, or what runs in a cluster"),
    (
        "helm", dict,
        "is a Fleet bundle with an Airflow; render it first: helm template NAME CHART -f values.yaml | airlock check -",
    ),
)  # fmt: skip


def _are_values(value: dict[str, Any]) -> bool:
    own, common = _OWN_VALUES.intersection(value), _COMMON_VALUES.intersection(value)
    return 2 * len(own) + len(common) >= _ENOUGH or str(value.get("executor", "")).endswith("Executor")


def _is_operators(manifest: Manifest) -> bool:
    """Return whether *manifest* is of an API that an operator of Airflow made; none of Kubernetes has that word."""
    group = manifest.group.lower()
    return "airflow" in group or ("." in group and manifest.kind.lower().startswith("airflow"))


def _check(namespace: str) -> str:
    return f"airlock check -n {namespace} -"


class _Release(msgspec.Struct, frozen=True):
    """A chart to be installed; "" for what is not said."""

    name: str
    chart: str
    repo: str = ""
    version: str = ""
    namespace: str = ""

    def words(self, manifest: Manifest) -> str:
        """Return how to render it."""
        where = self.namespace or manifest.namespace
        parts = ["helm template", self.name or "NAME", self.chart or "CHART"]
        parts += [f"--repo {self.repo}"] if self.repo else []
        parts += [f"--version {self.version}"] if self.version else []
        command = " ".join(printable(part, _NAME) for part in (*parts, f"-n {where} -f values.yaml"))
        return f"rendered elsewhere; render it first with its values: {command} | {_check(where)}"


def _text(value: Any) -> str:  # noqa: ANN401 - JSON
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _flux(manifest: Manifest) -> str:
    spec = mapping(manifest.node.value.get("spec"))
    chart = mapping(mapping(spec.get("chart")).get("spec"))
    name = _text(spec.get("releaseName")) or manifest.name
    namespace = _text(spec.get("targetNamespace"))
    repo = "URL" if mapping(chart.get("sourceRef")).get("kind") == "HelmRepository" else ""
    release = _Release(name, _text(chart.get("chart")), repo, _text(chart.get("version")), namespace)
    return release.words(manifest)


def _argo(manifest: Manifest) -> str:
    spec = mapping(manifest.node.value.get("spec"))
    if manifest.kind == "ApplicationSet":
        spec = mapping(mapping(spec.get("template")).get("spec"))
    sources = spec.get("sources")
    found = [mapping(spec.get("source")), *(map(mapping, sources) if isinstance(sources, list) else ())]
    namespace = _text(mapping(spec.get("destination")).get("namespace"))
    for source in found:
        if source.get("chart"):
            name = _text(mapping(source.get("helm")).get("releaseName")) or manifest.name
            repo, version = _text(source.get("repoURL")), _text(source.get("targetRevision"))
            return _Release(name, _text(source["chart"]), repo, version, namespace).words(manifest)
    name, where = printable(manifest.name, _NAME), namespace or manifest.namespace
    return f"rendered by Argo CD; render it first: argocd app manifests {name} | {_check(where)}"


def _kustomize(manifest: Manifest) -> str:
    return f"built by kustomize; build it first: kustomize build --enable-helm FOLDER | {_check(manifest.namespace)}"


def _chart(manifest: Manifest) -> str:
    spec = mapping(manifest.node.value.get("spec"))
    given = mapping(spec.get("forProvider"))  # Crossplane's; k3s has it all in spec
    chart = mapping(given.get("chart"))
    release = _Release(
        manifest.name,
        _text(spec.get("chart")) or _text(chart.get("name")),
        _text(spec.get("repo")) or _text(chart.get("repository")),
        _text(spec.get("version")) or _text(chart.get("version")),
        _text(spec.get("targetNamespace")) or _text(given.get("namespace")),
    )
    return release.words(manifest)


_KINDS = (
    _Kind("helm.toolkit.fluxcd.io", frozenset({"HelmRelease"}), _flux),
    _Kind("argoproj.io", frozenset({"Application", "ApplicationSet"}), _argo),
    _Kind("kustomize.config.k8s.io", frozenset({"Kustomization", "Component"}), _kustomize),
    _Kind("kustomize.toolkit.fluxcd.io", frozenset({"Kustomization"}), _kustomize),
    _Kind("", frozenset({"HelmChartInflationGenerator"}), _kustomize),
    _Kind("helm.cattle.io", frozenset({"HelmChart", "HelmChartConfig"}), _chart),
    _Kind("helm.crossplane.io", frozenset({"Release"}), _chart),
)
