"""How replicas learn about the cluster: from ConfigMaps that the controller writes, and by watching names and keys."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from webhook.pods.fleet import fleet
from webhook.pods.notebook import read_notes
from webhook.pods.observed import NOTHING, Observed, read_origins
from webhook.pods.pin import read_pins
from webhook.pods.references import CONFIG_MAP, SECRET
from webhook.serving.options import ServiceOptions
from webhook.sources.configmap import ConfigMapWatch, Connection, Present, State
from webhook.sources.keys import Connection as Reading
from webhook.sources.keys import KeysWatch
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


def shelves_of(options: ServiceOptions) -> Shelves | None:
    """Return what will be known of the namespaces in *options*; None where they name none."""
    return Shelves() if options.read_configmaps or options.read_secrets else None


def key_watches(connect: Callable[[], Reading], shelves: Shelves | None, options: ServiceOptions) -> list[KeysWatch]:
    """Return what fills *shelves* with the names and keys of the namespaces in *options*."""
    if shelves is None:
        return []
    asked = ((CONFIG_MAP, options.read_configmaps), (SECRET, options.read_secrets))
    return [KeysWatch(connect(), kind, name, shelves) for kind, names in asked for name in sorted(names)]


def _data(state: State) -> Mapping[str, str]:
    return state.data if isinstance(state, Present) else {}
