"""Keeps reports in ConfigMaps that the chart creates: reads, fills and empties them, never creates or deletes any."""

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from webhook.controller.api import Api, ApiError, MissingError, Object, Written, filled
from webhook.controller.audit.pace import Pace
from webhook.controller.audit.report import Report, as_json
from webhook.controller.audit.shard import (
    MOST_PAGES,
    SHARDS,
    Page,
    Pages,
    fitted,
    page_of,
    read_pages,
    shard_of,
    write_pages,
)

PREFIX = "airlock-report-"
NAMES = tuple(f"{PREFIX}{number}" for number in range(SHARDS))


class _There(msgspec.Struct, frozen=True):
    """What a shard holds, as far as airlock knows, and since when."""

    pages: Pages
    at: float
    tidy: bool = True  # there is nothing else


class Shards:
    """The reports on all namespaces, in airlock's *own* one. Raises OSError when nobody answers."""

    def __init__(self, api: Api, own: str, clock: Callable[[], float], pace: Pace) -> None:
        self._api = api
        self._collection = f"/api/v1/namespaces/{own}/configmaps"
        self._clock = clock
        self._pace = pace
        self._there: dict[int, _There] = {}
        self._next: dict[int, dict[str, Page]] = {}
        self._missing: dict[str, float] = {}  # namespaces without a pod, and since when
        self._beyond = 0
        self._troubles: dict[int, str] = {}

    @property
    def troubles(self) -> tuple[str, ...]:
        """What could not be written, and why."""
        beyond = f"{self._beyond} namespaces have no report: each of the {SHARDS} ConfigMaps takes {MOST_PAGES}"
        return (*dict.fromkeys(self._troubles.values()), *([beyond] if self._beyond else ()))

    def look(self) -> None:
        """Read what is there: an earlier process wrote it, or somebody has changed it."""
        for number in range(SHARDS):
            data, known = (self._get(number) or {}).get("data") or {}, self._there.get(number)
            pages = read_pages(data)
            tidy = data.keys() == write_pages(pages).keys()
            if known is None or known.pages != pages or not tidy:
                self._there[number] = _There(pages, self._clock(), tidy)

    def begin(self) -> None:
        """Begin an audit."""
        self._next = {}
        self._beyond = 0

    def publish(self, report: Report, now: datetime) -> None:
        """Take *report*, which is written at the end of the audit."""
        number, name = shard_of(report.namespace), report.namespace
        pages = self._next.setdefault(number, {})
        if len(pages) >= MOST_PAGES:
            self._beyond += 1
            return
        there = self._there.get(number)
        pages[name] = page_of(as_json(report), None if there is None else there.pages.get(name), now)
        self._next[number] = fitted(pages)

    def end(self, *, complete: bool) -> None:
        """Write what has changed; *complete* says whether a namespace that was not seen has no pods."""
        now = self._clock()
        kept = {name for shard in self._there.values() for name in shard.pages} - self._present
        if complete:
            self._missing = {name: self._missing.get(name, now) for name in kept}
            kept = {name for name in kept if now - self._missing[name] < self._pace.linger}
        self._troubles = {}
        for number in range(SHARDS):
            try:
                self._write(number, kept)
            except ApiError as error:
                self._troubles[number] = str(error)

    def empty(self) -> None:
        """Take all reports away: they have gone to another place."""
        for number, shard in self._there.items():
            if shard.pages or not shard.tidy:
                self._put(number, {})

    def remove(self, names: Iterable[str]) -> tuple[str, ...]:
        """Delete ConfigMaps of an earlier version, and return what could not be deleted, and why."""
        troubles: list[str] = []
        for name in names:
            path = f"{self._collection}/{name}"
            try:
                present = self._api.get(path)
                if present is not None and _is_ours(present):
                    self._api.delete(path, present["metadata"]["resourceVersion"])
            except ApiError as error:
                troubles.append(str(error))
        return tuple(troubles)

    @property
    def _present(self) -> set[str]:
        return {name for pages in self._next.values() for name in pages}

    def _write(self, number: int, kept: set[str]) -> None:
        there = self._there.get(number, _There({}, self._clock()))
        old = {name: page for name, page in there.pages.items() if name in kept}
        pages = fitted(old | self._next.get(number, {}))
        fresh = _substance(pages) == _substance(there.pages) and self._clock() - there.at < self._pace.figures
        if there.tidy and (fresh or pages == there.pages):
            return
        self._put(number, pages)

    def _put(self, number: int, pages: Pages) -> None:
        path = self._path(number)
        present = self._get(number)
        if present is None:
            raise MissingError(NAMES[number])
        if self._api.replace(path, filled(present, write_pages(pages))) is Written.DONE:
            self._there[number] = _There(pages, self._clock())

    def _get(self, number: int) -> Object | None:
        return self._api.get(self._path(number))

    def _path(self, number: int) -> str:
        return f"{self._collection}/{NAMES[number]}"


def _substance(pages: Pages) -> dict[str, tuple[str, frozenset[str]]]:
    return {namespace: page.substance for namespace, page in pages.items()}


def _is_ours(item: Object) -> bool:
    """Whether *item* is a report as earlier versions wrote them."""
    labels = item["metadata"].get("labels") or {}
    return "airlock/report" in labels and labels.get("app.kubernetes.io/managed-by") == "airlock-controller"
