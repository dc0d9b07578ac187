"""What to change, in the words of the chart in use: the table of fixes.

Facts: the official chart's `images.airflow.pullPolicy` and `images.airflow.digest` do not reach the workers of the
KubernetesExecutor, whose image is `worker_container_repository:worker_container_tag` (apache/airflow#58625).
"""

from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.text import quote

_ANY = "name a full version or a digest, or set imagePullPolicy: Always"
_TASK_POD = f"{_ANY}, in what makes this pod (pod_override, the operator's arguments, the pod template)"
_EXTRA = f"{_ANY}, where your values list this container (extraContainers, extraInitContainers)"

# The values of each chart for the containers it renders itself; whatever is not listed came from the user's own lists.
_OFFICIAL_OWN = (
    "set images.airflow.tag to a full version, or images.airflow.digest, or images.airflow.pullPolicy: Always"
)
_OFFICIAL_GIT = "set images.gitSync.tag to a full version, or images.gitSync.pullPolicy: Always"
_OFFICIAL_TASK = (
    "set images.airflow.tag (it fills worker_container_tag) to a full version, or images.pod_template.pullPolicy:"
    " Always; images.airflow.pullPolicy and images.airflow.digest do not reach worker pods"
)
_COMMUNITY_OWN = "set airflow.image.tag to a full version, or airflow.image.pullPolicy: Always"
_COMMUNITY_GIT = "set dags.gitSync.image.tag to a full version, or dags.gitSync.image.pullPolicy: Always"
_BITNAMI_OWN = "set image.tag to a full version, or image.digest, or image.pullPolicy: Always"
_BITNAMI_TASK = "set image.tag to a full version, or image.pullPolicy: Always; image.digest does not reach worker pods"
_OPERATOR = (
    "give the operator image='repository:full-version' or 'repository@sha256:...', or image_pull_policy='Always'"
)
_COMPOSER = "Cloud Composer makes this pod and its owner cannot change the image; exempt it, or leave it as a warning"

_GIT_SYNC = frozenset({"git-sync", "git-sync-init", "dags-git-clone", "dags-git-sync"})
_OFFICIAL_AIRFLOW = frozenset({"wait-for-airflow-migrations", "kerberos-init", "worker-kerberos", "create-user"})
_COMMUNITY_AIRFLOW = frozenset({"check-db", "wait-for-db-migrations", "install-pip-packages", "log-cleanup"})


def image_fix(role: Role, container: str) -> str:
    """Return what to change so that the image of *container* in a pod of *role* passes."""
    task = role.component is Component.TASK
    own = container == role.main
    if role.chart is Chart.OFFICIAL:
        return _official(container, task=task, own=own)
    if role.chart is Chart.COMMUNITY:
        return _community(container, own=own)
    if role.chart is Chart.BITNAMI:
        return _BITNAMI_TASK if task else _BITNAMI_OWN
    if role.chart is Chart.OPERATOR:
        return _OPERATOR
    if role.chart is Chart.COMPOSER and not task:
        return _COMPOSER
    return _TASK_POD if task else _ANY


def _official(container: str, *, task: bool, own: bool) -> str:
    if container in _GIT_SYNC:
        return _OFFICIAL_GIT
    if task:
        return _OFFICIAL_TASK if own else _TASK_POD
    if own or container in _OFFICIAL_AIRFLOW or container.endswith("-log-groomer"):
        return _OFFICIAL_OWN
    return _EXTRA


def _community(container: str, *, own: bool) -> str:
    if container in _GIT_SYNC:
        return _COMMUNITY_GIT
    return _COMMUNITY_OWN if own or container in _COMMUNITY_AIRFLOW else _EXTRA


HOME_FIX = "name the containers in the manifest (containers: [...]), or the component's own in the policy (components)"
RELEASE_FIX = "roll the release out to its end, or correct the release manifest (ConfigMap airlock-release)"
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
    return f"recreate the pod while airlock's mutating webhook answers, or set {quote(name)} by {by_hand}"
