"""How replicas learn about the cluster: from ConfigMaps that the controller writes, and by watching names and keys."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from webhook.pods.fleet import fleet
from webhook.pods.notebook import read_notes
from webhook.pods.observed import NOTHING, Observed, read_origins
from webhook.pods.pin import read_pins
from webhook.sources.configmap import ConfigMapWatch, Connection, Present, State
from webhook.sources.name import ConfigMapName
from webhook.sources.shelves import Shelves

PINS_KEY, ORIGINS_KEY, SIGHTINGS_KEY = "pins.json", "revisions.json", "sightings.json"
_WINDOW = timedelta(days=30)  # the controller itself forgets sooner; this bounds what is left behind without one


class Observing:
    """Holds what is known, swapped whole; calls *changed* with each change, but of *shelves*, which rules look into."""

    def __init__(
        self,
        changed: Callable[[], None],
        shelves: Shelves | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.value: Observed = NOTHING if shelves is None else replace(NOTHING, holdings=shelves)
        self._changed = changed
        self._now = now

    def watches(
        self, connect: Callable[[], Connection], pins: ConfigMapName | None, sightings: ConfigMapName | None
    ) -> list[ConfigMapWatch]:
        """Return what watches *pins* and *sightings*."""
        wanted = ((pins, self._take_pins), (sightings, self._take_sightings))
        return [ConfigMapWatch(connect(), one.namespace, one.name, take) for one, take in wanted if one is not None]

    def _take_pins(self, state: State) -> None:
        data = _data(state)
        origins, pins = read_origins(data.get(ORIGINS_KEY, "")), read_pins(data.get(PINS_KEY, ""))
        self._swap(replace(self.value, origins=origins, pins=pins))

    def _take_sightings(self, state: State) -> None:
        notes = read_notes(_data(state).get(SIGHTINGS_KEY, ""), self._now(), _WINDOW)
        known = fleet((), notes.sightings.values())
        self._swap(replace(self.value, sightings=known))

    def _swap(self, value: Observed) -> None:
        if value != self.value:
            self.value = value
            self._changed()


def _data(state: State) -> Mapping[str, str]:
    return state.data if isinstance(state, Present) else {}
