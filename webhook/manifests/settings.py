"""Reads the KubernetesExecutor's settings wherever a chart puts them: variables first, then airflow.cfg.

Airflow reads a variable before the file, and an option of today's section before one of the section's old name
(airflow/configuration.py, `get`; apache-airflow-providers-cncf-kubernetes, kube_config.py).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

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
_WITHOUT_PODS = frozenset(
    {
        "CeleryExecutor", "LocalExecutor", "SequentialExecutor", "DebugExecutor", "DaskExecutor", "EdgeExecutor",
        "AwsEcsExecutor", "AwsBatchExecutor", "AwsLambdaExecutor",
    }
)  # fmt: skip
_FALSE = ("f", "false", "0")  # configuration.py, getboolean


class Setting(msgspec.Struct, frozen=True):
    """The value of a setting and where it stands; None for one that comes from what is not in the input."""

    value: str | None
    place: Place
    source: str  # in words: "worker_container_tag in airflow.cfg"
    variable: str = ""  # the name, when it is a variable


Values = Mapping[str, Setting]  # variables by name, or options of airflow.cfg by "section.option"


class Settings(msgspec.Struct, frozen=True):
    """What the executor reads when it makes a worker pod; None: nothing says so."""

    repository: Setting | None = None
    tag: Setting | None = None
    namespace: Setting | None = None
    template: Setting | None = None
    executor: Setting | None = None
    multi_team: Setting | None = None

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams with an executor that may make pods; "" for the executors that every team may use.

        Since 3.2: `LocalExecutor;blue=KubernetesExecutor` (airflow/executors/executor_loader.py). Where nothing says
        what the executor is, it may make pods.
        """
        if self.executor is None or not self.executor.value:
            return ("",)
        found = []
        for part in self.executor.value.split(";"):
            team, _, names = part.rpartition("=")
            if team.strip() and self.multi_team is not None and (self.multi_team.value or "").lower() in _FALSE:
                continue
            if any(_makes_pods(name) for name in names.split(",")):
                found.append(team.strip())
        return tuple(found)


def _makes_pods(name: str) -> bool:
    """Return whether the executor *name* may make pods: a class, its path, or an alias and one of both.

    >>> _makes_pods("fast:airflow.executors.local_executor.LocalExecutor"), _makes_pods("KubernetesExecutor")
    (False, True)
    """
    return re.split(r"[.:]", name.strip())[-1] not in _WITHOUT_PODS


def settings(sources: Iterable[Values], team: str = "") -> Settings:
    """Return the settings in *sources*, the strongest first, as the executor of *team* reads them.

    A team has nothing from the sections that it does not set itself (configuration.py, `get` with `team_name`).
    """
    found: dict[str, Setting] = {}
    for source in sources:
        for key, setting in source.items():
            found.setdefault(key, setting)
    own, section_of = (f"{team}___".upper(), f"{team}=") if team else ("", "")

    def get(option: str, *sections: str, own: str = own, section_of: str = section_of) -> Setting | None:
        variables = (f"{_PREFIX}{own}{f'{section}__{option}'.upper()}" for section in sections)
        options = (f"{section_of}{section}.{option}" for section in sections)
        return next((found[key] for key in (*variables, *options) if key in found), None)

    return Settings(
        repository=_expanded(get("worker_container_repository", *SECTIONS)),
        tag=_expanded(get("worker_container_tag", *SECTIONS)),
        namespace=_expanded(get("namespace", *SECTIONS)),
        template=get("pod_template_file", *SECTIONS),
        executor=get("executor", "core", own="", section_of=""),
        multi_team=get("multi_team", "core", own="", section_of=""),
    )


def _expanded(setting: Setting | None) -> Setting | None:
    """Return *setting*, whose value is not known when Airflow puts variables into it (expand_env_var)."""
    return replace(setting, value=None) if setting is not None and "$" in (setting.value or "") else setting


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
        (name := f"{prefix}{entry.key}"): Setting(entry.text, entry.place(), name, name)
        for entry in entries
        if f"{prefix}{entry.key}".startswith(_PREFIX)
    }


References = Mapping[tuple[str, str], Mapping[str, Entry]]  # by kind and name, of one namespace

_KEY_REFS = {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret"}
_FROM_REFS = {"configMapRef": "ConfigMap", "secretRef": "Secret"}


class Environment(msgspec.Struct, frozen=True):
    """The variables of Airflow that a container has, and what may set others: "Secret extra", not in the input."""

    values: Values
    unreached: tuple[str, ...] = ()


def environment(file: str, container: Node, known: References) -> Environment:
    """Return the variables of Airflow that *container* of *file* has; *known* is what it can refer to."""
    found: dict[str, Setting] = {}
    unreached: list[str] = []
    for source in _items(container, "envFrom"):  # a later one wins, and `env` over all
        given, missing = _from(mapping(source.value), known)
        found |= given
        unreached += missing
    for node in _items(container, "env"):
        value = mapping(node.value)
        name = value.get("name")
        if isinstance(name, str) and name.startswith(_PREFIX):
            found[name] = _variable(file, name, node, known)
    return Environment(found, tuple(unreached))


def _items(container: Node, field: str) -> Iterator[Node]:
    node = container.children.get(field)
    if node is not None and isinstance(node.value, list):
        yield from node.children.values()


def _from(source: Mapping[str, Any], known: References) -> tuple[Values, list[str]]:
    prefix = source.get("prefix") or ""
    for field, kind in _FROM_REFS.items():
        ref = mapping(source.get(field))
        name = ref.get("name")
        entries = known.get((kind, str(name)))
        if entries is not None:
            return variables(entries.values(), str(prefix)), []
        if name:
            return {}, [f"{kind} {name}"]
    return {}, []


def _variable(file: str, name: str, node: Node, known: References) -> Setting:
    value = mapping(node.value)
    given = node.children.get("value")
    if given is not None and isinstance(given.value, str):
        return Setting(given.value, Place(file, given.line), name, name)
    for field, kind in _KEY_REFS.items():
        ref = mapping(mapping(value.get("valueFrom")).get(field))
        entry = known.get((kind, str(ref.get("name"))), {}).get(str(ref.get("key")))
        if entry is not None:
            return Setting(entry.text, entry.place(), name, name)
    return Setting(None if value.get("valueFrom") else "", Place(file, node.line), name, name)
