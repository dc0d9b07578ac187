"""The definition of openreports.io's Report, with the fields that airlock uses, and a cluster that knows it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.harness.controller import Installation
from tests.harness.waiting import until

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


@contextmanager
def known(made: Installation) -> Iterator[None]:
    """Have the cluster know openreports.io until the block ends."""
    made.apply(DEFINITION)
    until(lambda: made.get("/apis/openreports.io/v1alpha1/reports"), "the API to be served")
    try:
        yield
    finally:
        made.delete("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/reports.openreports.io")
        until(lambda: made.get("/apis/openreports.io/v1alpha1") is None, "the API to be gone")


def report_on(made: Installation, namespace: str) -> dict[str, Any] | None:
    """Return the Report on *namespace*; None when there is none."""
    found: dict[str, Any] | None = made.get(f"/apis/openreports.io/v1alpha1/namespaces/{namespace}/reports/airlock")
    return found
