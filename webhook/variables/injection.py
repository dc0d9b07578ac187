"""Which variables a pod lacks, and the operations that add them: never another field, never `envFrom`.

Order matters to the kubelet: `$(NAME)` expands only to what stands before it in `env` (kubelet_pods.go,
makeEnvironmentVariables). So injected variables stand before the container's own, which may refer to them, and one
that refers to a container's own name stands right after that.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from webhook.pods.airflow import Role
from webhook.pods.own import candidates
from webhook.pods.text import printable
from webhook.pods.workload import Container, EnvVar, PodSpec
from webhook.variables.known import Absence, ConfigMaps
from webhook.variables.patch import Operation, add, pointer, replace
from webhook.variables.variable import Variable, escape, references

_NAMED, _NAME = 5, 63  # containers that a sentence names, and characters of each

Entry = dict[str, Any]  # an element of `env`, as JSON


class State(Enum):
    """How a container's `env` compares with what the manifest gives."""

    SAME = "same"
    MISSING = "missing"
    DIFFERENT = "different"
    UNAVAILABLE = "unavailable"  # the container lacks it, and its source cannot be had
    HOMELESS = "homeless"  # the pod has no container that it could go to


@dataclass(frozen=True, slots=True)
class Need:
    """One variable of the manifest and one container that must have it (or, `HOMELESS`, none)."""

    variable: Variable
    state: State
    field: str = ""  # "containers" or "initContainers"
    index: int = -1  # in that list
    container: Container | None = None
    entry: Entry | None = None  # what to inject; None when it cannot be had
    text: str = ""  # why it cannot be had, or has no home


def needs(spec: PodSpec, role: Role, variables: tuple[Variable, ...], config_maps: ConfigMaps | None) -> Iterator[Need]:
    """Yield, variable by variable, how each container that must have it compares."""
    for variable in variables:
        entry, absent = _entry(variable, config_maps)
        homeless = True
        for field, index, container in _targets(spec, role, variable):
            homeless = False
            state = _compare(container, variable, entry)
            yield Need(variable, state, field, index, container, entry, absent)
        if homeless and not _has_it_somewhere(spec, variable):
            yield Need(variable, State.HOMELESS, text=_no_home(spec, role, variable))


def operations(lacking: list[Need]) -> list[Operation]:
    """Return the operations on a Pod that meet the needs in *lacking*, each `MISSING` or `DIFFERENT` with an entry."""
    containers: dict[tuple[str, int], list[Need]] = {}
    for need in lacking:
        containers.setdefault((need.field, need.index), []).append(need)
    return [operation for needs_ in containers.values() for operation in _complete(needs_)]


def _entry(variable: Variable, config_maps: ConfigMaps | None) -> tuple[Entry | None, str]:
    """Return the entry to inject, or None and the reason why its source cannot be had."""
    if variable.value is not None:
        return {"name": variable.name, "value": variable.value}, ""
    if variable.source is None:
        return {"name": variable.name, "valueFrom": variable.value_from}, ""
    source = variable.source
    data = Absence.OFFLINE if config_maps is None else config_maps.get((source.namespace, source.name), Absence.UNREAD)
    where = f"ConfigMap {source.namespace}/{source.name}"
    if isinstance(data, Absence):
        return None, f"{where} {data.value}"
    if source.key not in data:
        return None, f"{where} has no key {source.key!r}"
    return {"name": variable.name, "value": escape(data[source.key])}, ""


def _targets(spec: PodSpec, role: Role, variable: Variable) -> Iterator[tuple[str, int, Container]]:
    wanted = (role.main,) if variable.containers == "main" else variable.containers
    for index, container in enumerate(spec.containers or ()):
        if wanted == "all" or container.name in wanted:
            yield "containers", index, container
    if isinstance(variable.containers, tuple):  # only a name can mean an init container
        for index, container in enumerate(spec.init_containers or ()):
            if container.name in variable.containers:
                yield "initContainers", index, container


def _has_it_somewhere(spec: PodSpec, variable: Variable) -> bool:
    """Return whether a container that may be the component's own has the variable, where nobody can tell which is."""
    return variable.containers == "main" and any(_last(one.env, variable.name) for one in candidates(spec))


def _no_home(spec: PodSpec, role: Role, variable: Variable) -> str:
    if variable.containers == "all" or not spec.containers:
        return "the pod has no containers"
    if isinstance(variable.containers, tuple):
        return f"the pod has none of the containers {', '.join(variable.containers)}"
    names = ", ".join(printable(one.name, _NAME) for one in (*candidates(spec),)[:_NAMED])
    return f"which container is the {role.component}'s own cannot be told{names and f' ({names})'}"


def _compare(container: Container, variable: Variable, entry: Entry | None) -> State:
    present = _last(container.env, variable.name)
    if present is None:
        return State.MISSING if entry is not None else State.UNAVAILABLE
    if entry is None:
        return State.SAME if variable.on_conflict == "keep" else State.UNAVAILABLE
    value, value_from = present.value or "", _defaulted(present.value_from)
    same = value == (entry.get("value") or "") and value_from == _defaulted(entry.get("valueFrom"))
    return State.SAME if same else State.DIFFERENT


def _last(env: list[EnvVar] | None, name: str) -> EnvVar | None:
    """Return the entry of *name* that counts: the kubelet lets later ones hide earlier ones."""
    return next((item for item in reversed(env or ()) if item.name == name), None)


def _defaulted(value_from: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return a `valueFrom` with the API server's defaults, so that what came back compares equal to what was sent."""
    if not value_from:
        return None
    return {kind: _defaulted_reference(kind, body) for kind, body in value_from.items() if body is not None}


def _defaulted_reference(kind: str, body: Any) -> Any:  # noqa: ANN401 - a reference of a kind of any version
    if not isinstance(body, Mapping):
        return body
    full = {key: item for key, item in body.items() if not (key == "optional" and item is False)}
    if kind == "fieldRef":
        full.setdefault("apiVersion", "v1")
    if kind == "resourceFieldRef" and str(full.get("divisor", "0")) in {"0", "1"}:
        full["divisor"] = "0"  # zero stands for one (ExtractContainerResourceValue)
    return full


def _complete(lacking: list[Need]) -> Iterator[Operation]:
    first = lacking[0]
    own = (first.container.env if first.container is not None else None) or []
    missing = [need for need in lacking if need.state is State.MISSING]
    if not own:
        yield add(pointer("spec", first.field, first.index, "env"), [need.entry for need in missing])
        return
    env = pointer("spec", first.field, first.index, "env")
    positions = {item.name: index for index, item in enumerate(own)}
    for need in lacking:
        if need.state is State.DIFFERENT:
            yield replace(f"{env}/{positions[need.variable.name]}", need.entry)
    for position, need in _placed(missing, positions):
        yield add(f"{env}/{position}", need.entry)


def _placed(missing: list[Need], positions: dict[str, int]) -> list[tuple[int, Need]]:
    """Return *missing* with the index each has in the final list, ascending.

    *positions* are the indices of the container's own names; the manifest has sorted its variables, so that whatever
    one refers to was placed before it.
    """
    anchors = dict(positions)  # name -> index of the own entry behind which it stands, -1: before them all
    behind: list[tuple[int, Need]] = []
    for need in missing:
        names = references(need.variable.value or "")
        anchor = max((anchors.get(name, -1) for name in names), default=-1)
        anchors[need.variable.name] = anchor
        behind.append((anchor, need))
    behind.sort(key=lambda pair: pair[0])  # stable: the manifest's order within one anchor
    return [(anchor + 1 + nth, need) for nth, (anchor, need) in enumerate(behind)]
