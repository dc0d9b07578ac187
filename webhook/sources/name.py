"""How the command line names a document: a file, or a ConfigMap."""

import re
from dataclasses import dataclass
from pathlib import Path


class SourceError(ValueError):
    """The argument does not name a source, or the source cannot be read at the start."""


@dataclass(frozen=True, slots=True)
class ConfigMapName:
    """The ConfigMap that holds a document."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"ConfigMap {self.namespace}/{self.name}"


_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def parse_src(text: str) -> ConfigMapName | Path:
    """Parse the SRC of the command line.

    >>> parse_src("configmap:airlock/airlock-policy")
    ConfigMapName(namespace='airlock', name='airlock-policy')
    >>> parse_src("./policy.yaml").name
    'policy.yaml'
    """
    if not text.startswith("configmap:"):
        if not text or "\0" in text:
            raise SourceError(f"{text!r} is neither the path of a file nor configmap:NAMESPACE/NAME")
        return Path(text)
    namespace, slash, name = text.removeprefix("configmap:").partition("/")
    if slash and _NAMESPACE.fullmatch(namespace) and _NAME.fullmatch(name):
        return ConfigMapName(namespace, name)
    raise SourceError(f"{text!r} names no ConfigMap: configmap:NAMESPACE/NAME, both as Kubernetes allows them")


def is_namespace(text: str) -> bool:
    """Return whether a namespace can be called *text*.

    >>> is_namespace("airflow-prod"), is_namespace("*")
    (True, False)
    """
    return _NAMESPACE.fullmatch(text) is not None
