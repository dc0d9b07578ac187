"""The definition of openreports.io's Report, with the fields that airlock uses."""

from typing import Any

TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 0}


def of(required: tuple[str, ...] = (), **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return schema | ({"required": list(required)} if required else {})


REFERENCE = of(apiVersion=TEXT, kind=TEXT, namespace=TEXT, name=TEXT)
RESULT = of(
    ("policy",),
    policy=TEXT,
    rule=TEXT,
    category=TEXT,
    message=TEXT,
    scored={"type": "boolean"},
    severity={"type": "string", "enum": ["critical", "high", "low", "medium", "info"]},
    result={"type": "string", "enum": ["pass", "fail", "warn", "error", "skip"]},
    resources={"type": "array", "items": REFERENCE},
    properties={"type": "object", "additionalProperties": TEXT},
)
SUMMARY = {"type": "object", "properties": dict.fromkeys(("pass", "fail", "warn", "error", "skip"), COUNT)}
SCHEMA = of(
    apiVersion=TEXT,
    kind=TEXT,
    metadata={"type": "object"},
    source=TEXT,
    scope=REFERENCE,
    summary=SUMMARY,
    results={"type": "array", "items": RESULT},
)
DEFINITION = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {
        "name": "reports.openreports.io",
        "annotations": {"api-approved.kubernetes.io": "unapproved, a definition for tests"},
    },
    "spec": {
        "group": "openreports.io",
        "scope": "Namespaced",
        "names": {"plural": "reports", "singular": "report", "kind": "Report", "listKind": "ReportList"},
        "versions": [{"name": "v1alpha1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}],
    },
}
