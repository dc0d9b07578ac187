"""Reads documents that people write (YAML) whole, or refuses them with every problem, its line and its path."""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, Literal, Self, TypeVar

import msgspec
from msgspec.structs import replace
from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import InitErrorDetails, PydanticCustomError

from webhook.grammar.complaint import complain, unknown
from webhook.grammar.yamlnode import Node, Path, compose
from webhook.pods.text import printable

API_VERSION: Final = "airlock/v1"

_LONGEST_PATH = 200
_PLAIN_KEY = re.compile(r"[\w/-]+", re.ASCII)
_FLAW = "flaw"  # our own error types among pydantic's: the sentence is ready
_UNKNOWN_FIELD = "unknown_field"


class Problem(msgspec.Struct, frozen=True):
    """One thing wrong with a document."""

    line: int  # 0: nowhere in particular
    path: str  # rules.mutable-tag.tags[1].is; "" for the document as a whole
    text: str
    unknown_field: bool = False  # a name this version does not know, and a newer one may

    def __str__(self) -> str:
        line = f"line {self.line}" if self.line else ""
        return ": ".join(part for part in (line, self.path, self.text) if part)


class DocumentError(ValueError):
    """A document that cannot be taken; *problems* are all there are, in the order of their lines."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(map(str, self.problems)))


class Flaw(msgspec.Struct, frozen=True):
    """What is wrong with fields that are each right by themselves; *path* begins where the flaw is looked for."""

    path: Path
    text: str
    unknown_field: bool = False

    @property
    def error(self) -> PydanticCustomError:
        """The flaw as pydantic carries it; what a validator of one field raises."""
        return PydanticCustomError(_UNKNOWN_FIELD if self.unknown_field else _FLAW, "{text}", {"text": self.text})


class Model(BaseModel):
    """A part of a document: frozen, camelCase on paper, and no field that nobody knows."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        defer_build=True,
    )

    @classmethod
    def flaws(cls, given: Mapping[str, Any]) -> Iterator[Flaw]:  # noqa: ARG003 - for those that override it
        """Yield what is wrong with the fields that are *given*, taken together; each may itself be wrong."""
        yield from ()

    @model_validator(mode="wrap")
    @classmethod
    def _told(cls, value: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401
        """Collect flaws beside pydantic's own errors, and say all in our words, here where the fields are known."""
        flaws: list[Flaw] = []
        if isinstance(value, Mapping):
            names = {name: field.alias or name for name, field in cls.model_fields.items()}
            flaws.extend(cls.flaws({names.get(str(name), str(name)): item for name, item in value.items()}))
        model: Self | None = None
        try:
            model = handler(value)
        except ValidationError as error:
            flaws.extend(cls.flaw(details) for details in _errors(error))
        if model is None or flaws:
            raise failure(flaws)
        return model

    @classmethod
    def flaw(cls, details: Any) -> Flaw:  # noqa: ANN401 - pydantic's ErrorDetails
        """Return what pydantic says in *details* of a field of this model, in our words."""
        kind, path, context = details["type"], details["loc"], details.get("ctx", {})
        if kind in {_FLAW, _UNKNOWN_FIELD}:
            return Flaw(path, context["text"], kind == _UNKNOWN_FIELD)
        if kind == "extra_forbidden":
            allowed = [field.alias or name for name, field in cls.model_fields.items()]
            return Flaw(path, unknown(str(path[-1]), allowed), unknown_field=True)
        secret = any(not field.repr and path[:1] == (field.alias,) for field in cls.model_fields.values())
        return Flaw(path, complain(kind, details["input"], context, details["msg"], secret=secret))


class Document(Model):
    """What every document begins with."""

    api_version: Literal["airlock/v1"] = API_VERSION
    """The version of the format."""

    kind: str
    """What the document is."""


def failure(flaws: Iterable[Flaw]) -> ValidationError:
    """Return the error by which a validator reports several *flaws* at once."""
    details = [InitErrorDetails(type=flaw.error, loc=flaw.path, input=None) for flaw in flaws]
    return ValidationError.from_exception_data("document", details)


def flaws_of(error: ValidationError, *prefix: str | int) -> list[Flaw]:
    """Return what is in *error*, in our words, each path behind *prefix*."""
    flaws = (Model.flaw(details) for details in _errors(error))
    return [replace(flaw, path=(*prefix, *flaw.path)) for flaw in flaws]


M = TypeVar("M", bound=Document)


def entries(check: Callable[[Mapping[int, Any]], Iterator[Flaw]]) -> WrapValidator:
    """Return a validator for a tuple of models that lets *check* compare those entries that are right by themselves.

    *check* gets them by their index in the document, and its flaws' paths begin with such an index.
    """

    def whole(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - whatever was written
        if not isinstance(value, list | tuple):
            return handler(value)
        right: dict[int, Any] = {}
        flaws: list[Flaw] = []
        for index, item in enumerate(value):
            try:
                (right[index],) = handler([item])
            except ValidationError as error:
                flaws.extend(replace(flaw, path=(index, *flaw.path[1:])) for flaw in flaws_of(error))
        flaws.extend(check(right))
        if flaws:
            raise failure(flaws)
        return tuple(right.values())

    return WrapValidator(whole)


def read(text: str | bytes, model: type[M]) -> M:
    """Return the *model* that *text* (YAML 1.2, its `true` and `false` the only booleans) describes.

    Raises DocumentError with every problem there is.
    """
    root, faults = compose(text)
    problems = [Problem(fault.line, place(fault.path), fault.text) for fault in faults]
    if root is None:
        raise DocumentError(problems)
    kind = model.model_fields["kind"].default
    problems += [
        Problem(root.line, name, f"is required; write {name}: {value}")
        for name, value in (("apiVersion", API_VERSION), ("kind", kind))
        if name not in root.value
    ]
    document: M | None = None
    try:
        document = model.model_validate(root.value, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += _found(root, error)
    if root.value.get("kind", kind) != kind:  # another document altogether: say nothing about its fields
        problems = [problem for problem in problems if problem.path in {"", "apiVersion", "kind"}]
    if document is None or problems:
        raise DocumentError(problems)
    return document


def revision(text: str | bytes) -> str:
    """Return the name that metrics give to these very bytes: 12 hexadecimal digits.

    >>> revision("mode: warn")
    '45bd7d719826'
    """
    raw = text.encode(errors="surrogatepass") if isinstance(text, str) else text
    return hashlib.sha256(raw).hexdigest()[:12]


def place(path: Path) -> str:
    """Return *path* as people write it; keys that are not plain words are quoted.

    What lies below a `value` is not shown: it may be a secret that lacks its quotes.

    >>> place(("components", 0, "labels", "app.kubernetes.io/name"))
    'components[0].labels."app.kubernetes.io/name"'
    """
    if "value" in path:
        path = path[: path.index("value") + 1]
    parts = [f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in path]
    return printable("".join(parts).removeprefix("."), _LONGEST_PATH)


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else f'"{printable(key, _LONGEST_PATH)}"'


def _errors(error: ValidationError) -> Iterator[Any]:
    """Yield the errors in *error*, but that a list is too short which is so only for its bad entries."""
    for details in error.errors(include_url=False):
        if details["type"] != "too_short" or not details["input"]:
            yield details


def _found(root: Node, error: ValidationError) -> list[Problem]:
    """Return the problems in *error*, each once, with the lines that *root* knows."""
    problems = (located(root, flaw) for flaw in flaws_of(error))
    return list(dict.fromkeys(problem for problem in problems if problem is not None))


def located(root: Node, flaw: Flaw) -> Problem | None:
    """Return *flaw* with the line that *root* knows; None where the YAML itself could not be read."""
    node, line, path = root, root.line, list[str | int]()
    at_key = flaw.unknown_field or flaw.path[-1:] == ("[key]",)  # as pydantic names the key of the entry before
    for part in flaw.path:
        if part in node.children:
            parent, node = node, node.children[part]
            line = parent.keys.get(str(part), node.line) if at_key else node.line
        elif part == "[key]":
            continue
        path.append(part)
    if node.value is None:  # reported when the YAML was read
        return None
    return Problem(line, place(tuple(path)), flaw.text, flaw.unknown_field)
