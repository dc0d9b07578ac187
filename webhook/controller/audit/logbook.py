"""The ConfigMap that keeps the audit's notes across restarts: read once, written rarely, always conditionally."""

from collections.abc import Callable
from datetime import datetime, timedelta

from webhook.controller.api import Api, MissingError, Object, Written, filled
from webhook.pods.notebook import Notes, read_notes, worth_writing, write_notes
from webhook.sources.name import ConfigMapName

NAME, KEY = "airlock-sightings", "sightings.json"
APART = 60.0  # seconds between two writes


class Logbook:
    """Keeps notes in *place*; raises OSError when that cannot be read or written."""

    def __init__(self, api: Api, place: ConfigMapName, window: timedelta, clock: Callable[[], float]) -> None:
        self._api = api
        self._collection = f"/api/v1/namespaces/{place.namespace}/configmaps"
        self._name = place.name
        self._window = window
        self._clock = clock
        self._there = Notes()  # what is there, as far as is known
        self._due = clock()

    def read(self, now: datetime) -> Notes:
        """Return what is there."""
        present = self._api.get(f"{self._collection}/{self._name}")
        self._there = read_notes(_text(present), now, self._window)
        return self._there

    def keep(self, notes: Notes, *, last: bool = False) -> Written | None:
        """Write *notes* if that is worth it, and time again or the *last* moment; None when it is not."""
        now = self._clock()
        if (now < self._due and not last) or not worth_writing(self._there, notes, self._window):
            return None
        self._due = now + APART
        written = self._write({KEY: write_notes(notes)})
        if written is Written.DONE:
            self._there = notes
        return written

    def _write(self, data: dict[str, str]) -> Written:
        path = f"{self._collection}/{self._name}"
        present = self._api.get(path)
        if present is None:
            raise MissingError(self._name)
        return self._api.replace(path, filled(present, data))


def _text(present: Object | None) -> str:
    data = (present or {}).get("data") or {}
    text = data.get(KEY, "")
    return text if isinstance(text, str) else ""
