"""How the background audit goes: when it last ended and what it counted, and what keeps parts of it from working."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from webhook.status.line import AUDIT, Line, State


class Audited(msgspec.Struct, frozen=True):
    """What the controller knows of its audits; *at* is None before the first one has ended."""

    said: str  # what the last one counted, or what the next one waits for
    at: datetime | None = None
    troubles: Mapping[str, str] = msgspec.field(default_factory=dict)  # why, by the part that cannot be done
    late: timedelta = timedelta(minutes=5)  # an older one means that audits do not end any more


def audited(found: Audited | None, now: datetime) -> Iterator[Line]:
    """Yield the lines on the last audit *found*, None where the controller makes none."""
    if found is None:
        yield Line(AUDIT, State.NOTE, "the controller does not audit what runs: audit.enabled is false")
        return
    if found.at is None:
        yield Line(AUDIT, State.UNKNOWN, f"none has ended yet: {found.said}")
    elif now - found.at > found.late:
        text = f"none has ended after {found.at:%Y-%m-%d %H:%M:%S} UTC; that one: {found.said}"
        yield Line(AUDIT, State.WRONG, text)
    else:
        yield Line(AUDIT, State.OK, f"at {found.at:%Y-%m-%d %H:%M:%S} UTC: {found.said}")
    for part, why in sorted(found.troubles.items()):
        yield Line(AUDIT, State.WRONG, f"{part}: {why}", part)
