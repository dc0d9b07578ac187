"""The options of the background audit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from webhook.registry.hosts import Registry
from webhook.sources.readable import Readable


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """Which registries to ask, and with which credentials."""

    allowed: Mapping[str, Registry]
    docker_config: Path | None = None  # read again each time: a Secret that is mounted may change
    ca_file: Path | None = None  # besides the system's


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How often, what is remembered, and whether reports are written."""

    interval: float = 60.0  # seconds between two runs
    window: timedelta = timedelta(hours=24)  # for which digests are remembered
    reports: bool = True
    old_reports: tuple[str, ...] = ()  # ConfigMaps in which earlier versions kept reports, to be deleted
    registries: RegistryOptions | None = None  # None: no registry is asked
    readable: Readable = field(default_factory=Readable)  # namespaces whose objects are known by name and key
