"""Which pods the registration leaves out of `/mutate`, and whether the documents in force add anything to them."""

from webhook.documents.policy import Policy
from webhook.documents.required_env import RequiredEnv
from webhook.pods.airflow import Component
from webhook.pods.claim import EXECUTOR, OPERATORS
from webhook.pods.workload import Metadata
from webhook.rules import pin_digest
from webhook.rules.finding import Mode

CHANGES = frozenset({Mode.ENFORCE, Mode.WARN})  # the modes in which `/mutate` sends a patch


def is_left_out(pod: Metadata) -> bool:
    """Return whether the chart's condition `something-to-add` leaves *pod* out: a task that no controller made.

    The label has the value that Airflow's own code writes; of a pod that says it otherwise, `/mutate` is asked.

    >>> is_left_out(Metadata(labels={"kubernetes_executor": "True"}))
    True
    >>> is_left_out(Metadata(labels={"kubernetes_executor": "1"}))
    False
    """
    labels = pod.labels or {}
    return pod.controller is None and any(labels.get(key) == "True" for key in (EXECUTOR, *OPERATORS))


def adds_to_tasks(policy: Policy, manifest: RequiredEnv) -> bool:
    """Return whether `/mutate` has something to add to the pod of a task, in some namespace."""
    rule = pin_digest.RULE.name
    pinning = {policy.options(rule).mode, *(entry.rules.get(rule) for entry in policy.namespaces)}
    return bool(pinning & CHANGES) or any(Component.TASK in variable.components for variable in manifest.env)
