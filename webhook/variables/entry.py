"""Entries of a required-env manifest, written for people to paste: what brings a key of another namespace over."""

import re
from collections.abc import Iterable

import msgspec

from webhook.grammar.yamltext import core
from webhook.pods.airflow import Component
from webhook.variables.danger import objections

# What a manifest takes for the name of a variable (grammar/words.py).
_NAME = re.compile(r"(?!\.(?:\.|$))[-._a-zA-Z][-._a-zA-Z0-9]{0,252}")
_KEY = re.compile(r"(?!\.(?:\.|$))[-._a-zA-Z0-9]{1,253}")
_PLAIN = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]*")


class Bringing(msgspec.Struct, frozen=True):
    """Who lacks what the ConfigMap *name* in the namespace *source* has."""

    component: Component
    container: str  # "" for the component's own
    namespace: str
    source: str
    name: str


def entry(variable: str, key: str, bringing: Bringing) -> str:
    """Return the entry that sets *variable* to what *key* has; "" where a manifest cannot have such a variable.

    >>> entry("URL", "url", Bringing(Component.SCHEDULER, "", "airflow", "pipelines", "callbacks"))
    '{name: URL, components: [scheduler], namespaces: [airflow], from: {configMap: {namespace: pipelines, name: callbacks, key: url}}, reason: ...}'
    """  # noqa: E501 - one line, as people get it
    if not _NAME.fullmatch(variable) or not _KEY.fullmatch(key):
        return ""
    containers = f" containers: [{_scalar(bringing.container)}]," if bringing.container else ""
    source = f"{{namespace: {_scalar(bringing.source)}, name: {_scalar(bringing.name)}, key: {_scalar(key)}}}"
    unsafe = ", allowUnsafe: true" if any(objections(variable, plain=True)) else ""
    return (
        f"{{name: {_scalar(variable)}, components: [{bringing.component}],{containers}"
        f" namespaces: [{_scalar(bringing.namespace)}], from: {{configMap: {source}}}, reason: ...{unsafe}}}"
    )


def names(prefix: str, keys: Iterable[str]) -> list[tuple[str, str]]:
    """Return the variables that `envFrom` with *prefix* makes of *keys*, each with its key; others make none."""
    return [(f"{prefix}{key}", key) for key in sorted(keys) if _NAME.fullmatch(f"{prefix}{key}")]


def _scalar(text: str) -> str:
    """Return *text* as YAML that is read as this string, plain where that is possible."""
    return text if _PLAIN.fullmatch(text) and core(text) == text else f'"{text}"'
