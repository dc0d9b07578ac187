"""Exemptions: declared reasons not to apply rules, each with an end."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from webhook.grammar.complaint import choice
from webhook.grammar.model import Flaw, Model
from webhook.grammar.pattern import ImageGlob, NamespaceGlob
from webhook.grammar.words import Day, Words
from webhook.pods.airflow import Component
from webhook.pods.image import Image
from webhook.pods.text import quote
from webhook.rules.catalogue import RULES

_IMAGELESS = frozenset(name for name, rule in RULES.items() if not rule.images)
_SELECTORS = ("namespaces", "components", "images")


def _known_rule(name: str) -> str:
    if name not in RULES:
        raise Flaw((), choice(name, RULES), unknown_field=True).error
    return name


RuleName = Annotated[str, AfterValidator(_known_rule), WithJsonSchema({"type": "string", "enum": list(RULES)})]


class Exemption(Model):
    """A declared reason, with an end, not to apply rules; all selectors that are given must match."""

    name: Words
    """How reports call it; each name is given once."""

    reason: Words
    """Why."""

    owner: Words
    """Who answers for it."""

    expires: Day
    """The last day on which it holds, in UTC."""

    rules: Annotated[tuple[RuleName, ...], Field(min_length=1)] | None = None
    """The rules concerned; absent: all of them."""

    namespaces: Annotated[tuple[NamespaceGlob, ...], Field(min_length=1)] | None = None
    """Globs of namespaces."""

    components: Annotated[tuple[Component, ...], Field(min_length=1)] | None = None
    """Components."""

    images: Annotated[tuple[ImageGlob, ...], Field(min_length=1)] | None = None
    """Globs of images; what is no image reference is never matched, and findings without an image are not."""

    @classmethod
    def flaws(cls, given: Mapping[str, Any]) -> Iterator[Flaw]:
        """Yield a flaw for an exemption from everything, and for one that can exempt nothing."""
        if all(given.get(selector) is None for selector in _SELECTORS):
            yield Flaw((), f"would exempt everything; say at least one of {', '.join(_SELECTORS)}")
        rules = given.get("rules")
        if given.get("images") and isinstance(rules, list | tuple) and rules and _IMAGELESS.issuperset(map(str, rules)):
            yield Flaw(("images",), f"images do not concern {' or '.join(sorted(map(str, rules)))}; remove them")

    def in_force(self, today: date) -> bool:
        """Return whether the exemption holds on the day *today* (UTC)."""
        return today <= self.expires

    @property
    def ended(self) -> str:
        """What is said of it once it has ended."""
        return f"exemption {quote(self.name)} of {quote(self.owner)} expired on {self.expires}"

    def covers(self, rule: str, namespace: str, component: Component, image: Image | None) -> bool:
        """Return whether a finding of *rule* is meant; *image* is None when it concerns none that can be parsed."""
        return (
            (self.rules is None or rule in self.rules)
            and (self.namespaces is None or any(glob.matches(namespace) for glob in self.namespaces))
            and (self.components is None or component in self.components)
            and (self.images is None or (image is not None and any(glob.matches(image) for glob in self.images)))
        )
