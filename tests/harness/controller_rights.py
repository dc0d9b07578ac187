"""The rights of the controller's ServiceAccount in tests without the chart."""

from typing import Any

ACCOUNT = "airlock-controller"


def rights(namespace: str, configuration: str) -> list[dict[str, Any]]:
    """Return what the controller's ServiceAccount needs and nothing more."""

    def rule(resources: str, verbs: str, *names: str, group: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
        return found | ({"resourceNames": [*names]} if names else {})

    def grant(kind: str, metadata: dict[str, str], rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
        version = "rbac.authorization.k8s.io/v1"
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}
        ref = {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": metadata["name"]}
        return [
            {"apiVersion": version, "kind": kind, "metadata": metadata, "rules": rules},
            {
                "apiVersion": version,
                "kind": f"{kind}Binding",
                "metadata": metadata,
                "subjects": [subject],
                "roleRef": ref,
            },
        ]

    own = [
        rule("secrets", "get update", "airlock-ca", "airlock-tls"),
        rule("secrets configmaps", "create"),
        rule("configmaps", "get update", "airlock-accepted", "airlock-sightings"),
        rule("configmaps", "get list update delete"),  # the reports, whose names are not known beforehand
        rule("configmaps", "get list watch", "airlock-policy", "airlock-required-env", "airlock-release"),
        rule("endpoints", "get", "airlock"),
    ]
    hooks = "mutatingwebhookconfigurations validatingwebhookconfigurations"
    wide = [
        rule(hooks, "get patch", configuration, group="admissionregistration.k8s.io"),
        rule("namespaces", "list"),
        rule("events", "create patch", group="events.k8s.io"),
        rule("pods", "list watch"),
        rule("nodes", "get list"),
        rule("reports", "create", group="openreports.io"),
        rule("reports", "get list update delete", "airlock", group="openreports.io"),
    ]
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT, "namespace": namespace}}
    role = grant("Role", {"name": ACCOUNT, "namespace": namespace}, own)
    return [account, *role, *grant("ClusterRole", {"name": configuration}, wide)]
