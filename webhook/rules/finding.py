"""What a rule says: a finding at one place, and the modes that decide what findings do."""

from enum import StrEnum

import msgspec

from webhook.rules.keys import Keys


class Mode(StrEnum):
    """What a rule's findings do to a request; ordered by `rank`, strictest last."""

    OFF = "off"  # the rule is not applied
    AUDIT = "audit"  # admit; Event and metric only
    WARN = "warn"  # admit; admission warning and Event
    ENFORCE = "enforce"  # deny

    @property
    def rank(self) -> int:
        """Strictness as a number, 0 (`off`) to 3 (`enforce`)."""
        return _RANK[self]

    def capped(self, ceiling: "Mode") -> "Mode":
        """Return this mode, but never stricter than *ceiling*."""
        return self if _RANK[self] <= _RANK[ceiling] else ceiling


_RANK = {mode: rank for rank, mode in enumerate(Mode)}


class Finding(msgspec.Struct, frozen=True):
    """What a rule saw at one place of a workload.

    A rule yields one for each place. `webhook.judge.verdict` merges those that have rule, subject (image or variable),
    reason and fix in common into one finding with a list of places; what differs between places goes into *detail*.
    """

    path: str  # the field, as kubectl explain writes it: spec.containers[0].image
    text: str  # what is wrong, without the path and without the fix
    fix: str  # what to change, in the words of the chart in use
    container: str = ""  # the container's (or image volume's) name; "" when none is concerned
    image: str = ""  # the normalised image reference; "" when none is concerned or it cannot be parsed
    ceiling: Mode = Mode.ENFORCE  # never judged stricter than this
    variable: str = ""  # the variable's name; "" when none is concerned
    brief: str = ""  # half of the condition, for a first line, said after the image or variable: is missing
    detail: str = ""  # what is particular to this place: as sha256:0123456789ab
    keys: Keys | None = None  # the values of a chart that decide about the image
    reason: str = ""  # what tells causes apart when one cause may have texts of several spellings; "": the text does
