"""What airlock knows about the cluster when it decides: the ConfigMaps that `from` names, read in advance."""

from collections.abc import Mapping
from enum import StrEnum


class Absence(StrEnum):
    """Why a ConfigMap cannot be read, as a predicate of it."""

    MISSING = "does not exist"
    FORBIDDEN = "cannot be read: airlock has no right to"
    UNREADABLE = "cannot be read"
    UNREAD = "has not been read yet"
    OFFLINE = "is out of reach: airlock runs without a cluster"

    @property
    def word(self) -> str:
        """The reason as a label: missing, forbidden, unreadable, unread or offline."""
        return self.name.lower()


def secret(namespace: str, name: str) -> tuple[str, str]:
    """Return the place of a Secret among `ConfigMaps`, where its keys are known and no value is; names have no slash.

    >>> secret("airflow", "settings")
    ('airflow', 'Secret/settings')
    """
    return namespace, f"Secret/{name}"


# By namespace and name: the `data` of a ConfigMap, or why it cannot be read.
ConfigMaps = Mapping[tuple[str, str], Mapping[str, str] | Absence]
