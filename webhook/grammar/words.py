"""Texts with a grammar of their own: names of Kubernetes, words of people, days."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    TypeAdapter,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from webhook.grammar.complaint import choice, show

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a text must match as a whole, and how to say so."""

    pattern: str
    what: str  # "a container name", after "no"
    allowed: str  # after "write"
    longest: int

    def check(self, text: str) -> str:
        """Return *text* if it is right; ValueError else."""
        if len(text) <= self.longest and re.fullmatch(self.pattern, text):
            return text
        raise ValueError(f"{show(text)} is no {self.what}; write {self.allowed}, {self.longest} characters at most")

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^{self.pattern}$", "maxLength": self.longest}


ContainerName = Annotated[
    str, Grammar(_LABEL, "container name", "lower-case letters and digits with - between them", 63)
]
NamespaceName = Annotated[str, Grammar(_LABEL, "namespace", "lower-case letters and digits with - between them", 63)]
ObjectName = Annotated[
    str,
    Grammar(rf"{_LABEL}(\.{_LABEL})*", "object name", "lower-case letters and digits with - or . between them", 253),
]
DataKey = Annotated[str, Grammar(r"[-._a-zA-Z0-9]+", "key of a ConfigMap", "letters, digits, - _ and .", 253)]
KindName = Annotated[str, Grammar("[A-Z][A-Za-z0-9]*", "kind", "it as Kubernetes does, such as Deployment", 63)]
LabelKey = Annotated[
    str,
    Grammar(rf"({_LABEL}(\.{_LABEL})*/)?{_WORD}", "label key", "a name such as app.kubernetes.io/name", 317),
]
LabelValue = Annotated[str, Grammar(f"({_WORD})?", "label value", "letters and digits with - _ or . between them", 63)]

# The strict form, which every version of Kubernetes takes; 1.34 takes nearly anything (validation.IsRelaxedEnvVarName).
VariableName = Annotated[
    str, Grammar("[-._a-zA-Z][-._a-zA-Z0-9]*", "variable name", "letters, digits, - _ and ., no digit first", 253)
]


_NAMES: TypeAdapter[tuple[str, ...]] = TypeAdapter(Annotated[tuple[ContainerName, ...], Field(min_length=1)])


def _containers(value: Any) -> Any:  # noqa: ANN401 - whatever was written
    if value in ("main", "all"):
        return value
    if isinstance(value, list | tuple):
        return _NAMES.validate_python(value)
    raise ValueError(f"{choice(value, ('main', 'all'))}; write names of containers as a list")


Containers = Annotated[
    Literal["main", "all"] | tuple[str, ...],
    PlainValidator(_containers),
    WithJsonSchema({"anyOf": [{"enum": ["main", "all"]}, _NAMES.json_schema()]}),
]


def _words(text: str) -> str:
    words = " ".join(text.split())
    if not words:
        raise ValueError("is empty; give it a value, or remove it")
    if not words.isprintable():
        raise ValueError(f"{show(words)} holds characters that cannot be printed; remove them")
    return words


Words = Annotated[str, Field(max_length=300), AfterValidator(_words)]
"""What people say to each other; runs of blanks and line breaks become one blank."""


def _day(value: Any) -> Any:  # noqa: ANN401 - whatever was written
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value)
    except ValueError as error:
        raise ValueError(f"{show(value)} is no day: {error}") from None
    raise ValueError(f"{show(value)} is no day; write year, month and day, such as 2027-03-31")


Day = Annotated[date, BeforeValidator(_day)]
