"""The ConfigMaps that the manifest's `from` names: watched as long as it names them."""

import threading
from collections.abc import Callable, Mapping

from webhook.known import Absence, ConfigMaps
from webhook.sources.configmap import ConfigMapWatch, Connection, State

Name = tuple[str, str]  # namespace, name


class Lookup:
    """Keeps one watch for each ConfigMap that is wanted, and tells *changed* when any of them has changed.

    Without a *connection* nothing can be had, and `known` is None.
    """

    def __init__(self, connection: Connection | None, changed: Callable[[], None]) -> None:
        self._connection = connection
        self._changed = changed
        self._watches: dict[Name, ConfigMapWatch] = {}
        self._lock = threading.Lock()

    @property
    def known(self) -> ConfigMaps | None:
        """What each wanted ConfigMap holds, or why it cannot be had."""
        if self._connection is None:
            return None
        return {name: watch.state.known for name, watch in self._watches.items()}

    @property
    def unread(self) -> list[str]:
        """Those that the API server has neither shown nor refused yet, sorted."""
        states: Mapping[Name, State] = {name: watch.state for name, watch in self._watches.items()}
        return sorted(f"{ns}/{name}" for (ns, name), state in states.items() if state.known is Absence.UNREAD)

    def want(self, names: frozenset[Name]) -> None:
        """Watch *names* and nothing else from now on."""
        connection = self._connection
        if connection is None:
            return
        with self._lock:
            leaving = [watch for name, watch in self._watches.items() if name not in names]
            coming = {
                (namespace, name): ConfigMapWatch(connection, namespace, name, lambda _: self._changed())
                for namespace, name in names - set(self._watches)
            }
            staying = {name: watch for name, watch in self._watches.items() if name in names}
            self._watches = staying | coming
        for watch in coming.values():
            watch.start()
        for watch in leaving:
            watch.stop(0)

    def stop(self) -> None:
        """End all watches."""
        for watch in self._watches.values():
            watch.stop()
