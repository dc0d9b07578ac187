"""Patterns that people write in documents: globs of namespaces, users and images, and expressions for tags.

Each is a pydantic type that is compiled when the document is read; none can hang (`webhook.grammar.glob`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

from webhook.grammar.glob import SHOWN, WILDCARDS, PatternError, Program, expression, program, show
from webhook.pods.image import Image
from webhook.pods.text import printable

LIMIT = 512  # characters; a user name may hold a namespace and the name of a ServiceAccount


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern as it was written; compared, hashed, printed and pickled by that text."""

    source: str
    _program: Program = field(init=False, repr=False, compare=False)

    description: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if not self.source:
            raise PatternError("is empty and would match nothing; write '*' for everything")
        if len(self.source) > LIMIT:
            raise PatternError(f"{show(self.source)} is longer than {LIMIT} characters; shorten it")
        rule = self.expression(self.source)
        try:
            object.__setattr__(self, "_program", program(rule))
        except PatternError as error:
            text = f"{show(self.source)} is not an RE2 expression: {error}"
            raise PatternError(f"{text}; RE2 has no look-around and no back references, and limits sizes") from None

    def __str__(self) -> str:
        return self.source

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        return type(self), (self.source,)

    @classmethod
    def expression(cls, source: str) -> str:
        """Return the RE2 expression for *source*; PatternError when it is not a pattern of this kind."""
        return expression(source)

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._validated, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1, "maxLength": LIMIT, "description": cls.description}

    @classmethod
    def _validated(cls, value: Any) -> Self:  # noqa: ANN401 - pydantic hands over whatever the document holds
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise PydanticKnownError("string_type")
        return cls(value)

    def _runs(self, text: str) -> bool:
        return self._program.fullmatch(text.encode(errors="replace")) is not None


class NamespaceGlob(Pattern):
    """A glob for namespaces: `*` stands for any run of characters, `?` for one.

    >>> NamespaceGlob("airflow-prod*").matches("airflow-prod-eu")
    True
    """

    __slots__ = ()
    description = "A glob for namespaces: * stands for any run of characters, ? for one."

    @classmethod
    def expression(cls, source: str) -> str:
        """Return the expression; a namespace is an RFC 1123 label, so a glob with other characters can match none."""
        if not re.fullmatch(r"[a-z0-9*?-]+", source):
            raise PatternError(
                f"{show(source)} can match no namespace; write lower-case letters, digits, - and the wildcards * and ?"
            )
        return expression(source)

    def matches(self, namespace: str) -> bool:
        """Return whether *namespace* matches."""
        return self._runs(namespace)

    def disjoint(self, other: "NamespaceGlob") -> bool:
        """Return whether surely no namespace matches both; False when that is not plain to see.

        >>> NamespaceGlob("team-a-*").disjoint(NamespaceGlob("team-b-*"))
        True
        """
        mine, others = WILDCARDS.split(self.source), WILDCARDS.split(other.source)
        if len(mine) == len(others) == 1:
            return self.source != other.source
        if len(mine) == 1:
            return not other.matches(self.source)
        if len(others) == 1:
            return not self.matches(other.source)
        return _differ(str.startswith, mine[0], others[0]) or _differ(str.endswith, mine[-1], others[-1])


def _differ(holds: Callable[[str, str], bool], one: str, other: str) -> bool:
    return not holds(one, other) and not holds(other, one)


class UserGlob(Pattern):
    """A glob for user names: `*` stands for any run of characters, `?` for one.

    >>> UserGlob("system:serviceaccount:airflow:*").matches("system:serviceaccount:airflow:worker")
    True
    """

    __slots__ = ()
    description = "A glob for user names: * stands for any run of characters, ? for one."

    def matches(self, user: str) -> bool:
        """Return whether *user* matches."""
        return self._runs(user)


class TagPattern(Pattern):
    """A glob for tags, or `re:` and an RE2 expression for the whole tag.

    >>> TagPattern("re:build-[0-9]+").matches("build-17"), TagPattern("build-?").matches("build-17")
    (True, False)
    """

    __slots__ = ()
    description = "A glob for tags (* any run of characters, ? one), or re: and an RE2 expression for the whole tag."

    @classmethod
    def expression(cls, source: str) -> str:
        """Return the expression; a glob with characters that no tag holds can match none."""
        if source.startswith("re:"):
            if source == "re:":
                raise PatternError("'re:' stands before no expression; write one, such as re:build-[0-9]+")
            return source.removeprefix("re:")
        if not re.fullmatch(r"[\w.*?-]+", source, re.ASCII):
            raise PatternError(
                f"{show(source)} can match no tag; write letters, digits, _ . - and the wildcards * and ?,"
                " or re: before a regular expression"
            )
        return expression(source)

    def matches(self, tag: str) -> bool:
        """Return whether the whole of *tag* matches."""
        return self._runs(tag)


_HOST = re.compile(r"(?:[A-Za-z0-9.*?-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9*?]+)?")
_PATH = re.compile(r"[a-z0-9._*?-]+(?:/[a-z0-9._*?-]+)*")
_TAG = re.compile(r"[\w.*?-]+", re.ASCII)
_DIGEST = re.compile(r"[a-z0-9:*?]+")
_HUB = "docker.io"


class ImageGlob(Pattern):
    """A glob for images: in it `*` and `?` stop at `/`, and `**` does not.

    It is normalised like a reference, so that `apache/*` means `docker.io/apache/*` and `redis` means
    `docker.io/library/redis`; a host is compared without regard to case. Without a tag or digest it matches a
    repository whatever its tag or digest; a part after `:` must match the tag too (no tag and no digest is `latest`),
    a part after `@` the digest. A first part with wildcards must be recognisable as a host (by a dot or a port), since
    `*/etl` would otherwise mean docker.io to airlock and any registry to its reader.

    >>> from webhook.pods.image import parse
    >>> ImageGlob("registry.example.com/legacy/*").matches(parse("registry.example.com/legacy/etl:1"))
    True
    >>> ImageGlob("registry.example.com/legacy/*").matches(parse("registry.example.com/legacy/etl/base:1"))
    False
    """

    __slots__ = ()
    description = "A glob for images: * and ? stop at /, ** does not; without :tag or @digest it matches any of them."

    @classmethod
    def expression(cls, source: str) -> str:
        """Return the expression for repository, tag and digest with blanks between, as `matches` has them."""
        return " ".join(cls.parts(source))

    @classmethod
    def parts(cls, source: str) -> tuple[str, str, str]:
        """Return the expressions for repository, tag with its colon, and digest with its at sign."""
        rest, _, digest = source.partition("@")
        slash = rest.rfind("/")
        colon = rest.find(":", slash + 1)
        name, tag = (rest, "") if colon < 0 else (rest[:colon], rest[colon + 1 :])
        host, path = _split(name, source)
        for what, part, grammar, given in (
            ("host", host, _HOST, True),
            ("name", path, _PATH, True),
            ("tag", tag, _TAG, colon >= 0),
            ("digest", digest, _DIGEST, "@" in source),
        ):
            if given and not grammar.fullmatch(part):
                text = f"{show(source)} can match no image: {show(part)} is no {what}"
                raise PatternError(f"{text}; the wildcards are *, ? and **, and names are lower-case")
        wild = {"star": "[^/ ]*", "stars": "[^ ]*", "one": "[^/ ]"}
        parts = (f"{host}/{path}", f":{tag}" if colon >= 0 else "**", f"@{digest}" if "@" in source else "**")
        repository, tagged, digested = (expression(part, **wild) for part in parts)
        return repository, tagged, digested

    def matches(self, image: Image) -> bool:
        """Return whether *image* matches."""
        tag = f":{image.effective_tag}" if image.effective_tag else ""
        digest = f"@{image.digest}" if image.digest else ""
        return self._runs(f"{image.domain.lower()}/{image.path} {tag} {digest}")


def _split(name: str, source: str) -> tuple[str, str]:
    """Return host and path of *name*, by the rules of distribution/reference (normalize.go, splitDockerDomain)."""
    first, slash, rest = name.partition("/")
    offer = printable(name, SHOWN)
    is_host = "." in first or ":" in first or first == "localhost" or first.lower() != first
    if not slash and "." in first:
        raise PatternError(f"{show(source)} names a registry and no repository; write {offer}/** for all it holds")
    if slash and is_host:
        if "**" in first:
            raise PatternError(f"{show(source)} has ** in its host; write the registry, or * for a part of its name")
        host, path = first.lower(), rest
    elif "*" in first or "?" in first:
        raise PatternError(f"{show(source)} names no registry; write one, such as {_HUB}/{offer}")
    else:
        host, path = _HUB, name
    if host == f"index.{_HUB}":
        host = _HUB
    if host == _HUB and "/" not in path and "**" not in path:
        path = f"library/{path}"
    return host, path
