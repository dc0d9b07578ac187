"""One variable that components must have: its name, the components that need it, and where its value comes from."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool

from webhook.grammar.model import Flaw, Model
from webhook.grammar.pattern import NamespaceGlob
from webhook.grammar.words import Containers, VariableName, Words
from webhook.pods.airflow import Component
from webhook.variables.danger import objections
from webhook.variables.origin import ConfigMapKey, Source, ValueFrom

_SOURCES = ("value", "valueFrom", "from")
MAX_STRING = 32 * 4096  # bytes of one string of a process's environment, on Linux with pages of 4 KiB

Entry = dict[str, Any]  # an element of `env`, as JSON


def references(value: str) -> tuple[str, ...]:
    """Return the names that *value* refers to, in order, as the kubelet expands them.

    The syntax is that of kubernetes third_party/forked/golang/expansion/expand.go: `$$` is a dollar sign, `$(NAME)` a
    reference up to the next `)`, and any other `$` stands for itself and guards the character after it.

    >>> references("$(A)/$$(B)/$(C")
    ('A',)
    """
    names = []
    last = value.rfind(")")
    at = value.find("$")
    while 0 <= at < len(value) - 1:
        end = at + 1
        if value[end] == "(" and end < last:
            end = value.index(")", end)
            names.append(value[at + 2 : end])
        at = value.find("$", end + 1)
    return tuple(names)


def escape(value: str) -> str:
    """Return the value that the kubelet expands to *value*, whatever dollar signs are in it.

    >>> escape("$(HOME)")
    '$$(HOME)'
    """
    return value.replace("$", "$$")


def unfit(name: str, value: str) -> str:
    """Return why no process can be started with *value* under *name*, as a predicate of the value; "" if one can be.

    Linux takes at most 32 pages for one string of the environment (MAX_ARG_STRLEN), `NAME=`, value and a NUL byte.

    >>> unfit("A", "x" * (128 * 1024 - 3)), unfit("A", "x" * (128 * 1024 - 2))
    ('', 'is too long for a variable, which has at most 131069 bytes with this name: no container would start')
    """
    if "\0" in value:
        return "holds a NUL character: no container would start"
    most = MAX_STRING - len(name.encode()) - 2
    if len(value) > most or len(value.encode(errors="surrogatepass")) > most:
        return f"is too long for a variable, which has at most {most} bytes with this name: no container would start"
    return ""


class Variable(Model):
    """A variable that components must have."""

    name: VariableName
    """The name of the variable."""

    components: Annotated[tuple[Component, ...], Field(min_length=1)] = (Component.SCHEDULER,)
    """The components that must have it."""

    containers: Containers = "main"
    """main: the component's own container; all: those in spec.containers; or a list of names, init containers too."""

    namespaces: Annotated[tuple[NamespaceGlob, ...], Field(min_length=1)] = (NamespaceGlob("*"),)
    """Globs of the namespaces concerned; required with `from`, where each must name something."""

    value: Annotated[str | None, Field(repr=False)] = None
    """The value; $(NAME) refers to another variable."""

    value_from: ValueFrom | None = None
    """A reference to something in the pod's own namespace, copied as it is."""

    from_: Annotated[Source | None, Field(alias="from")] = None
    """A key of a ConfigMap in any namespace, whose text airlock reads and writes into the pod."""

    on_conflict: Literal["keep", "override", "deny"] = "keep"
    """What happens where the name is set to something else: that stays, gives way, or is a violation."""

    on_missing: Literal["warn", "deny"] = "warn"
    """What the rule does at most when the source of `from` cannot be had."""

    reason: Words = ""
    """Why components need it; required with `from`."""

    allow_unsafe: StrictBool = False
    """Whether a name that runs code, or seems to hold a secret in plain text, is meant."""

    @classmethod
    def flaws(cls, given: Mapping[str, Any]) -> Iterator[Flaw]:
        """Yield what is wrong between name, source and the fields that depend on the source."""
        sources = [source for source in _SOURCES if source in given]
        if len(sources) != 1:
            has = f"has {' and '.join(sources)}" if sources else "has no value"
            yield Flaw((), f"{has}; give exactly one of value, valueFrom and from")
        if "from" in sources:
            yield from _flaws_of_from(given)
        elif "onMissing" in given:
            yield Flaw(("onMissing",), "concerns only variables with from; remove it")
        name = given.get("name")
        if isinstance(name, str) and given.get("allowUnsafe") is not True:
            value = given.get("value")
            plain = "from" in sources or (isinstance(value, str) and value != "" and not references(value))
            yield from (Flaw(("name",), text) for text in objections(name, plain=plain))

    def meets(self, other: "Variable") -> bool:
        """Return whether some container may be meant by both; True when that is not plain to see."""
        if not set(self.components) & set(other.components):
            return False
        named = isinstance(self.containers, tuple) and isinstance(other.containers, tuple)
        if named and not set(self.containers) & set(other.containers):
            return False
        return any(not mine.disjoint(theirs) for mine in self.namespaces for theirs in other.namespaces)

    @property
    def source(self) -> ConfigMapKey | None:
        """What `from` names."""
        return None if self.from_ is None else self.from_.config_map

    @cached_property
    def literal(self) -> tuple[Entry | None, str]:
        """The entry with the value that it declares, or None and why no process can be started with that."""
        value = self.value or ""
        fault = "" if "$(" in value else unfit(self.name, value)
        return ({"name": self.name, "value": value}, "") if not fault else (None, f"its value {fault}")

    def applies(self, component: Component, namespace: str) -> bool:
        """Return whether a *component* in *namespace* must have the variable."""
        return component in self.components and any(glob.matches(namespace) for glob in self.namespaces)


def _flaws_of_from(given: Mapping[str, Any]) -> Iterator[Flaw]:
    if "reason" not in given:
        yield Flaw(("reason",), "is required with from; say why the value leaves its namespace")
    globs = given.get("namespaces")
    if globs is None:
        yield Flaw(("namespaces",), "is required with from; name the namespaces that the value may go to")
    for index, glob in enumerate(globs if isinstance(globs, list | tuple) else ()):
        if not str(glob).strip("*?"):
            text = f"'{glob}' names no namespace; with from, name those that the value may go to"
            yield Flaw(("namespaces", index), text)
