"""Versions of Airflow: which ones a finding must hold for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WRITTEN = re.compile(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?(\+)?")
_TAG = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?(?:[-_+.].*)?")
_END = 999
_OLDEST, _NEWEST = 2, 3  # majors of Airflow that have callbacks

Number = tuple[int, int, int]


class VersionError(ValueError):
    """The text is not a version of Airflow that is known here."""


@dataclass(frozen=True, slots=True)
class Versions:
    """All versions from *low* to *high*, both included."""

    low: Number = (_OLDEST, 0, 0)
    high: Number = (_END, _END, _END)

    def since(self, major: int, minor: int = 0, patch: int = 0) -> bool:
        """Return whether all of them are that version or later."""
        return self.low >= (major, minor, patch)

    def until(self, major: int, minor: int = 0, patch: int = 0) -> bool:
        """Return whether all of them are before that version."""
        return self.high < (major, minor, patch)

    def meets(self, other: "Versions") -> "Versions | None":
        """Return the versions that are in both; None when there is none."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return Versions(low, high) if low <= high else None

    @property
    def words(self) -> str:
        """The versions for people.

        >>> versions("2.10").words, versions("3.1+").words, ANY.words, versions("3").words
        ('Airflow 2.10', 'Airflow 3.1 or later', 'any Airflow', 'Airflow 3')
        """
        if self == ANY:
            return "any Airflow"
        low = ".".join(str(part) for part in self.low).removesuffix(".0")
        if self.low == self.high:
            return f"Airflow {low}"
        if self.high[0] == _END:
            return f"Airflow {low.removesuffix('.0')} or later"
        if self.low[:2] == self.high[:2]:
            return f"Airflow {low}"
        return f"Airflow {self.low[0]}" if self.low[1] == 0 else f"Airflow {low} or later"


ANY = Versions()


def versions(text: str) -> Versions:
    """Return the versions that *text* means: 3 is all of 3, 3.1+ is 3.1 and all that came later.

    >>> versions("2.10"), versions("3+").since(3)
    (Versions(low=(2, 10, 0), high=(2, 10, 999)), True)
    """
    match = _WRITTEN.fullmatch(text.strip())
    if match is None or not _OLDEST <= int(match[1]) <= _NEWEST:
        raise VersionError(f"{text!r} is no version of Airflow such as 2, 2.10, 3.1 or 3.1+")
    parts = [int(part) for part in match.groups()[:3] if part is not None]
    low = (*parts, 0, 0)[:3]
    high = (_END,) * 3 if match[4] else (*parts, _END, _END)[:3]
    return Versions((low[0], low[1], low[2]), (high[0], high[1], high[2]))


def of_tag(repository: str, tag: str) -> Versions | None:
    """Return the version that an image's *tag* names; None when it names another thing.

    >>> of_tag("apache/airflow", "2.10.5-python3.12").words, of_tag("data/airflow", "release-7")
    ('Airflow 2.10.5', None)
    """
    match = _TAG.fullmatch(tag)
    if match is None or repository.rpartition("/")[2] not in ("airflow", "airflow-base", "ap-airflow"):
        return None
    major, minor, patch = int(match[1]), int(match[2]), match[3]
    if not _OLDEST <= major <= _NEWEST:
        return None
    if patch is None:
        return Versions((major, minor, 0), (major, minor, _END))
    return Versions((major, minor, int(patch)), (major, minor, int(patch)))


# What only some versions can import; the first that fits counts. Sources: the wheels of 2.11.2 and 3.3.2.
_IMPORTS = (
    (re.compile(r"airflow\.sdk(\.\w+)*\.(AsyncCallback|SyncCallback|Deadline\w+)"), versions("3.1+")),
    (re.compile(r"airflow\.sdk(\..*)?"), versions("3+")),
    (re.compile(r"airflow\.(contrib|operators\.subdag|models\.slamiss|models\.SlaMiss)(\..*)?"), versions("2")),
    (re.compile(r"airflow\.(operators|sensors|hooks)\.\w+_(operator|sensor|hook)(\..*)?"), versions("2")),
)  # fmt: skip


def of_imports(paths: Iterable[str]) -> Versions:
    """Return the versions that can import all of *paths*; ANY when these contradict each other.

    >>> of_imports(["airflow.sdk.DAG"]).words, of_imports(["airflow.sdk.DAG", "airflow.models.SlaMiss"]) == ANY
    ('Airflow 3 or later', True)
    """
    found = ANY
    for path in paths:
        for pattern, told in _IMPORTS:
            if pattern.fullmatch(path):
                both = found.meets(told)
                if both is None:
                    return ANY
                found = both
                break
    return found
