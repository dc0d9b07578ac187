"""Metrics that are computed at each scrape, so that they are current."""

from collections.abc import Callable, Iterator, Mapping

import msgspec
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class Followed(msgspec.Struct, frozen=True):
    """A document, its revision in force, and for how many seconds that has been stale."""

    document: str
    revision: Callable[[], str]
    stale: Callable[[], float]


class Documents(Collector):
    """The documents in force, asked when somebody looks: so there is one revision each, and its age is right."""

    def __init__(self) -> None:
        self._followed: tuple[Followed, ...] = ()

    def add(self, followed: Followed) -> None:
        """Show one more document, in place of an earlier one of that name."""
        self._followed = (*(f for f in self._followed if f.document != followed.document), followed)

    def collect(self) -> Iterator[Metric]:
        """Yield what is true now."""
        info = GaugeMetricFamily(
            "airlock_policy_info", "1 for the revision of a document that is in force", labels=["document", "revision"]
        )
        stale = GaugeMetricFamily(
            "airlock_policy_stale",
            "Seconds since the document in force was last known to be current; 0 while it is",
            labels=["document"],
        )
        for followed in self._followed:
            if revision := followed.revision():
                info.add_metric([followed.document, revision], 1)
            stale.add_metric([followed.document], followed.stale())
        yield info
        yield stale


class Sources(Collector):
    """How many ConfigMaps that `from` names are in which state, asked when somebody looks."""

    def __init__(self) -> None:
        self._counts: Callable[[], Mapping[str, int]] | None = None

    def follow(self, counts: Callable[[], Mapping[str, int]]) -> None:
        """Show what *counts* returns, by state."""
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """Yield the counts; no sample as long as nobody counts."""
        found = GaugeMetricFamily(
            "airlock_sources",
            "ConfigMaps that the manifest's from names, by whether airlock can read them",
            labels=["state"],
        )
        for state, count in (self._counts() if self._counts is not None else {}).items():
            found.add_metric([state], count)
        yield found


class Readers(Collector):
    """The threads that read what may change, asked when somebody looks."""

    def __init__(self, readers: Mapping[str, Callable[[], float]]) -> None:
        self._readers = readers

    def collect(self) -> Iterator[Metric]:
        """Yield how long each has been silent."""
        silent = GaugeMetricFamily(
            "airlock_reader_silent_seconds", "Seconds since a reader was last active", labels=["reader"]
        )
        for reader, ask in self._readers.items():
            silent.add_metric([reader], ask())
        yield silent
