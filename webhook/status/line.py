"""A line of `airlock status`: what it is about, whether that is well, and the sentence."""

from dataclasses import dataclass
from enum import StrEnum

REGISTRATION, BUNDLE, REPLICA, POLICY = "registration", "caBundle", "replica", "policy"
FAILS_OPEN, BREAK_GLASS, SOURCE, AUDIT = "fails open", "break-glass", "source", "audit"

# Without these, pods are made unjudged; whatever else is wrong, airlock judges all the same.
ESSENTIAL = frozenset({REGISTRATION, BUNDLE, REPLICA})


class State(StrEnum):
    """How it is with the subject of a line."""

    OK = "ok"
    NOTE = "note"  # as somebody decided, and worth knowing
    WRONG = "wrong"
    UNKNOWN = "unknown"  # it cannot be known, and the text says why


@dataclass(frozen=True, slots=True)
class Line:
    """One line."""

    subject: str
    state: State
    text: str


@dataclass(frozen=True, slots=True)
class Unseen:
    """What stands for a fact that could not be read, and why."""

    why: str
