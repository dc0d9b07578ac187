"""Checks the whole installation every few turns: fills airlock-status, and reports sources that cannot be read."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime

from webhook.controller.api import Api, MissingError, filled
from webhook.controller.inspection import Asked, Connection, inspect, read_last
from webhook.controller.scene import Site
from webhook.controller.telemetry import Telemetry
from webhook.controller.vigil import Trouble, Vigil
from webhook.judge.decision import ObjectRef
from webhook.scan.installed import REQUIRED_ENV
from webhook.status.audited import Audited, audited
from webhook.status.line import SOURCE, Line, State
from webhook.status.record import KEY, NAME, Record, bounded, dated, same, write_record
from webhook.status.verdict import report

TURNS = 8  # between two looks: 16 s at the usual pace
LOOKS = 2  # until a source gets an Event
ALIVE = 60.0  # seconds between two writes when nothing has changed


class Witness:
    """Sees what `airlock status` shows; *site* and *label* say where, *audits* how the audit goes, None without one."""

    def __init__(  # noqa: PLR0913 - its inputs and outlets
        self,
        connection: Connection,
        site: Site,
        label: str,
        *,
        telemetry: Telemetry,
        announce: Callable[..., None],
        audits: Callable[[], Audited] | None,
    ) -> None:
        self._connection = connection
        self._api = Api(connection)
        self._site = site
        self._label = label
        self._telemetry = telemetry
        self._audits = audits
        self._sources = Vigil(announce, LOOKS, "a source cannot be read", "a source can be read again")
        self._turn = 0
        self._before: Record | None = None
        self._there: tuple[Line, ...] = ()
        self._due = 0.0

    @property
    def lines(self) -> tuple[str, ...]:
        """Which sources cannot be read, for `/readyz`."""
        return self._sources.lines

    def look(self, now: datetime) -> None:
        """Look, if it is time to, and write down what is seen; raises OSError."""
        self._turn += 1
        if self._turn % TURNS != 1:
            return
        as_airlock = self._audits is not None  # without an audit the chart gives the controller no right to sources
        asked = Asked(self._site, self._label, now, inside=True, as_airlock=as_airlock)
        seen = inspect(self._connection, asked)
        self._telemetry.sources(seen.sources)
        self._sources.look(self._troubles(seen.lines))
        audits = audited(self._audits() if self._audits is not None else None, now)
        self._write((*seen.lines, *audits), seen.answering, now)

    def _troubles(self, lines: Iterable[Line]) -> dict[Trouble, str]:
        """Return the sources that cannot be read: each gets an Event on the manifest."""
        about = ObjectRef("v1", "ConfigMap", self._site.namespace, REQUIRED_ENV.config_map)
        wrong = (line for line in lines if line.subject == SOURCE and line.state is State.WRONG)
        return {Trouble("SourceUnavailable", about, line.name): line.text for line in wrong}

    def _write(self, lines: tuple[Line, ...], answering: int, now: datetime) -> None:
        """Write when a state changes, and once a minute: readers take an old record for a sign of trouble."""
        if self._before is None:
            last = read_last(self._api, self._site)
            self._before = last if isinstance(last, Record) else None
        kept = bounded(dated(lines, self._before, now))
        if same(kept, self._there) and time.monotonic() < self._due:
            return
        path = self._site.config_map(NAME)
        present = self._api.get(path)
        if present is None:
            raise MissingError(f"{self._site.namespace}/{NAME}")
        self._api.replace(path, filled(present, {KEY: write_record(report(kept, answering), now, answering)}))
        self._there, self._before = kept, Record(now, answering, kept)
        self._due = time.monotonic() + ALIVE
