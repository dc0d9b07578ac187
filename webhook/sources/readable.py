"""Which namespaces airlock may read for names and keys: their ConfigMaps, and by a second list their Secrets."""

from collections.abc import Callable
from dataclasses import dataclass

from webhook.pods.references import CONFIG_MAP, SECRET
from webhook.sources.keys import Connection, KeysWatch
from webhook.sources.shelves import Shelves


@dataclass(frozen=True, slots=True)
class Readable:
    """The namespaces that `--read-configmaps` and `--read-secrets` name; none by default."""

    config_maps: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything may be read."""
        return bool(self.config_maps or self.secrets)

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Kind and namespace of everything that may be read."""
        asked = ((CONFIG_MAP, self.config_maps), (SECRET, self.secrets))
        return tuple((kind, name) for kind, names in asked for name in sorted(names))

    def shelves(self) -> Shelves | None:
        """Return where names and keys are kept; None where nothing may be read."""
        return Shelves() if self else None

    def watches(self, connect: Callable[[], Connection], shelves: Shelves | None) -> list[KeysWatch]:
        """Return what fills *shelves*; none where there are none."""
        return [] if shelves is None else [KeysWatch(connect(), *place, shelves) for place in self.places]
