"""What a release expects a component to run, and whether an image is that."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated, Any

import msgspec
from pydantic import Field

from webhook.grammar.model import Flaw, Model
from webhook.grammar.pattern import NamespaceGlob
from webhook.grammar.words import Digest, Moment, Repository, Revision, Tag
from webhook.pods.airflow import Component
from webhook.pods.image import Image
from webhook.pods.observed import Observed, Origin
from webhook.pods.sighting import short

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_IDENTITIES = ("digest", "tag", "revision")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_TOKENS = re.compile(r"[-_.+/]")
_SHORTEST = 7  # digits of an abbreviated commit id (git's own least)

COMPONENTS = (
    Component.SCHEDULER,
    Component.DAG_PROCESSOR,
    Component.TRIGGERER,
    Component.WORKER,
    Component.API_SERVER,
    Component.WEBSERVER,
    Component.TASK,
)


class Match(Enum):
    """How an image compares with what is expected."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"  # what is known of the two cannot be compared


class Comparison(msgspec.Struct, frozen=True):
    """How an image compares, and by what evidence."""

    match: Match
    why: str = ""  # "its registry says revision 9e107d9", or what is missing to compare


class ExpectedImage(Model):
    """The image that some components are to run from a moment on."""

    components: Annotated[tuple[Component, ...], Field(min_length=1)] = COMPONENTS
    """The components concerned; absent: all that run Airflow's own code."""

    namespaces: Annotated[tuple[NamespaceGlob, ...], Field(min_length=1)] = (NamespaceGlob("*"),)
    """Globs of the namespaces concerned; absent: all."""

    repository: Repository | None = None
    """The repository; absent: any."""

    digest: Digest | None = None
    """The digest of the image or of its index."""

    tag: Tag | None = None
    """The tag."""

    revision: Revision | None = None
    """The state of the source it was built from: by its tag, or by its label org.opencontainers.image.revision."""

    since: Moment | None = None
    """From when on it is expected; absent: always."""

    overlap_minutes: Annotated[int, Field(ge=0, le=7 * 24 * 60)] = 30
    """For how many minutes after `since` the image before is right as well."""

    @classmethod
    def flaws(cls, given: Mapping[str, Any]) -> Iterator[Flaw]:
        """Yield a flaw for an entry that names no image, and for an overlap with nothing before it."""
        if all(given.get(name) is None for name in _IDENTITIES):
            yield Flaw((), "names no image; give at least one of digest, tag and revision")
        if "overlapMinutes" in given and given.get("since") is None:
            yield Flaw(("overlapMinutes",), "needs since; give it, or remove this")

    @property
    def begins(self) -> datetime:
        """The moment from which on it is expected."""
        return self.since or _ALWAYS

    def overlaps(self, now: datetime) -> bool:
        """Return whether what was right before is still right at *now*."""
        return self.since is not None and now < self.since + timedelta(minutes=self.overlap_minutes)

    def applies(self, component: Component, namespace: str) -> bool:
        """Return whether a *component* in *namespace* is meant."""
        return component in self.components and any(glob.matches(namespace) for glob in self.namespaces)

    @property
    def words(self) -> str:
        """The image in words: `registry.example.com/airflow, tag 2.10.5, revision 4f2c9d1`."""
        digest = short(self.digest) if self.digest else None
        given = (("tag", self.tag), ("digest", digest), ("revision", self.revision))
        named = [f"{name} {value}" for name, value in given if value is not None]
        return ", ".join([*([self.repository] if self.repository else ()), *named])

    def compare(self, image: Image, running: str | None, observed: Observed) -> Comparison:
        """Return how *image*, which runs as the digest *running* if that is known, compares with this one.

        What says most about an image is asked first: its digest, then its tag, then the label in the registry.
        """
        if self.repository is not None and image.repository != self.repository:
            return Comparison(Match.DIFFERENT)
        digest = running or image.digest
        tries = (
            self._by_digest(image, digest, observed),
            self._by_tag(image),
            self._by_revision(image, digest, observed),
        )
        told = [one for one in tries if one is not None]
        known = next((one for one in told if one.match is not Match.UNKNOWN), None)
        return known or Comparison(Match.UNKNOWN, "; ".join(one.why for one in told))

    def _by_digest(self, image: Image, digest: str | None, observed: Observed) -> Comparison | None:
        if self.digest is None:
            return None
        if self.digest in (digest, image.digest):
            return Comparison(Match.SAME)
        if digest is None:
            return Comparison(Match.UNKNOWN, "its digest is not known before it runs")
        # A runtime says the digest of the index or that of the platform's manifest (kubernetes#115199).
        for one, other in ((self.digest, digest), (digest, self.digest)):
            if other in observed.origin(Image(image.domain, image.path, None, one)).platforms:
                return Comparison(Match.SAME)
        return Comparison(Match.DIFFERENT)

    def _by_tag(self, image: Image) -> Comparison | None:
        if self.tag is None:
            return None
        if not image.effective_tag:
            return Comparison(Match.UNKNOWN, "it has a digest and no tag")
        return Comparison(Match.SAME if image.effective_tag == self.tag else Match.DIFFERENT)

    def _by_revision(self, image: Image, digest: str | None, observed: Observed) -> Comparison | None:
        if self.revision is None:
            return None
        exact = observed.origin(Image(image.domain, image.path, None, digest)) if digest else None
        if exact is not None and not exact.why:
            return _labelled(exact, self.revision)
        told = tagged(image.effective_tag, self.revision)
        if told is not None:
            return Comparison(Match.SAME if told else Match.DIFFERENT)
        origin = exact or observed.origin(image)
        if origin.why:
            return Comparison(Match.UNKNOWN, f"its tag names no revision, and {origin.why}")
        return _labelled(origin, self.revision)


def _labelled(origin: Origin, revision: str) -> Comparison:
    if all(is_revision(one, revision) for one in origin.revisions):
        return Comparison(Match.SAME)
    if not any(origin.revisions):
        return Comparison(Match.UNKNOWN, "its image has no label org.opencontainers.image.revision")
    told = " and ".join(one or "none" for one in origin.revisions)
    return Comparison(Match.DIFFERENT, f"its registry says revision {told}")


def tagged(tag: str, revision: str) -> bool | None:
    """Return whether *tag* names *revision*; None when it names none.

    >>> tagged("2.10.5-4f2c9d1", "4f2c9d1e0b"), tagged("2.10.5-9e107d9", "4f2c9d1e0b"), tagged("2.10.5", "4f2c9d1e0b")
    (True, False, None)
    """
    if tag == revision:
        return True
    if not _COMMIT.fullmatch(revision):
        return True if revision in _TOKENS.split(tag) else None
    # git describe writes g4f2c9d1; digits alone are a date or a number of a build
    parts = (part.removeprefix("g") for part in _TOKENS.split(tag))
    commits = [part for part in parts if _COMMIT.fullmatch(part) and not part.isdigit()]
    if any(is_revision(commit, revision) for commit in (*commits, *_TOKENS.split(tag))):
        return True
    return False if commits else None


def is_revision(text: str, revision: str) -> bool:
    """Return whether *text* and *revision* name one state of the source: one may be the other's abbreviation."""
    if text == revision:
        return True
    short_, long = sorted((text, revision), key=len)
    return (
        len(short_) >= _SHORTEST
        and bool(_COMMIT.fullmatch(short_) and _COMMIT.fullmatch(long))
        and long.startswith(short_)
    )


class Expectation(msgspec.Struct, frozen=True):
    """What one component in one namespace is to run at a moment."""

    current: ExpectedImage
    before: ExpectedImage | None = None  # right as well, for a while
    anything: bool = False  # for a while, since nobody said what was right before

    def compare(self, image: Image, running: str | None, observed: Observed) -> Comparison:
        """Return how *image* compares with what is right."""
        found = self.current.compare(image, running, observed)
        if found.match is Match.SAME or self.anything:
            return Comparison(Match.SAME)
        old = self.before.compare(image, running, observed) if self.before is not None else found
        # The image may be the old one as long as that is not ruled out.
        return old if old.match is Match.SAME or (found.match, old.match) == (Match.DIFFERENT, Match.UNKNOWN) else found


def expectation(
    images: tuple[ExpectedImage, ...], component: Component, namespace: str, now: datetime
) -> Expectation | None:
    """Return what *images* expect of *component* in *namespace* at *now*; None when nothing.

    In force is the entry that began last; the one before it is right too as long as they overlap.
    """
    begun = sorted(
        (one for one in images if one.applies(component, namespace) and one.begins <= now), key=lambda one: one.begins
    )
    if not begun:
        return None
    current = begun[-1]
    if not current.overlaps(now):
        return Expectation(current)
    return Expectation(current, begun[-2]) if len(begun) > 1 else Expectation(current, anything=True)
