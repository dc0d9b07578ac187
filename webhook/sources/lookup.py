"""Watches the ConfigMaps that the manifest's `from` names, for as long as it names them."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from webhook.sources.configmap import Absent, ConfigMapWatch, Connection, State
from webhook.sources.watch import PACE, Pace
from webhook.status.replicas import sources_line
from webhook.variables.known import Absence, ConfigMaps

Name = tuple[str, str]  # namespace, name
READ = "read"
STATES = (READ, *(absence.word for absence in Absence))
ASKED = replace(PACE, forbidden=60.0)  # a pod that needs one that may not be read does not wait so long, see `ask`

_log = logging.getLogger("airlock.lookup")


class Lookup:
    """Keeps one watch for each wanted ConfigMap, and calls *changed* when any of them changes.

    It calls *connect* for the first one. Without *connect* it cannot read any, and `known` is None.
    """

    def __init__(
        self, connect: Callable[[], Connection] | None, changed: Callable[[], None], pace: Pace = ASKED
    ) -> None:
        self._connect = connect
        self._pace = pace
        self._changed = changed
        self._wanted: frozenset[Name] = frozenset()
        self._watches: dict[Name, ConfigMapWatch] = {}
        self._lock = threading.Lock()

    @property
    def known(self) -> ConfigMaps | None:
        """What each wanted ConfigMap holds, or why it cannot be read."""
        if self._connect is None:
            return None
        return {name: watch.state.known for name, watch in self._watches.items()}

    @property
    def unread(self) -> list[str]:
        """Those that the API server has neither shown nor refused yet, sorted."""
        states: Mapping[Name, State] = {name: watch.state for name, watch in self._watches.items()}
        return sorted(f"{ns}/{name}" for (ns, name), state in states.items() if state.known is Absence.UNREAD)

    @property
    def lines(self) -> list[str]:
        """How many can be had, and each that nothing is known about yet, for `/readyz`."""
        counts = {state: count for state, count in self.counts.items() if count}
        waiting = (f"ConfigMap {name} of the manifest has not been read yet" for name in self.unread)
        return [*([sources_line(counts)] if counts else []), *waiting]

    @property
    def counts(self) -> dict[str, int]:
        """How many of the wanted ConfigMaps are in each of `STATES`, as one look sees them."""
        if self._connect is None:
            words = [Absence.OFFLINE.word] * len(self._wanted)
        else:
            states = [watch.state for watch in self._watches.values()]
            words = [state.known.word if isinstance(state, Absent) else READ for state in states]
        return {word: words.count(word) for word in STATES}

    def silent(self) -> float:
        """Return how many seconds ago the quietest watch last sent a request; 0 without any."""
        return max((watch.silent() for watch in self._watches.values()), default=0.0)

    @property
    def forbidden(self) -> frozenset[Name]:
        """Those that airlock may not read."""
        return frozenset(name for name, watch in self._watches.items() if watch.state.known is Absence.FORBIDDEN)

    def ask(self, names: Iterable[Name]) -> None:
        """Try *names* again now, each at most once in `Pace.forbidden` seconds; from any thread, without waiting."""
        for name in names:
            if (watch := self._watches.get(name)) is not None:
                watch.ask()

    def want(self, names: frozenset[Name]) -> None:
        """Watch *names* and nothing else from now on."""
        with self._lock:
            self._wanted = names
            leaving = [watch for name, watch in self._watches.items() if name not in names]
            coming = self._made(names - set(self._watches))
            staying = {name: watch for name, watch in self._watches.items() if name in names}
            self._watches = staying | coming
        for watch in coming.values():
            watch.start()
        for watch in leaving:
            watch.stop(0)

    def _made(self, names: frozenset[Name]) -> dict[Name, ConfigMapWatch]:
        if not names or self._connect is None:
            return {}
        try:
            connection = self._connect()
        except (
            OSError,
            ValueError,
        ) as error:  # the manifest is still good; its findings will say what is missing
            _log.error("no ConfigMap can be read: %s", error)
            self._connect = None
            return {}
        return {name: ConfigMapWatch(connection, *name, lambda _: self._changed(), pace=self._pace) for name in names}

    def stop(self) -> None:
        """Stop all watches."""
        for watch in self._watches.values():
            watch.stop()
