"""How the cluster is audited."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How often, what is remembered, and whether reports are written."""

    interval: float = 60.0  # seconds between two runs
    window: timedelta = timedelta(hours=24)  # for which digests are remembered
    reports: bool = True
    old_reports: tuple[str, ...] = ()  # ConfigMaps in which earlier versions kept reports, to be deleted
