"""Which namespaces airlock may read for names and keys: their ConfigMaps, and by a second list their Secrets."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Readable:
    """The namespaces that `--read-configmaps` and `--read-secrets` name; none by default."""

    config_maps: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether anything may be read."""
        return bool(self.config_maps or self.secrets)
