"""The release manifest: which image each component must run, and since when; a delivery pipeline writes it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from webhook.grammar.model import Document, Flaw, entries, read
from webhook.grammar.schema import schema_of
from webhook.grammar.yamltext import dump
from webhook.pods.airflow import Component
from webhook.rules.expectation import Expectation, ExpectedImage, expectation

_MOST = 500  # entries
_COMPARISONS = 100_000  # of globs, in a document that is meant to take long


def _clashes(images: Mapping[int, Any]) -> Iterator[Flaw]:
    """Yield a flaw for two entries that begin at once for the same workloads: nobody could say which is in force."""
    begun: dict[datetime, list[int]] = {}
    left = _COMPARISONS
    for index, image in images.items():
        for earlier in begun.get(image.begins, ()):
            other = images[earlier]
            left -= len(image.namespaces) * len(other.namespaces)
            if left < 0 or _meet(image, other):
                text = f"concerns the same workloads as images[{earlier}] and begins at the same moment"
                yield Flaw((index,), f"{text}; give it another since, or part their components or namespaces")
                break
        begun.setdefault(image.begins, []).append(index)


def _meet(one: ExpectedImage, other: ExpectedImage) -> bool:
    if not set(one.components) & set(other.components):
        return False
    return any(not mine.disjoint(theirs) for mine in one.namespaces for theirs in other.namespaces)


class Release(Document):
    """The images that components are to run."""

    kind: Literal["Release"] = "Release"
    """What the document is."""

    images: Annotated[tuple[ExpectedImage, ...], Field(max_length=_MOST), entries(_clashes)]
    """What is expected; for one workload the entry counts that began last."""

    def about(self, component: Component, namespace: str, now: datetime) -> dict[Component, Expectation]:
        """Return what *component* in *namespace* is to run at *now*, where that is said; and a scheduler's tasks."""
        if not self.images:
            return {}
        concerned = [component, Component.TASK] if component is Component.SCHEDULER else [component]
        found = {one: expectation(self.images, one, namespace, now) for one in concerned}
        return {one: expected for one, expected in found.items() if expected is not None}


def read_release(text: str | bytes) -> Release:
    """Return the release that *text* describes, or raise DocumentError."""
    return read(text, Release)


def effective(release: Release) -> str:
    """Return *release* as YAML with its defaults written out; it reads back as an equal release."""
    written = release.model_dump(mode="json", by_alias=True, exclude_none=True)
    for image in written["images"]:
        if "since" not in image:
            del image["overlapMinutes"]  # which would be refused: there is nothing before it
    return dump(written)


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a release manifest (draft 2020-12)."""
    return schema_of(Release, "urn:airlock:v1:release")


NONE = Release.model_construct(images=())
