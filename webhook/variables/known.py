"""What airlock knows of the cluster when it decides: the ConfigMaps that `from` names, read beforehand."""

from collections.abc import Mapping
from enum import StrEnum


class Absence(StrEnum):
    """Why a ConfigMap cannot be had, as a predicate of it."""

    MISSING = "does not exist"
    FORBIDDEN = "may not be read by airlock"
    UNREAD = "has not been read yet"
    OFFLINE = "is out of reach: airlock runs without a cluster"


# By namespace and name: the `data` of a ConfigMap, or why it cannot be had.
ConfigMaps = Mapping[tuple[str, str], Mapping[str, str] | Absence]
