"""Which variables a pod lacks, and the operations that add them; they touch no other field, and never `envFrom`.

Injected variables come before the container's own, which may refer to them; one that refers to a container's own
variable comes right after that one. When another webhook changes the order, airlock moves them back.
"""

from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

import msgspec

from webhook.pods.airflow import Role
from webhook.pods.own import candidates
from webhook.pods.text import quote
from webhook.pods.workload import Container, EnvVar, PodSpec
from webhook.variables.divisor import canonical
from webhook.variables.env_from import Given, given
from webhook.variables.known import Absence, ConfigMaps
from webhook.variables.order import Wanted, arranged, unexpanded, unknowing
from webhook.variables.patch import Operation, add, remove, replace
from webhook.variables.variable import Entry, Variable, escape, unfit

_ONE = frozenset({"0", "1"})  # divisors: zero stands for one (ExtractContainerResourceValue)
_NAMED, _NAME = 5, 63  # containers that a sentence names, and characters of each


class State(Enum):
    """How a container's `env` compares with what the manifest gives."""

    SAME = "same"
    MISPLACED = "misplaced"  # the same, but where the kubelet does not expand a reference to it, or in it
    MISSING = "missing"
    DIFFERENT = "different"
    UNAVAILABLE = "unavailable"  # the container lacks it, and its source cannot be read
    HOMELESS = "homeless"  # the pod has no container that it could go to


class Need(msgspec.Struct, frozen=True):
    """One variable of the manifest and one container that must have it (or, `HOMELESS`, none)."""

    variable: Variable
    state: State
    field: str = ""  # "containers" or "initContainers"
    index: int = -1  # in that list
    container: Container | None = None
    entry: Entry | None = None  # what to inject; None when its source cannot be read
    text: str = ""  # why it cannot be injected: no source, no home, or the wrong place
    doubt: str = ""  # the sources of `envFrom` that may give it, and are not known

    @property
    def is_met_by_injection(self) -> bool:
        """Whether `/mutate` does something about it."""
        if self.state is State.DIFFERENT:
            return self.variable.on_conflict == "override"
        return self.state in (State.MISSING, State.MISPLACED)


def needs(
    spec: PodSpec, role: Role, variables: tuple[Variable, ...], config_maps: ConfigMaps | None, namespace: str
) -> Iterator[Need]:
    """Yield, variable by variable, how each container that must have it compares, in a pod in *namespace*."""
    for variable in variables:
        entry, absent = _entry(variable, config_maps)
        homeless = True
        for field, index, container in _targets(spec, role, variable):
            homeless = False
            present = given(container, variable.name, namespace, config_maps)
            state = _compare(container, variable, entry, present)
            text = _misplaced(container, variable) if state is State.SAME and entry is not None else ""
            state = State.MISPLACED if text else state
            doubt = present.doubt if present.unknown else ""
            yield Need(variable, state, field, index, container, entry, text or absent, doubt)
        if homeless and not _has_it_somewhere(spec, variable, namespace, config_maps):
            yield Need(variable, State.HOMELESS, text=_no_home(spec, role, variable))


def operations(asked: Iterable[Need]) -> list[Operation]:
    """Return the operations on a Pod that meet what can be met of the needs *asked*; none when all is well.

    What the containers have already counts as well: it may have to move.
    """
    containers: dict[tuple[str, int], list[Need]] = {}
    for need in asked:
        own = None if need.container is None else _last(need.container.env, need.variable.name)
        stands = need.state is State.SAME and own is not None
        if need.entry is not None and (stands or need.is_met_by_injection):
            containers.setdefault((need.field, need.index), []).append(need)
    return [operation for needs_ in containers.values() if _is_wanting(needs_) for operation in _complete(needs_)]


def _is_wanting(stated: list[Need]) -> bool:
    """Return whether something may have to change in the container of the needs *stated*.

    Where every value stands already and no entry refers to another, none can be in the wrong place.
    """
    for need in stated:
        if need.state is not State.SAME:
            return True
    container = stated[0].container
    own = () if container is None else container.env or ()
    return any("$" in item.value for item in own if item.value)


def _entry(variable: Variable, config_maps: ConfigMaps | None) -> tuple[Entry | None, str]:
    """Return the entry to inject, or None and the reason why its source cannot be read."""
    if variable.value is not None:
        return variable.literal
    if variable.source is None:
        return {"name": variable.name, "valueFrom": variable.value_from}, ""
    source = variable.source
    data = Absence.OFFLINE if config_maps is None else config_maps.get((source.namespace, source.name), Absence.UNREAD)
    where = f"ConfigMap {quote(f'{source.namespace}/{source.name}')}"
    if isinstance(data, Absence):
        return None, f"{where} {data.value}"
    if source.key not in data:
        return None, f"{where} has no key {source.key!r}"
    if fault := unfit(variable.name, data[source.key]):
        return None, f"key {source.key!r} of {where} {fault}"
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


def _has_it_somewhere(spec: PodSpec, variable: Variable, namespace: str, known: ConfigMaps | None) -> bool:
    """Return whether a container that may be the component's own has the variable, where nobody can tell which is."""
    if variable.containers != "main":
        return False
    return any(
        _last(one.env, variable.name) or given(one, variable.name, namespace, known).present for one in candidates(spec)
    )


def _no_home(spec: PodSpec, role: Role, variable: Variable) -> str:
    if variable.containers == "all" or not spec.containers:
        return "the pod has no containers"
    if isinstance(variable.containers, tuple):
        return f"the pod has none of the containers {', '.join(quote(name, _NAME) for name in variable.containers)}"
    names = ", ".join(quote(one.name, _NAME) for one in (*candidates(spec),)[:_NAMED])
    return f"which container is the {role.component}'s own cannot be told{names and f' ({names})'}"


def _misplaced(container: Container, variable: Variable) -> str:
    """Return why the order of the entries keeps the kubelet from expanding the variable, or another by it."""
    own, name = container.env or [], variable.name
    value = variable.value or ""
    if "$" in value and (later := unexpanded(own, name, value)):
        return f"stands before {quote(later)}, which its value refers to"
    if earlier := unknowing(own, name):
        return f"stands behind {quote(earlier)}, which refers to it"
    return ""


def _compare(container: Container, variable: Variable, entry: Entry | None, elsewhere: Given) -> State:
    present = _last(container.env, variable.name)
    if present is None and elsewhere.present and variable.on_conflict != "override":
        # `env` would win over `envFrom`: what that gives counts as set.
        if variable.on_conflict == "keep" or entry is None or elsewhere.value is None:
            return State.SAME
        return State.SAME if elsewhere.value == (entry.get("value") or "") else State.DIFFERENT
    if present is None:
        return State.MISSING if entry is not None else State.UNAVAILABLE
    if entry is None:
        return State.SAME if variable.on_conflict == "keep" else State.UNAVAILABLE
    if (present.value or "") != (entry.get("value") or ""):
        return State.DIFFERENT
    mine, theirs = present.value_from, entry.get("valueFrom")
    return State.SAME if mine == theirs or _defaulted(mine) == _defaulted(theirs) else State.DIFFERENT


def _last(env: list[EnvVar] | None, name: str) -> EnvVar | None:
    """Return the entry of *name* that counts: the kubelet lets later ones hide earlier ones."""
    for item in reversed(env or ()):
        if item.name == name:
            return item
    return None


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
    if kind == "resourceFieldRef":
        full["divisor"] = _divisor(full.get("divisor", "0"))
    return full


def _divisor(given: Any) -> Any:  # noqa: ANN401 - as above
    if str(given) not in _ONE:  # the API server writes 1024Ki as 1Mi
        given = canonical(given) or given
    return "0" if str(given) in _ONE else given


def _complete(lacking: list[Need]) -> Iterator[Operation]:
    first = lacking[0]
    own = (first.container.env if first.container is not None else None) or []
    present = {item.name for item in own}
    entries: dict[str, Entry | None] = {}
    wanted, differing = [], set()
    for need in lacking:
        name = need.variable.name
        entries[name] = need.entry
        wanted.append(Wanted(name, need.variable.value or "", name in present))
        if need.state is State.DIFFERENT:
            differing.add(name)
    found = arranged(own, wanted, differing)
    env = f"/spec/{first.field}/{first.index}/env"
    if not own:
        yield add(env, [entries[name] for _, name in found.added])
        return
    for index, name in found.replaced:
        yield replace(f"{env}/{index}", entries[name])
    for index in found.removed:
        yield remove(f"{env}/{index}")
    for index, name in found.added:
        yield add(f"{env}/{index}", entries[name])
