"""What to change, in the words of the chart that made a pod, as far as there is evidence for it; else by the field."""

import json

from msgspec.structs import replace

from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.tags import FULL_VERSION, frozen
from webhook.pods.text import printable, quote
from webhook.rules.keys import Keys, Listed, Site, keys_of

_ANY = "name a full version or a digest"
_MAKER = ", in what makes this pod (pod_override, the operator's arguments, the pod template)"
_OVERRIDE = "in the DAG's executor_config (pod_override)"
_OPERATOR = "name a full version or a digest in the operator's image (image='repository@sha256:...')"
_DIGEST = "name the image by its digest: repository@sha256:..., with or without a tag before the @"
_COMPOSER = "Cloud Composer makes this pod and its owner cannot change the image; exempt it, or leave it as a warning"
_EPHEMERAL = "debug with a full version or a digest: kubectl debug --image=repository@sha256:..."
_XCOM = (
    "set xcom_sidecar_container_image in the extras of the Kubernetes connection to an image with a full version or a"
    " digest"
)
INJECTED_FIX = (
    "another webhook adds this container, not the owner's template: set its image in that webhook's configuration, or"
    " exempt it by images in the policy"
)
_DECLARED = ", where the image volume is declared (volumes)"
_SUBCHART = " (all under the subchart's name, if it is one)"

_XCOM_SIDECAR = "airflow-xcom-sidecar"
# Containers that webhooks of service meshes and agents put into pods.
_INJECTED = frozenset(
    {
        "istio-proxy", "istio-init", "istio-validation", "linkerd-proxy", "linkerd-init", "linkerd-network-validator",
        "vault-agent", "vault-agent-init", "consul-dataplane", "consul-connect-inject-init", "kuma-sidecar",
        "kuma-init", "daprd", "datadog-lib-python-init", "datadog-init-apm-inject", "azwi-proxy", "azwi-proxy-init",
        "opentelemetry-auto-instrumentation-python",
    }
)  # fmt: skip


def image_fix(site: Site, *, unrecognised: bool = False) -> str:
    """Return what to change so that the image of *site* passes; *unrecognised* is whether no entry knows its tag."""
    fix = _fix(site).replace(FULL_VERSION, frozen(site.image.repository))
    if not unrecognised:
        return fix
    tag = json.dumps(printable(site.image.effective_tag, 128))
    entry = f"- {{match: {tag}, is: immutable}}"
    return f"if nothing is ever pushed again under this tag, add under rules.mutable-tag.tags: {entry}; else {fix}"


def digest_fix(site: Site) -> str:
    """Return what to change so that the image of *site* has a digest, where the policy takes nothing else."""
    keys = keys_of(site)
    if keys is None or _by_others(site):
        return _DIGEST
    words = f"{_DIGEST}{_where(keys)}" if isinstance(keys, Listed) else _set_digest(keys)
    return _placed(site, "name a digest", words)


def settable(site: Site) -> Keys | None:
    """Return the values that can be set for the image of *site*; None when no chart's values do it alone."""
    keys = keys_of(site)
    overridden = site.elsewhere and _may_be_overridden(site)
    if keys is None or isinstance(keys, Listed) or overridden or _by_others(site):
        return None
    return keys if site.always else replace(keys, policy="")


def _fix(site: Site) -> str:
    keys = keys_of(site)
    if (by_others := _by_others(site)) or keys is None:
        maker = _MAKER if site.role.component is Component.TASK else ""
        return by_others or f"{_ANY}{_or_always(site)}{maker}"
    words = f"{_ANY}{_or_always(site)}{_where(keys)}" if isinstance(keys, Listed) else _set(keys, site)
    return _placed(site, _ANY, words)


def _placed(site: Site, override: str, words: str) -> str:
    """Return *words* with where the values stand; before them *override*, where a DAG may give the image."""
    words += _SUBCHART if site.provenance.under is None else ""
    if not _may_be_overridden(site):
        return words
    sign = "which seems to set the image: the scheduler runs another repository"
    return f"{override} {_OVERRIDE}, {sign if site.elsewhere else 'where that sets the image'}; else {words}"


def _may_be_overridden(site: Site) -> bool:
    """Return whether a `pod_override` may give the image: its sign is another repository than the scheduler's."""
    own = site.role.component is Component.TASK and site.container == site.role.main
    return own and site.provenance.composed is None and site.elsewhere is not False


def _by_others(site: Site) -> str:
    """Return what to do about an image that no chart's values give, "" when one's do."""
    if site.field == "ephemeralContainers":
        return _EPHEMERAL
    if site.field == "volumes":
        return f"{_ANY}{_or_always(site, 'set pullPolicy: Always')}{_DECLARED}"
    if site.container in _INJECTED:
        return INJECTED_FIX
    if site.container == _XCOM_SIDECAR:
        return _XCOM
    if site.role.chart is Chart.COMPOSER and site.role.component is not Component.TASK:
        return _COMPOSER
    always = _or_always(site, "give it image_pull_policy='Always'")
    return f"{_OPERATOR}{always}" if site.role.chart is Chart.OPERATOR else ""


def _or_always(site: Site, way: str = "set imagePullPolicy: Always") -> str:
    return f", or {way}" if site.always else ""


def _set(keys: Keys, site: Site) -> str:
    value = f"{keys.variable} under {keys.tag}" if keys.variable else keys.tag
    ways = [f"set {value} to {FULL_VERSION}"]
    ways += [keys.digest] if keys.digest else []
    ways += [f"{keys.policy}: Always"] if keys.policy and site.always else []
    return f"{', or '.join(ways)}{f'; {keys.note}' if keys.note else ''}"


def _set_digest(keys: Keys) -> str:
    """Return how *keys* give a digest; some charts join repository and tag with a colon, and know no digest."""
    words = _DIGEST
    if keys.digest:
        words = f"set {keys.digest} to the image's digest (sha256:...)"
    elif keys.halves:
        repository, tag = keys.halves
        words = f"set {repository} to the repository with @sha256 behind it, and {tag} to the digits of the digest"
    return f"{words}; {keys.note}" if keys.note else words


def _where(listed: Listed) -> str:
    return f", where your values list this container ({' or '.join(listed.lists)})"


HOME_FIX = "name the containers in the manifest (containers: [...]), or the component's own in the policy (components)"
RELEASE_FIX = "roll the release out to its end, or correct the release manifest (ConfigMap airlock-release)"
LEFT_OUT_FIX = (
    "upgrade airlock's chart with what its documents say now (requiredEnv.document, policy.document): it then asks"
    " /mutate about tasks"
)
SOURCE_FIX = "create the ConfigMap and key, or let airlock's ServiceAccount read it, then recreate the pod"

# The value of each chart that adds variables to a component's containers.
_ENV_VALUES = {
    Chart.OFFICIAL: "env or <component>.env in the chart's values",
    Chart.COMMUNITY: "airflow.extraEnv in the chart's values",
    Chart.BITNAMI: "extraEnvVars in the chart's values",
    Chart.OPERATOR: "the operator's env_vars",
}


def missing_fix(role: Role, name: str) -> str:
    """Return what to do about the variable *name* that a pod of *role* lacks although airlock should have added it."""
    by_hand = _ENV_VALUES.get(role.chart, "its pod template")
    if role.chart is Chart.COMMUNITY and name.startswith("AIRFLOW__"):
        by_hand = f"airflow.config.{printable(name, 253)} in the chart's values"
    return f"recreate the pod while airlock's mutating webhook answers, or set {quote(name)} by {by_hand}"
