"""Sends an audit's findings to Events, reports, and the notes for the next start; if one fails, the others go on."""

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import groupby

import structlog
from msgspec.structs import replace

from webhook.audit.survey import Survey
from webhook.controller.api import Api
from webhook.controller.audit.draft import Draft
from webhook.controller.audit.logbook import NAME, Logbook
from webhook.controller.audit.options import AuditOptions
from webhook.controller.audit.pace import Pace
from webhook.controller.audit.publisher import Publisher
from webhook.controller.audit.telling import Told, news
from webhook.controller.audit.troubles import Troubles
from webhook.observe.events.occurrence import Occurrence
from webhook.pods.notebook import Key, Notes
from webhook.pods.sighting import Sighting
from webhook.sources.name import ConfigMapName

log = structlog.stdlib.get_logger("airlock.audit")


def _nothing(namespace: str) -> tuple[str, ...]:  # noqa: ARG001 - the form of what says what was not checked
    return ()


class Outlets:
    """Tells what was found: *tell* writes an Event, *namespace* is airlock's own."""

    def __init__(
        self,
        options: AuditOptions,
        namespace: str,
        api: Api,
        tell: Callable[[Occurrence], None],
        clock: Callable[[], float],
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._told = Told(options.window, clock())
        pace = Pace()
        pace = replace(pace, linger=min(pace.linger, options.window.total_seconds()))
        old = options.old_reports
        self._publisher = Publisher(api, namespace, clock, pace, old) if options.reports else None
        self._logbook = Logbook(api, ConfigMapName(namespace, NAME), options.window, clock)
        self._recalled = False
        self._draft: Draft | None = None
        self._unchecked: Callable[[str], tuple[str, ...]] = _nothing
        self._counted: set[tuple[str, ...]] = set()  # the shared findings that this audit's reports count already

    def recall(self, now: datetime) -> Mapping[Key, Sighting]:
        """Return what was remembered in an earlier life, once; raises OSError when that cannot be known."""
        if self._recalled:
            return {}
        notes = self._logbook.read(now)
        self._told.recall(notes.told)
        self._recalled = True
        return notes.sightings

    def begin(self, now: datetime, troubles: Troubles, unchecked: Callable[[str], tuple[str, ...]] = _nothing) -> None:
        """Begin to tell of an audit made at *now*; *unchecked* says of a namespace what was not checked there."""
        self._draft, self._counted, self._unchecked = None, set(), unchecked
        self._told.begin(now, self._clock())
        with troubles.of("reports"):
            if self._publisher is not None:
                self._publisher.begin()

    def tell(self, found: Survey, now: datetime, troubles: Troubles) -> None:
        """Tell of what is new in *found*, and write the reports that are whole; namespaces come one after the other."""
        for one in news(found):
            if self._told.is_new(*one.marks):
                rules, ref = sorted({found.rule for found in one.decision.verdict.violations}), one.regarding
                log.warning("findings", rules=rules, namespace=ref.namespace, kind=ref.kind, name=ref.name)
                self._tell(one.occurrence(now))
        for namespace, groups in groupby(found.groups, key=lambda group: group.namespace):
            if self._draft is None or self._draft.namespace != namespace:
                self._publish(troubles, now)
                self._draft = Draft(namespace, found.basis.policy, self._counted, self._unchecked(namespace))
            self._draft.add(groups)

    def end(self, troubles: Troubles, now: datetime, *, complete: bool) -> None:
        """End the audit; *complete* says whether what was not found is not there."""
        self._publish(troubles, now)
        self._told.end(complete=complete)
        if self._told.waiting:
            log.info("findings wait for their Events", number=self._told.waiting)
        if self._publisher is not None and "reports" not in troubles:
            with troubles.of("reports"):
                self._publisher.end(complete=complete)
                if refused := self._publisher.troubles:
                    troubles["reports"] = "; ".join(refused[:3])

    def keep(self, sightings: Mapping[Key, Sighting], *, last: bool = False) -> None:
        """Keep *sightings*, and what was told, for the next life; raises OSError.

        Not before it is known what was kept in the last one: that would be lost.
        """
        if self._recalled:
            self._logbook.keep(Notes(sightings, dict(self._told.marks)), last=last)

    def _publish(self, troubles: Troubles, now: datetime) -> None:
        """Write the report that is whole now; without those before, if these met with trouble."""
        draft, self._draft = self._draft, None
        if draft is not None and self._publisher is not None and "reports" not in troubles:
            with troubles.of("reports"):
                self._publisher.publish(draft.report(), now)
