"""The required-env manifest: the variables that components must have, and where their values come from."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from webhook.documents.graph import ordered
from webhook.grammar.model import Document, Flaw, entries, read
from webhook.grammar.schema import schema_of
from webhook.pods.airflow import Component
from webhook.variables.variable import Variable, references

_COMPARISONS = 200_000  # of globs, a fraction of a second; what is not compared counts as overlapping
_TOLD = 8  # names of a cycle


def _flaws_between(variables: Mapping[int, Variable]) -> Iterator[Flaw]:
    """Yield the flaws among *variables*, which are right by themselves."""
    yield from _clashes(variables)
    for index, variable in variables.items():
        if variable.name in references(variable.value or ""):
            text = "refers to the variable itself, which the kubelet would leave as it stands; write the whole value"
            yield Flaw((index, "value"), text)
    first: dict[str, int] = {}
    for index, variable in variables.items():
        first.setdefault(variable.name, index)
    for cycle in ordered(_graph(variables.values()))[1]:
        circle = " -> ".join((*cycle[:_TOLD], "..." if len(cycle) > _TOLD else cycle[0]))
        yield Flaw((first[cycle[0]], "value"), f"refers to itself by way of others, {circle}; break the circle")


def _clashes(variables: Mapping[int, Variable]) -> Iterator[Flaw]:
    seen: dict[str, list[int]] = {}
    left = _COMPARISONS
    for index, variable in variables.items():
        for earlier in seen.get(variable.name, ()):
            other = variables[earlier]
            left -= len(variable.namespaces) * len(other.namespaces)
            if left < 0 or variable.meets(other):
                text = f"'{variable.name}' is env[{earlier}] too, for the same workloads"
                yield Flaw((index, "name"), f"{text}; keep one, or part their namespaces")
                break
        seen.setdefault(variable.name, []).append(index)


def _graph(variables: Iterable[Variable]) -> dict[str, tuple[str, ...]]:
    """Return the names that the values of each name refer to, as far as they are in the manifest and another's."""
    graph: dict[str, dict[str, None]] = {}
    for variable in variables:
        graph.setdefault(variable.name, {}).update(dict.fromkeys(references(variable.value or "")))
    return {name: tuple(to for to in names if to in graph and to != name) for name, names in graph.items()}


def _sorted(variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
    order = {name: rank for rank, name in enumerate(ordered(_graph(variables))[0])}
    return tuple(sorted(variables, key=lambda variable: order[variable.name]))


class RequiredEnv(Document):
    """The variables that components must have."""

    kind: Literal["RequiredEnv"] = "RequiredEnv"
    """What the document is."""

    env: Annotated[tuple[Variable, ...], entries(_flaws_between), AfterValidator(_sorted)]
    """The variables; once read, each stands after those that its value refers to."""

    @property
    def sources(self) -> frozenset[tuple[str, str]]:
        """Namespace and name of each ConfigMap that some variable is read from."""
        return frozenset((key.namespace, key.name) for key in (variable.source for variable in self.env) if key)

    def sources_of(self, component: Component, namespace: str) -> frozenset[tuple[str, str]]:
        """Those of `sources` that a *component* in *namespace* needs."""
        needed = (variable.source for variable in self.env if variable.applies(component, namespace))
        return frozenset((key.namespace, key.name) for key in needed if key)


def read_manifest(text: str | bytes) -> RequiredEnv:
    """Return the manifest that *text* describes, or raise DocumentError."""
    return read(text, RequiredEnv)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a required-env manifest (draft 2020-12)."""
    return schema_of(RequiredEnv, "urn:airlock:v1:required-env")


EMPTY = RequiredEnv.model_construct(env=())
