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
from webhook.status.registration import Hook, Registered

GROUP = "/apis/admissionregistration.k8s.io/v1"
KINDS = {
    "MutatingWebhookConfiguration": f"{GROUP}/mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": f"{GROUP}/validatingwebhookconfigurations",
}
VALIDATING = "ValidatingWebhookConfiguration"
VALIDATE = "/validate"


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
    new_pods: bool  # whether it is asked about pods that are made
    by_labels: bool = False  # whether it leaves objects out by their labels


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
            yield Entry(index, hook["name"], path, trust, ignores, _asks_of_pods(hook), by_labels)


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


def _asks_of_pods(hook: dict[str, Any]) -> bool:
    return any(
        {"CREATE", "*"} & {*(rule.get("operations") or ())} and {"pods", "*", "*/*"} & {*(rule.get("resources") or ())}
        for rule in hook.get("rules") or ()
    )


def registered(configuration: Configuration, now: datetime) -> Registered:
    """Return *configuration* as `webhook.status` knows it: only authorities that are valid *now* count."""
    hooks = tuple(
        Hook(
            entry.name,
            entry.path,
            entry.new_pods,
            entry.ignores_failures,
            frozenset(one.mark for one in entry.trust.authorities if one.valid(now)),
            entry.by_labels,
        )
        for entry in configuration.entries
    )
    return Registered(configuration.kind, configuration.name, hooks)
