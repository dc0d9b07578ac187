"""Airflow's settings of the KubernetesExecutor, wherever a chart puts them: variables first, then airflow.cfg.

Airflow reads a variable before the file, and an option of today's section before one of the section's old name
(airflow/configuration.py, `get`; apache-airflow-providers-cncf-kubernetes, kube_config.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from webhook.grammar.yamlnode import Node
from webhook.manifests.data import Entry
from webhook.manifests.objects import mapping
from webhook.manifests.place import Place

SECTIONS = ("kubernetes_executor", "kubernetes")  # the second until Airflow 2.5
_PREFIX = "AIRFLOW__"

_SECTION = re.compile(r"\[(?P<name>[^\]]+)\]")
_OPTION = re.compile(r"(?P<name>[^=:]+)[=:](?P<value>.*)\Z")
_LONGEST_LINE = 4096  # no setting that is looked for is longer

# Executors that make no pods; any other name may.
_WITHOUT_PODS = frozenset({"CeleryExecutor", "LocalExecutor", "SequentialExecutor", "DebugExecutor", "DaskExecutor"})


@dataclass(frozen=True, slots=True)
class Setting:
    """The value of a setting and where it stands; None for one that comes from what is not in the input."""

    value: str | None
    place: Place
    source: str  # in words: "worker_container_tag in airflow.cfg"


Values = Mapping[str, Setting]  # variables by name, or options of airflow.cfg by "section.option"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the executor reads when it makes a worker pod; None: nothing says so."""

    repository: Setting | None = None
    tag: Setting | None = None
    namespace: Setting | None = None
    template: Setting | None = None
    executor: Setting | None = None

    @property
    def makes_pods(self) -> bool:
        """Whether the executor may make pods; True where nothing says otherwise."""
        if self.executor is None or not self.executor.value:
            return True
        names = re.split(r"[,;]", self.executor.value)
        return any(re.split(r"[.:]", name.strip())[-1] not in _WITHOUT_PODS for name in names)


def settings(sources: Iterable[Values]) -> Settings:
    """Return the settings in *sources*, of which the first that has one wins."""
    found: dict[str, Setting] = {}
    for source in sources:
        for key, setting in source.items():
            found.setdefault(key, setting)

    def get(option: str, *sections: str) -> Setting | None:
        variables = (f"{_PREFIX}{section}__{option}".upper() for section in sections)
        options = (f"{section}.{option}" for section in sections)
        return next((found[key] for key in (*variables, *options) if key in found), None)

    return Settings(
        repository=get("worker_container_repository", *SECTIONS),
        tag=get("worker_container_tag", *SECTIONS),
        namespace=get("namespace", *SECTIONS),
        template=get("pod_template_file", *SECTIONS),
        executor=get("executor", "core"),
    )


def options(entry: Entry) -> Values:
    """Return the options in *entry*, an airflow.cfg, as configparser reads it: the last one of a name wins."""
    found: dict[str, Setting] = {}
    section = name = ""
    for number, line in enumerate(entry.text.split("\n"), 1):
        text = line.strip()
        if not text or text[0] in "#;" or len(text) > _LONGEST_LINE:
            continue
        if name and line[:1].isspace():  # the value of the option above goes on
            continue
        if match := _SECTION.match(text):
            section, name = match["name"], ""
        elif match := _OPTION.match(text):
            name = match["name"].strip().lower()
            words = f"{name} in {entry.key}"
            # Airflow's parser interpolates: %% is one.
            value = match["value"].strip().replace("%%", "%")
            found[f"{section}.{name}"] = Setting(value, entry.place(number), words)
    return found


def variables(entries: Iterable[Entry], prefix: str = "") -> Values:
    """Return the variables of Airflow among *entries*, as `envFrom` with *prefix* gives them to a container."""
    return {
        f"{prefix}{entry.key}": Setting(entry.text, entry.place(), f"{prefix}{entry.key}")
        for entry in entries
        if f"{prefix}{entry.key}".startswith(_PREFIX)
    }


References = Mapping[tuple[str, str], Mapping[str, Entry]]  # by kind and name, of one namespace

_KEY_REFS = {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}
_FROM_REFS = {"configMapRef": "ConfigMap", "secretRef": "Secret"}


def environment(file: str, container: Node, known: References) -> Values:
    """Return the variables of Airflow that *container* of *file* has; *known* is what it can refer to."""
    found: dict[str, Setting] = {}
    for source in _items(container, "envFrom"):  # a later one wins, and `env` over all
        found |= _from(source.value, known)
    for node in _items(container, "env"):
        value = mapping(node.value)
        name = value.get("name")
        if isinstance(name, str) and name.startswith(_PREFIX):
            found[name] = _variable(file, name, node, known)
    return found


def _items(container: Node, field: str) -> Iterator[Node]:
    node = container.children.get(field)
    if node is not None and isinstance(node.value, list):
        yield from node.children.values()


def _from(value: Any, known: References) -> Values:  # noqa: ANN401 - JSON
    source = mapping(value)
    prefix = source.get("prefix") or ""
    for field, kind in _FROM_REFS.items():
        entries = known.get((kind, str(mapping(source.get(field)).get("name"))))
        if entries is not None:
            return variables(entries.values(), str(prefix))
    return {}


def _variable(file: str, name: str, node: Node, known: References) -> Setting:
    value = mapping(node.value)
    given = node.children.get("value")
    if given is not None and isinstance(given.value, str):
        return Setting(given.value, Place(file, given.line), name)
    for field, kind in _KEY_REFS.items():
        ref = mapping(mapping(value.get("valueFrom")).get(field))
        entry = known.get((kind, str(ref.get("name"))), {}).get(str(ref.get("key")))
        if entry is not None:
            return Setting(entry.text, entry.place(), name)
    return Setting(None if value.get("valueFrom") else "", Place(file, node.line), name)
