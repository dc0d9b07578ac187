"""What keeps parts of a run from working, by part: when one fails, the others go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

log = structlog.stdlib.get_logger("airlock.audit")


class Troubles(dict[str, str]):
    """Why each part could not be done."""

    @property
    def complete(self) -> bool:
        """Whether all pods were known."""
        return not self.keys() & {"pods", "room"}

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Note down what keeps the block from being done to its end."""
        try:
            yield
        except OSError as error:
            self[part] = str(error)
        except Exception as error:  # a mistake in one part must not end the others
            log.exception("a part of the audit failed", part=part)
            self[part] = type(error).__name__

    def log_new(self, before: "Troubles") -> None:
        """Log what was not in the way *before*."""
        for part, why in self.items():
            if before.get(part) != why:
                log.warning("a part of the audit cannot be done", part=part, why=why)
