"""The rights that the chart gives the controller's ServiceAccount, for tests that run it without the chart."""

import copy

from tests.harness.chart.rendering import Object, of_kind, one, render

ACCOUNT = "airlock-controller"
_REGISTRATION = "admissionregistration.k8s.io"


def rights(namespace: str, configuration: str, kubernetes: str) -> list[Object]:
    """Return the rights that the chart renders for *namespace* and the registration called *configuration*."""
    rendered = render(kubernetes=kubernetes, namespace=namespace)
    own, wide = one(rendered, "Role", ACCOUNT), one(rendered, "ClusterRole", ACCOUNT)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": namespace}}
    subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
    role = _granted("Role", {"name": ACCOUNT, "namespace": namespace}, own["rules"], subject)
    everywhere = _granted("ClusterRole", {"name": configuration}, _renamed(wide["rules"], configuration), subject)
    return [account, *role, *everywhere]


def keys(namespace: str, home: str) -> list[Object]:
    """Return the rights to names and keys in *namespace* that the chart renders for the controller in *home*."""
    values = {"envReference": {"configMaps": [namespace], "audit": True}}
    rendered = render(values, namespace=home)
    return [one(rendered, kind, "airlock-keys", namespace) for kind in ("Role", "RoleBinding")]


def config_maps(namespace: str) -> list[Object]:
    """Return the ConfigMaps that the chart makes and the controller fills."""
    found = copy.deepcopy(of_kind(render(namespace=namespace), "ConfigMap"))
    for each in found:
        each["metadata"]["namespace"] = namespace
    return [each for each in found if "data" not in each]


def _renamed(rules: list[Object], configuration: str) -> list[Object]:
    return [
        rule | {"resourceNames": [configuration]} if rule["apiGroups"] == [_REGISTRATION] else rule for rule in rules
    ]


def _granted(kind: str, metadata: dict[str, str], rules: list[Object], subject: Object) -> list[Object]:
    version = "rbac.authorization.k8s.io/v1"
    ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": metadata["name"]}
    return [
        {"apiVersion": version, "kind": kind, "metadata": metadata, "rules": rules},
        {"apiVersion": version, "kind": f"{kind}Binding", "metadata": metadata, "subjects": [subject], "roleRef": ref},
    ]
