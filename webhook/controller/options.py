"""The settings of `airlock controller`."""

from collections.abc import Mapping

import msgspec

from certs.names import Names
from certs.pace import Pace
from webhook.controller.audit.options import AuditOptions
from webhook.controller.certificates import Lives
from webhook.controller.scene import Site
from webhook.sources.name import ConfigMapName


class Options(msgspec.Struct, frozen=True):
    """What the controller looks after, and how."""

    site: Site
    names: Names  # that the leaf is for
    accepted: ConfigMapName | None
    documents: Mapping[str, ConfigMapName]  # by the document's name
    certificates: bool = True  # False: somebody else sees to them
    lives: Lives = msgspec.field(default_factory=Lives)
    pace: Pace = msgspec.field(default_factory=Pace)
    interval: float = 2.0  # seconds between two looks
    break_glass_label: str = "airlock/skip"
    audit: AuditOptions | None = msgspec.field(default_factory=AuditOptions)  # None: what runs is not looked at
