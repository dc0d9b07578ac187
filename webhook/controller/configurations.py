"""Webhook configurations: which entries are airlock's, what they trust, what to patch, whether they fail open. Pure."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from certs.trust import Trust, read_trust
from webhook.audit.coverage import Selector, read_selector
from webhook.status.registration import NEW, Hook, Registered

GROUP = "/apis/admissionregistration.k8s.io/v1"
KINDS = {
    "MutatingWebhookConfiguration": f"{GROUP}/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": f"{GROUP}/validatingwebhookconfigurations",
}
VALIDATING = "ValidatingWebhookConfiguration"
VALIDATE = "/validate"
_OF_PODS = (("CREATE", "pods"), ("UPDATE", "pods"), ("UPDATE", "pods/ephemeralcontainers"))


class Target(msgspec.Struct, frozen=True):
    """What entries of airlock's call: its Service, or a replica outside of the cluster by its HOST:PORT."""

    namespace: str
    service: str
    outside: frozenset[str] = frozenset()


class Entry(msgspec.Struct, frozen=True):
    """One entry of a webhook configuration that calls airlock."""

    index: int
    name: str
    path: str
    trust: Trust
    ignores_failures: bool
    asks: frozenset[str]  # what it is asked about of pods, an operation and a resource each: "UPDATE pods"
    by_labels: bool = False  # whether it leaves objects out by their labels
    selector: Selector = Selector()  # of namespaces
    conditions: frozenset[str] = frozenset()  # the names of its matchConditions

    @property
    def new_pods(self) -> bool:
        """Whether it is asked about pods that are made."""
        return NEW in self.asks


@dataclass(frozen=True, slots=True)
class Configuration:
    """A webhook configuration, as far as it is airlock's."""

    kind: str
    name: str
    uid: str
    version: str
    entries: tuple[Entry, ...]
    owners: tuple[Mapping[str, Any], ...] = field(default=(), compare=False)  # ownerReferences

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return f"{KINDS[self.kind]}/{self.name}"

    def patch(self, bundle: bytes) -> list[dict[str, Any]]:
        """Return the JSON patch that writes *bundle* into each entry, and nothing else, if they still stand there."""
        value = b64encode(bundle).decode()
        operations: list[dict[str, Any]] = []
        for entry in self.entries:
            place = f"/webhooks/{entry.index}"
            operations.append({"op": "test", "path": f"{place}/name", "value": entry.name})
            operations.append({"op": "add", "path": f"{place}/clientConfig/caBundle", "value": value})
        return operations

    def adopt(self, namespace: str, uid: str) -> list[dict[str, Any]]:
        """Return the JSON patch that makes the Namespace of this name and *uid* the owner; empty when it is already.

        Kubernetes deletes an object whose owner is gone, so a Namespace that was made again has to replace the old one.
        """
        wanted = {"apiVersion": "v1", "kind": "Namespace", "name": namespace, "uid": uid}
        if any(wanted.items() <= owner.items() for owner in self.owners):
            return []
        others = [
            dict(owner) for owner in self.owners if (owner.get("kind"), owner.get("name")) != ("Namespace", namespace)
        ]
        return [{"op": "add", "path": "/metadata/ownerReferences", "value": [*others, wanted]}]

    @property
    def fails_open(self) -> bool:
        """Whether pods are made without being judged when airlock does not answer."""
        judging = [entry for entry in self.entries if entry.path == VALIDATE and entry.new_pods]
        return self.kind == VALIDATING and bool(judging) and all(entry.ignores_failures for entry in judging)


def read_configuration(kind: str, body: dict[str, Any], target: Target) -> Configuration:
    """Read *body*, a webhook configuration of *kind* as the API server has it."""
    metadata = body["metadata"]
    entries = tuple(_entries(body, target))
    owners = tuple(metadata.get("ownerReferences") or ())
    return Configuration(kind, metadata["name"], metadata["uid"], metadata["resourceVersion"], entries, owners)


def _entries(body: dict[str, Any], target: Target) -> Iterator[Entry]:
    for index, hook in enumerate(body.get("webhooks") or ()):
        client = hook.get("clientConfig") or {}
        path = _called_path(client, target)
        if path is not None:
            ignores = hook.get("failurePolicy") == "Ignore"
            trust, by_labels = _trust(client.get("caBundle") or ""), any((hook.get("objectSelector") or {}).values())
            selector = read_selector(hook.get("namespaceSelector"))
            conditions = frozenset(one["name"] for one in hook.get("matchConditions") or ())
            asks = frozenset(_asks_of_pods(hook))
            yield Entry(index, hook["name"], path, trust, ignores, asks, by_labels, selector, conditions)


def _called_path(client: dict[str, Any], target: Target) -> str | None:
    """Return the path that is called, None when it is not airlock's."""
    if service := client.get("service"):
        ours = (service.get("namespace"), service.get("name")) == (target.namespace, target.service)
        return service.get("path") or "/" if ours else None
    try:
        url = urlsplit(client.get("url") or "")
    except ValueError:
        return None
    return url.path if url.netloc in target.outside else None


def _trust(bundle: str) -> Trust:
    try:
        return read_trust(b64decode(bundle))
    except (Base64Error, ValueError):
        return Trust(tidy=False)


def _asks_of_pods(hook: Mapping[str, Any]) -> Iterator[str]:
    """Yield what *hook* is asked about of pods: in rules, `*` is no subresource, and `*/*` is any."""
    for rule in hook.get("rules") or ():
        if rule.get("scope") == "Cluster" or not _names(rule, "apiGroups", "") or not _names(rule, "apiVersions", "v1"):
            continue
        for operation, resource in _OF_PODS:
            kind, _, part = resource.partition("/")
            wanted = (f"{one}/{two}" if two else one for one in (kind, "*") for two in {part, "*"})
            if _names(rule, "operations", operation) and {*wanted} & {*(rule.get("resources") or ())}:
                yield f"{operation} {resource}"


def _names(rule: Mapping[str, Any], field: str, value: str) -> bool:
    return bool({value, "*"} & {*(rule.get(field) or ("*",))})


def registered(configuration: Configuration, now: datetime) -> Registered:
    """Return *configuration* as `webhook.status` knows it: only authorities that are valid *now* count."""
    hooks = tuple(
        Hook(
            entry.name,
            entry.path,
            entry.asks,
            entry.ignores_failures,
            frozenset(one.mark for one in entry.trust.authorities if one.valid(now)),
            entry.by_labels,
            entry.selector,
            entry.conditions,
        )
        for entry in configuration.entries
    )
    return Registered(configuration.kind, configuration.name, hooks)
