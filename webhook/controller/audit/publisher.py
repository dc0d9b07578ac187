"""Publishes reports: as openreports.io objects if the cluster serves them, else in the chart's ConfigMaps."""

from collections.abc import Callable
from datetime import datetime

from webhook.controller.api import Api
from webhook.controller.audit.open_reports import GROUP, OpenReports
from webhook.controller.audit.pace import Pace
from webhook.controller.audit.report import Report
from webhook.controller.audit.shards import Shards


class Publisher:
    """Keeps one report for each namespace; *own* is airlock's namespace. Raises OSError when nobody answers.

    *old* are ConfigMaps in which earlier versions kept reports; they are deleted once.
    """

    def __init__(self, api: Api, own: str, clock: Callable[[], float], pace: Pace, old: tuple[str, ...] = ()) -> None:
        self._api = api
        self._clock = clock
        self._pace = pace
        self._shards = Shards(api, own, clock, pace)
        self._reports = OpenReports(api, own, clock, pace)
        self._open: bool | None = None  # None: not looked yet
        self._looked = 0.0
        self._old = old
        self._leftover: tuple[str, ...] = ()

    @property
    def troubles(self) -> tuple[str, ...]:
        """What could not be written or deleted, and why."""
        return (*(self._reports if self._open else self._shards).troubles, *self._leftover)

    def begin(self) -> None:
        """Begin an audit: find out how the cluster takes reports."""
        now = self._clock()
        if self._open is None or now - self._looked >= self._pace.discovery:
            self._look()
            self._looked = now
        (self._reports if self._open else self._shards).begin()

    def publish(self, report: Report, now: datetime) -> None:
        """Write *report*, or take it to be written at the end."""
        if self._open:
            self._reports.publish(report)
        else:
            self._shards.publish(report, now)

    def end(self, *, complete: bool) -> None:
        """End the audit; *complete* says whether a namespace that was not seen has no pods of Airflow."""
        (self._reports if self._open else self._shards).end(complete=complete)

    def _look(self) -> None:
        served = self._api.get(GROUP) or {}
        found = any(each.get("name") == "reports" for each in served.get("resources") or ())
        self._shards.look()
        if found:
            self._reports.look()
            self._shards.empty()
        self._open = found
        if self._old:
            self._leftover = self._shards.remove(self._old)
            self._old = ()
