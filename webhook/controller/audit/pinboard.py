"""The ConfigMap that tells replicas what the controller has seen: pins, and revisions that registries report."""

from collections.abc import Callable, Mapping

from webhook.controller.api import Api, MissingError, Written, filled
from webhook.pods.observed import Origin, write_origins
from webhook.pods.pin import Pin, write_pins
from webhook.pods.sighting import Airflow
from webhook.sources.name import ConfigMapName

NAME, PINS_KEY, ORIGINS_KEY = "airlock-pins", "pins.json", "revisions.json"
APART = 10.0  # seconds between two writes


class Pinboard:
    """Keeps what was seen in the ConfigMap *NAME* of *namespace*; raises OSError when that cannot be written."""

    def __init__(self, api: Api, namespace: str, clock: Callable[[], float]) -> None:
        self._api = api
        self._place = ConfigMapName(namespace, NAME)
        self._clock = clock
        self._there: Mapping[str, str] = {}
        self._due = clock()

    def keep(self, pins: Mapping[Airflow, Pin], origins: Mapping[str, Origin]) -> Written | None:
        """Write *pins* and *origins* if they are other than those that are there; None when they are not."""
        data = {PINS_KEY: write_pins(pins), ORIGINS_KEY: write_origins(origins)}
        now = self._clock()
        if data == self._there or now < self._due:
            return None
        self._due = now + APART
        path = f"/api/v1/namespaces/{self._place.namespace}/configmaps/{self._place.name}"
        present = self._api.get(path)
        if present is None:
            raise MissingError(self._place.name)
        same = present.get("data") == data
        written = Written.DONE if same else self._api.replace(path, filled(present, data))
        if written is Written.DONE:
            self._there = data
        return written
