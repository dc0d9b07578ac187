"""Which ConfigMaps and Secrets the audit knows by name and key, and what it must say about those it does not know."""

import time
from collections.abc import Callable

from webhook.judge.gate import Gate
from webhook.pods.references import CONFIG_MAP, NO_HOLDINGS, SECRET, Holdings
from webhook.rules import env_reference
from webhook.rules.finding import Mode
from webhook.sources import keys
from webhook.sources.keys import Connection
from webhook.sources.readable import Readable
from webhook.sources.shelves import UNREAD

_FIRST = 10.0  # seconds to wait for the first lists; without them each restart would tell everything again


class Library:
    """Watches what *readable* names, from `start` to `stop`; nothing where that is nothing."""

    def __init__(self, readable: Readable, connection: Connection, clock: Callable[[], float] = time.monotonic) -> None:
        self._readable = readable
        self._shelves = keys.shelves_of(readable)
        self._watches = keys.watches(lambda: connection, readable, self._shelves)
        self._clock = clock
        self._since = clock()

    @property
    def holdings(self) -> Holdings:
        """What is known; it changes by itself."""
        return NO_HOLDINGS if self._shelves is None else self._shelves

    @property
    def following(self) -> bool:
        """Whether references matter at all."""
        return self._shelves is not None

    @property
    def unread(self) -> str:
        """What is still being listed for the first time; "" when nothing is, or when that takes too long."""
        if self._clock() - self._since >= _FIRST:
            return ""
        return next((_named(place) for place, why in self._doubts.items() if why == UNREAD), "")

    @property
    def trouble(self) -> str:
        """Why not everything is known that should be; "" when it is."""
        return "; ".join(f"{_named(place)} are not all known: {why}" for place, why in sorted(self._doubts.items()))

    def start(self) -> None:
        """Begin to watch."""
        self._since = self._clock()
        for watch in self._watches:
            watch.start()

    def stop(self) -> None:
        """End the watches."""
        for watch in self._watches:
            watch.stop()

    def unchecked(self, namespace: str, gate: Gate) -> tuple[str, ...]:
        """Return what was not checked about the references of the pods in *namespace*, each a clause."""
        name = env_reference.RULE.name
        if gate.mode(name, namespace) is Mode.OFF:
            return ()
        doubts = self._doubts
        why = {
            kind: doubts.get((kind, namespace), "")
            if (kind, namespace) in keys.places(self._readable)
            else "the controller is not set up to read them"
            for kind in (CONFIG_MAP, SECRET)
        }
        return tuple(f"{name}: references to {kind}s: {said}" for kind, said in why.items() if said)

    @property
    def _doubts(self) -> dict[tuple[str, str], str]:
        return {} if self._shelves is None else dict(self._shelves.doubts)


def _named(place: tuple[str, str]) -> str:
    kind, namespace = place
    return f"{kind}s in namespace {namespace}"
