"""A line of `airlock status`: what it is about, whether that is well, and the sentence."""

from datetime import datetime
from enum import StrEnum

import msgspec

REGISTRATION, BUNDLE, REPLICA, POLICY = "registration", "caBundle", "replica", "policy"
FAILS_OPEN, BREAK_GLASS, SOURCE = "fails open", "break-glass", "source"
CONTROLLER, AUDIT = "controller", "audit"

# Without these, pods are made unjudged; whatever else is wrong, airlock judges all the same.
ESSENTIAL = frozenset({REGISTRATION, BUNDLE, REPLICA})


class State(StrEnum):
    """How it is with the subject of a line."""

    OK = "ok"
    NOTE = "note"  # as somebody decided, and worth knowing
    WRONG = "wrong"
    UNKNOWN = "unknown"  # it cannot be known, and the text says why


class Line(msgspec.Struct, frozen=True):
    """One line; *name* is the object that it is about, if it is about one of several."""

    subject: str
    state: State
    text: str
    name: str = ""
    since: datetime | None = None  # since when the controller has seen it so

    @property
    def shown(self) -> str:
        """The text, and for how long that has been so where somebody would ask."""
        if self.since is None or (self.state in (State.OK, State.NOTE) and self.subject != SOURCE):
            return self.text
        return f"{self.text} (since {self.since:%Y-%m-%d %H:%M} UTC)"


class Unseen(msgspec.Struct, frozen=True):
    """What stands for a fact that could not be read, and why."""

    why: str
