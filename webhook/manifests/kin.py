"""Which objects of the input belong to one Airflow: those of one release, in the nearest files."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

from webhook.manifests.objects import Manifest

# Two releases in a namespace differ by these labels: the official and the community chart's, and everybody's.
_RELEASE = ("release", "app.kubernetes.io/instance")
_SAME = 1 << 16  # nearer than any two files of a tree


class Holder(Protocol):
    """What was made from a manifest."""

    @property
    def manifest(self) -> Manifest:
        """The manifest."""


T = TypeVar("T", bound=Holder)


def related(found: Iterable[T], manifest: Manifest) -> list[T]:
    """Return those of *found* that may be of one release with *manifest*; first those whose labels say so."""
    kept = [one for one in found if not _apart(one.manifest, manifest)]
    return sorted(kept, key=lambda one: -_shared(one.manifest, manifest))


def nearest(found: Iterable[T], manifest: Manifest) -> list[T]:
    """Return those of *found* whose file is nearest to that of *manifest*: the same, else of the deepest common folder.

    Charts that are rendered into folders put the settings of one Airflow into many files, and two environments of a
    repository into two folders.
    """
    kept = related(found, manifest)
    ranks = [_closeness(one.manifest.origin, manifest.origin) for one in kept]
    best = max(ranks, default=0)
    return [one for one, rank in zip(kept, ranks, strict=True) if rank == best]


def share_a_release(one: Manifest, other: Manifest) -> bool:
    """Return whether labels say that both are of one release."""
    return not _apart(one, other) and _shared(one, other) > 0


def _apart(one: Manifest, other: Manifest) -> bool:
    pairs = ((one.labels.get(key), other.labels.get(key)) for key in _RELEASE)
    return any(mine and theirs and mine != theirs for mine, theirs in pairs)


def _shared(one: Manifest, other: Manifest) -> int:
    return sum(bool(one.labels.get(key)) and one.labels.get(key) == other.labels.get(key) for key in _RELEASE)


def _closeness(one: str, other: str) -> int:
    """Return how near two files are.

    >>> _closeness("dev/a/x.yaml", "dev/b/y.yaml") > _closeness("dev/a/x.yaml", "prod/a/x.yaml")
    True
    """
    if one == other:
        return _SAME
    common = 0
    for mine, theirs in zip(one.split("/")[:-1], other.split("/")[:-1], strict=False):
        if mine != theirs:
            break
        common += 1
    return common
