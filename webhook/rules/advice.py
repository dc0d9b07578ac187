"""What to change, in the words of the chart that made a pod, as far as there is evidence for it; else by the field."""

import json

from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.tags import FULL_VERSION, frozen
from webhook.pods.text import printable, quote
from webhook.rules.keys import Keys, Listed, Site, keys_of

_ANY = "name a full version or a digest, or set imagePullPolicy: Always"
_TASK_POD = f"{_ANY}, in what makes this pod (pod_override, the operator's arguments, the pod template)"
_OVERRIDE = "name a full version or a digest in the DAG's executor_config (pod_override)"
_OPERATOR = (
    "name a full version or a digest in the operator's image (image='repository@sha256:...'), or give it"
    " image_pull_policy='Always'"
)
_COMPOSER = "Cloud Composer makes this pod and its owner cannot change the image; exempt it, or leave it as a warning"
_EPHEMERAL = "debug with a full version or a digest: kubectl debug --image=repository@sha256:..."
_VOLUME = "name a full version or a digest, or set pullPolicy: Always, where the image volume is declared (volumes)"
_XCOM = (
    "set xcom_sidecar_container_image in the extras of the Kubernetes connection to an image with a full version or a"
    " digest"
)
INJECTED_FIX = (
    "another webhook adds this container, not the owner's template: set its image in that webhook's configuration, or"
    " exempt it by images in the policy"
)
_BY_FIELD = {"ephemeralContainers": _EPHEMERAL, "volumes": _VOLUME}
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


def settable(site: Site) -> Keys | None:
    """Return the values that can be set for the image of *site*; None when no chart's values do it alone."""
    keys = keys_of(site)
    overridden = site.elsewhere and _may_be_overridden(site)
    return None if isinstance(keys, Listed) or overridden or _by_others(site) else keys


def _fix(site: Site) -> str:
    keys = keys_of(site)
    if (by_others := _by_others(site)) or keys is None:
        return by_others or (_TASK_POD if site.role.component is Component.TASK else _ANY)
    words = _listed(keys) if isinstance(keys, Listed) else _set(keys)
    words += _SUBCHART if site.provenance.under is None else ""
    if not _may_be_overridden(site):
        return words
    sign = "which seems to set the image: the scheduler runs another repository"
    return f"{_OVERRIDE}, {sign if site.elsewhere else 'where that sets the image'}; else {words}"


def _may_be_overridden(site: Site) -> bool:
    """Return whether a `pod_override` may give the image: its sign is another repository than the scheduler's."""
    own = site.role.component is Component.TASK and site.container == site.role.main
    return own and site.provenance.composed is None and site.elsewhere is not False


def _by_others(site: Site) -> str:
    """Return what to do about an image that no chart's values give, "" when one's do."""
    if site.field in _BY_FIELD:
        return _BY_FIELD[site.field]
    if site.container in _INJECTED:
        return INJECTED_FIX
    if site.container == _XCOM_SIDECAR:
        return _XCOM
    if site.role.chart is Chart.COMPOSER and site.role.component is not Component.TASK:
        return _COMPOSER
    return _OPERATOR if site.role.chart is Chart.OPERATOR else ""


def _set(keys: Keys) -> str:
    value = f"{keys.variable} under {keys.tag}" if keys.variable else keys.tag
    ways = [f"set {value} to {FULL_VERSION}"]
    ways += [keys.digest] if keys.digest else []
    ways += [f"{keys.policy}: Always"] if keys.policy else []
    return f"{', or '.join(ways)}{f'; {keys.note}' if keys.note else ''}"


def _listed(listed: Listed) -> str:
    return f"{_ANY}, where your values list this container ({' or '.join(listed.lists)})"


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
