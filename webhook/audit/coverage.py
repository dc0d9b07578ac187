"""Which namespaces admission sees, by the registration in the cluster and the labels of its namespaces."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

ENTRY = "pods.validate.airlock"  # the chart's entries for Pods end so


class Selector(msgspec.Struct, frozen=True):
    """A LabelSelector of the API; a label that it names is an expression with one value."""

    expressions: tuple[tuple[str, str, frozenset[str]], ...] = ()  # key, operator, values

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether *labels* are selected.

        >>> Selector((("airlock/skip", "DoesNotExist", frozenset()),)).matches({"team": "data"})
        True
        """
        return all(_holds(labels, key, operator, values) for key, operator, values in self.expressions)


def _holds(labels: Mapping[str, str], key: str, operator: str, values: frozenset[str]) -> bool:
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False  # the API server knows no other


def read_selector(body: Mapping[str, Any] | None) -> Selector:
    """Return the LabelSelector *body*, as the API server has it; one that is absent selects everything."""
    body = body or {}
    labels = ((key, "In", frozenset({value})) for key, value in (body.get("matchLabels") or {}).items())
    expressions = (
        (one["key"], one["operator"], frozenset(one.get("values") or ())) for one in body.get("matchExpressions") or ()
    )
    return Selector((*labels, *expressions))


class Registration(msgspec.Struct, frozen=True):
    """What the cluster's validating webhooks say of airlock."""

    namespace: str  # where its Service is; "" when it is called by URL
    selectors: tuple[Selector, ...]  # of the entries that judge new Pods

    def sees(self, labels: Mapping[str, str]) -> bool:
        """Return whether Pods in a namespace with *labels* are judged."""
        return any(selector.matches(labels) for selector in self.selectors)


def read_registration(configurations: Iterable[Mapping[str, Any]]) -> Registration | None:
    """Return what *configurations*, ValidatingWebhookConfigurations, say of airlock; None when they say nothing."""
    selectors: list[Selector] = []
    namespace = ""
    for configuration in configurations:
        for hook in configuration.get("webhooks") or ():
            if str(hook.get("name", "")).endswith(ENTRY):
                selectors.append(read_selector(hook.get("namespaceSelector")))
                service = (hook.get("clientConfig") or {}).get("service") or {}
                namespace = namespace or str(service.get("namespace", ""))
    return Registration(namespace, tuple(selectors)) if selectors else None


class Coverage(msgspec.Struct, frozen=True):
    """Which namespaces admission sees, as far as that may be known."""

    registration: Registration | None = None  # None: airlock is not installed
    known: bool = False  # whether the registration could be read at all
    namespaces: Mapping[str, Mapping[str, str]] = msgspec.field(default_factory=dict)  # labels by name

    def sees(self, namespace: str) -> bool | None:
        """Return whether Pods in *namespace* are judged; None when that is not known."""
        if not self.known or (self.registration is not None and namespace not in self.namespaces):
            return None
        return self.registration is not None and self.registration.sees(self.namespaces[namespace])
