"""What all exported policies share: what is exported, and which requests and users they match."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

from webhook.backstop import who
from webhook.documents.policy import Policy

API = "admissionregistration.k8s.io"
LABELS = "(has(object.metadata.labels) ? object.metadata.labels : {})"


class Export(msgspec.Struct, frozen=True):
    """Objects to apply, and in sentences what they do not say although the policy does."""

    objects: tuple[Mapping[str, Any], ...]
    left_out: tuple[str, ...]


class Choice(msgspec.Struct, frozen=True):
    """The choices of the person who exports."""

    today: date  # UTC: exemptions that have ended are left out
    deny: bool = False  # whether what enforces denies, rather than warns
    excluded: tuple[str, ...] = ("kube-system",)  # namespaces that are never judged


def constraints(choice: Choice, operations: list[str], resources: list[str]) -> Mapping[str, Any]:
    """Return what is matched: *operations* on *resources* in every namespace that is not left out."""
    names = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": list(choice.excluded)}
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": operations, "resources": resources}
    return {
        "namespaceSelector": {"matchExpressions": [names, {"key": "airlock/skip", "operator": "DoesNotExist"}]},
        "resourceRules": [rule],
    }


def made(kind: str, name: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an object of *kind*, with labels by which all of them can be deleted."""
    labels = {"app.kubernetes.io/name": "airlock", "app.kubernetes.io/component": "backstop"}
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": f"{API}/v1", "kind": kind, "metadata": metadata, "spec": spec}


def binding(kind: str, name: str, **spec: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    """Return the binding of the policy *name*, a *kind* of policy, with more of its *spec*."""
    return made(f"{kind}AdmissionPolicyBinding", name, {"policyName": name, **spec})


def left_out(policy: Policy, rule: str, choice: Choice) -> Iterator[str]:
    """Yield what no policy of the API server can say of *policy* and *rule*."""
    ends = [one for one in policy.exemptions if one.in_force(choice.today) and (one.rules is None or rule in one.rules)]
    if ends:
        first = min(one.expires for one in ends)
        names = ", ".join(one.name for one in ends)
        yield f"exemptions do not end by themselves: export again before {first} is over ({names})"
    if any(one.kinds for one in policy.components):
        yield "the kinds of the policy's rows are not looked at"
    if policy.managed:
        yield "Cloud Composer's own pods are not recognised; others in its namespaces are judged in the modes there"


def roles(policy: Policy) -> list[dict[str, str]]:
    """Return the variables that say which component the pod is."""
    return [
        {"name": "claimed", "expression": who.claimed(LABELS, policy)},
        {"name": "component", "expression": who.component(LABELS, policy)},
    ]
