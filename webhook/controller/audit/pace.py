"""How often the audit writes reports, and how long they stay."""

import msgspec


class Pace(msgspec.Struct, frozen=True):
    """How often, in seconds."""

    figures: float = 600.0  # a report is written when nothing but figures changed
    linger: float = 3600.0  # a report stays when no pod is left: workers come and go
    refused: float = 600.0  # a namespace that takes no report is asked again
    discovery: float = 300.0  # airlock looks for openreports.io, and at what somebody else changed
