"""Drift and skew as pictures: what ran since when, as bars on one scale of time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from webhook.audit.survey import Drift, Skew, Survey
from webhook.pods.sighting import MOST_NODES, Part, short
from webhook.report.wording import age, instant, release

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_HUES = 6  # that can be told apart; the letters tell the rest
_THINNEST = 1.5  # percent; what is younger could not be seen


class Span(msgspec.Struct, frozen=True):
    """When something ran, in words and as a bar."""

    since: str
    lasted: str
    ended: str  # "" while it runs
    start: float  # of its bar, in percent of the picture's width
    width: float


class Run(msgspec.Struct, frozen=True):
    """One image that ran: a row of a picture."""

    mark: str  # A, B, ...: the same for the same image in one picture
    hue: int
    who: str
    image: str
    pods: int
    span: Span
    nodes: tuple[str, ...] = ()
    more_nodes: bool = False  # whether there are some that are not named
    behind: bool = False


class Picture(msgspec.Struct, frozen=True):
    """What ran since when."""

    title: str
    certain: bool
    first: str  # the ends of the scale
    last: str
    runs: tuple[Run, ...]
    cluster: str = ""  # its name, in a survey of several


def of_drift(drift: Drift, survey: Survey) -> Picture:
    """Return the picture of one reference that runs as several images."""
    first, marks = min(one.first for one in drift.sightings), _Marks()
    runs = tuple(
        Run(
            *marks.of(one.digest),
            ", ".join(one.components),
            short(one.digest),
            one.pods,
            _span(one.first, None if one.pods else one.last, (first, survey.taken)),
            one.nodes,
            more_nodes=len(one.nodes) >= MOST_NODES,
        )
        for one in drift.sightings
    )
    return Picture(drift.image, drift.certain, instant(first), instant(survey.taken), runs, drift.cluster)


def of_skew(skew: Skew, survey: Survey) -> Picture:
    """Return the picture of one Airflow whose parts run different images."""
    first, marks = min(part.first for part in (*skew.leader, *skew.behind)), _Marks()

    def run(part: Part, *, behind: bool) -> Run:
        image = f"{part.image} ({short(part.digest)})" if part.digest else part.image
        span = _span(part.first, None, (first, survey.taken))
        return Run(*marks.of(part.digest or part.image), part.component, image, part.pods, span, behind=behind)

    runs = [run(part, behind=False) for part in skew.leader] + [run(part, behind=True) for part in skew.behind]
    title = release(skew.airflow)
    return Picture(title, certain=True, first=instant(first), last=instant(survey.taken), runs=tuple(runs))


@dataclass(slots=True)
class _Marks:
    """Letters and hues, given in the order in which images come."""

    given: dict[str, int] = field(default_factory=dict)

    def of(self, image: str) -> tuple[str, int]:
        nth = self.given.setdefault(image, len(self.given))
        return _LETTERS[nth % len(_LETTERS)], nth % _HUES


def _span(first: datetime, last: datetime | None, scale: tuple[datetime, datetime]) -> Span:
    begin, end = scale
    whole = max(end - begin, timedelta(minutes=1))
    until = end if last is None else last
    start = min(100 * (first - begin) / whole, 100 - _THINNEST)
    width = min(max(100 * (until - first) / whole, _THINNEST), 100 - start)
    return Span(
        instant(first), age(until - first), "" if last is None else instant(last), round(start, 2), round(width, 2)
    )
