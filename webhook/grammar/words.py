"""Texts with a grammar of their own: Kubernetes names, parts of image references, people's words, dates and times."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    PlainValidator,
    TypeAdapter,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from webhook.grammar.complaint import choice, show
from webhook.pods.image import ImageError, parse

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_WORD = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_KEY = rf"({_LABEL}(\.{_LABEL})*/)?{_WORD}"


class Grammar(msgspec.Struct, frozen=True):
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
# Neither . alone nor .. in front (apimachinery, hasChDirPrefix); look-ahead is unknown to Helm, which takes the schema.
DataKey = Annotated[
    str,
    Grammar(r"\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*", "key of a ConfigMap", "letters, digits, - _ and . (no .. first)", 253),
]
KindName = Annotated[str, Grammar("[A-Z][A-Za-z0-9]*", "kind", "it as Kubernetes does, such as Deployment", 63)]
LabelKey = Annotated[
    str,
    Grammar(_KEY, "label key", "a name such as app.kubernetes.io/name", 317),
]
LabelValue = Annotated[str, Grammar(f"({_WORD})?", "label value", "letters and digits with - _ or . between them", 63)]

# The strict form, which every version of Kubernetes takes; 1.34 takes nearly anything (validation.IsRelaxedEnvVarName).
VariableName = Annotated[
    str,
    Grammar(
        r"(\.[-_a-zA-Z0-9]|[-_a-zA-Z])[-._a-zA-Z0-9]*",
        "variable name",
        "letters, digits, - _ and . (no digit and no .. first)",
        253,
    ),
]
# What a variable can take from its own pod; with anything else the API server refuses every pod that has it
# (pkg/apis/core/validation, validEnvDownwardAPIFieldPathExpressions, and spec.host of old clients).
FieldPath = Annotated[
    str,
    Grammar(
        rf"metadata\.(name|namespace|uid|labels\['{_KEY}'\]|annotations\['([A-Za-z0-9.-]+/)?{_WORD}'\])"
        r"|spec\.(nodeName|host|serviceAccountName)|status\.(hostIPs?|podIPs?)",
        "field that Kubernetes lets a variable refer to",
        "metadata.name, .namespace, .uid, .labels['KEY'] or .annotations['KEY'], spec.nodeName,"
        " spec.serviceAccountName, status.hostIP, .hostIPs, .podIP or .podIPs",
        400,
    ),
]
ResourcePath = Annotated[
    str,
    Grammar(
        r"(limits|requests)\.(cpu|memory|ephemeral-storage|hugepages-[A-Za-z0-9.]+)",
        "resource that Kubernetes lets a variable refer to",
        "limits. or requests. and cpu, memory, ephemeral-storage or hugepages-SIZE",
        253,
    ),
]


NAMES: TypeAdapter[tuple[str, ...]] = TypeAdapter(
    Annotated[tuple[ContainerName, ...], Field(min_length=1)], config=ConfigDict(defer_build=True)
)


def _containers(value: Any) -> Any:  # noqa: ANN401 - whatever was written
    if value in ("main", "all"):
        return value
    if isinstance(value, list | tuple):
        return NAMES.validate_python(value)
    raise ValueError(f"{choice(value, ('main', 'all'))}; write names of containers as a list")


class _ContainersSchema:
    """The JSON Schema of `Containers`, which needs a validator built: only made for who asks."""

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"anyOf": [{"enum": ["main", "all"]}, NAMES.json_schema()]}


Containers = Annotated[Literal["main", "all"] | tuple[str, ...], PlainValidator(_containers), _ContainersSchema()]


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
        raise ValueError(f"{show(value)} is not a date: {error}") from None
    raise ValueError(f"{show(value)} is not a date; write year, month and day, such as 2027-03-31")


Day = Annotated[date, BeforeValidator(_day)]


def _moment(value: Any) -> Any:  # noqa: ANN401 - whatever was written
    moment = value
    if isinstance(value, str) and re.fullmatch(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|[+-][0-9]{2}:[0-9]{2})", value
    ):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError(f"{show(value)} is not a time: {error}") from None
    if isinstance(moment, datetime) and moment.tzinfo is not None:
        return moment.astimezone(UTC)
    raise ValueError(f"{show(value)} is not a time; write day, time and time zone, such as 2026-11-26T18:00:00Z")


Moment = Annotated[datetime, BeforeValidator(_moment)]
"""A moment with its time zone; kept in UTC."""

Tag = Annotated[
    str, Grammar(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", "tag", "letters, digits, _ . and -, the first neither . nor -", 128)
]
Digest = Annotated[
    str,
    Grammar(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}", "digest", "sha256: and 64 lower-case hexadecimal digits", 135),
]
Revision = Annotated[
    str,
    Grammar(
        r"[A-Za-z0-9_][A-Za-z0-9_./+-]*", "revision", "a commit's id or another name of a state of the source", 128
    ),
]


def _repository(text: str) -> str:
    try:
        image = parse(text)
    except ImageError as error:
        raise ValueError(str(error)) from None
    if image.tag is not None or image.digest is not None:
        raise ValueError(f"{show(text)} is more than a repository; give the tag or the digest in a field of its own")
    return image.repository


Repository = Annotated[str, AfterValidator(_repository)]
"""A repository of images, normalised: airflow is docker.io/library/airflow."""
