"""Logs what is doubtful in the documents and in the values they name, once when they are read."""

from collections.abc import Callable, Iterator
from typing import TypeVar

import structlog

from webhook.documents.cautions import cautions
from webhook.documents.required_env import RequiredEnv
from webhook.variables.known import Absence, ConfigMaps

log = structlog.stdlib.get_logger("airlock.service")

D = TypeVar("D")


def noted(name: str, read: Callable[[str], D]) -> Callable[[str], D]:
    """Return *read*, which reads the document *name*, so that it also logs what is doubtful in it."""

    def reading(text: str) -> D:
        document = read(text)
        for caution in cautions(text, document):
            log.warning("document", document=name, text=f"{name}: {caution}")
        return document

    return reading


class Values:
    """Logs what is doubtful in values of ConfigMaps, each thing once as long as it lasts; never a value."""

    def __init__(self) -> None:
        self._told: frozenset[str] = frozenset()

    def look(self, manifest: RequiredEnv, known: ConfigMaps | None) -> None:
        """Look at the values that *manifest* takes from *known*."""
        found = frozenset(_line_breaks(manifest, known or {}))
        for text in sorted(found - self._told):
            log.warning("value", text=text)
        self._told = found


def _line_breaks(manifest: RequiredEnv, known: ConfigMaps) -> Iterator[str]:
    for variable in manifest.env:
        if (source := variable.source) is None:
            continue
        data = known.get((source.namespace, source.name), Absence.UNREAD)
        if not isinstance(data, Absence) and data.get(source.key, "").endswith(("\n", "\r")):
            where = f"key {source.key!r} of ConfigMap {source.namespace}/{source.name}"
            yield f"{where} ends with a line break, which becomes a part of {variable.name}"
