"""Which tags a policy trusts: the options of mutable-tag, whose entries come before the built-in table of tags."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool

from webhook.grammar.model import Model
from webhook.grammar.pattern import ImageGlob, TagPattern
from webhook.pods import tags
from webhook.pods.airflow import Component
from webhook.pods.image import Image, ImageError, default_pull_policy, parse
from webhook.pods.tags import TagClass
from webhook.rules.finding import Mode
from webhook.rules.rule import RuleOptions

_ALL_BUT_SUPPORT = tuple(component for component in Component if component is not Component.SUPPORT)


class TagEntry(Model):
    """A class of tags that an installation declares."""

    match: TagPattern
    """A glob, or `re:` and a regular expression for the whole tag."""

    images: tuple[ImageGlob, ...] = ()
    """Globs of the images concerned; absent: all."""

    is_: Annotated[Literal["mutable", "immutable"], Field(alias="is")]
    """What such a tag is."""

    def matches(self, image: Image) -> bool:
        """Return whether the entry speaks of *image*."""
        return self.match.matches(image.effective_tag) and (
            not self.images or any(glob.matches(image) for glob in self.images)
        )


class MutableTagOptions(RuleOptions):
    """The options of mutable-tag."""

    pull_policies: tuple[Literal["IfNotPresent", "Never", "Always"], ...] = ("IfNotPresent", "Never")
    """Pull policies that trust the node's cache."""

    components: tuple[Component, ...] = _ALL_BUT_SUPPORT
    """Components that are judged; `support` is out because charts ship redis and the like with floating tags.

    Airflow's own images are judged in `support` as well, as long as `other` is in: Flower runs one.
    """

    require_digest: StrictBool = False
    """Whether every image must have a digest, whatever its tag, its pull policy and the entries in `tags`."""

    tags: tuple[TagEntry, ...] = ()
    """Entries that come before the built-in table; the first match wins."""

    unrecognised: Mode = Mode.WARN
    """The mode for tags that no entry knows; never stricter than the rule's own mode."""

    evidence: Literal[Mode.WARN, Mode.OFF, Mode.ENFORCE] = Mode.WARN
    """What it counts at admission that a tag was seen to run as two images: warn, off, or enforce (the rule's mode)."""

    def is_mutable(self, image: Image) -> bool:
        """Return whether the tag of *image* is mutable, by the entries or else by the built-in table."""
        return image.digest is None and class_of(self, image)[0] is TagClass.MUTABLE


def passing(options: MutableTagOptions, text: str, policy: str | None) -> str | None:
    """Return the image *text* in its normal form if it passes unless there is proof against it; None if it does not.

    Nothing can be proven against "", which stands for what passes anyway.
    """
    try:
        image = parse(text)
    except ImageError:
        return None
    if image.digest:
        return ""
    if options.require_digest:
        return None
    if (policy or default_pull_policy(text)) not in options.pull_policies:
        return ""
    return str(image) if class_of(options, image)[0] is TagClass.IMMUTABLE else None


def class_of(options: MutableTagOptions, image: Image) -> tuple[TagClass, str]:
    """Return what the tag of *image* is, and who says so."""
    entry = next((entry for entry in options.tags if entry.matches(image)), None)
    if entry is None:
        kind = tags.classify(image.effective_tag, image.repository)
        return kind.is_, kind.name
    return TagClass(entry.is_), f"the policy's entry {str(entry.match)!r} says so"
