"""Tells of what keeps airlock from working: once when it has lasted, and once when it is over."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import msgspec
import structlog

from webhook.controller.configurations import KINDS, Configuration, registered
from webhook.controller.scene import Scene, Site
from webhook.judge.decision import ObjectRef
from webhook.status.registration import Served, misfits

LOOKS = 15  # 30 s at the usual pace: what a rollout or a rotation does to it is over by then
MISSING = "RegistrationMissing"


log = structlog.stdlib.get_logger("airlock.controller")


class Trouble(msgspec.Struct, frozen=True):
    """What one Event reports: its reason, and the object that it is about; *of* tells Events of one object apart."""

    reason: str
    about: ObjectRef
    of: str = ""


class Vigil:
    """Tells of troubles that last for so many *looks*; *announce* writes an Event, *bad* and *good* are logged."""

    def __init__(
        self, announce: Callable[..., None], looks: int = LOOKS, bad: str = "not judging", good: str = "judging again"
    ) -> None:
        self._announce = announce
        self._enough = looks
        self._bad = bad
        self._good = good
        self._looks: dict[Trouble, int] = {}
        self._notes: dict[Trouble, str] = {}

    @property
    def lines(self) -> tuple[str, ...]:
        """What the troubles are now, for `/readyz`."""
        return tuple(f"{self._bad}: {note}" for note in self._notes.values())

    @property
    def unregistered(self) -> bool:
        """Whether a configuration is missing, which the controller cannot mend."""
        return any(trouble.reason == MISSING for trouble in self._notes)

    def look(self, found: Mapping[Trouble, str]) -> None:
        """Take note of the troubles that are there now, a sentence for each."""
        for trouble in [one for one in self._looks if one not in found]:
            if self._looks.pop(trouble) >= self._enough:
                log.info(self._good, reason=trouble.reason)
                self._announce(trouble.reason, f"it is over: {self._notes[trouble]}", trouble.about, good=True)
        for trouble, note in found.items():
            self._looks[trouble] = self._looks.get(trouble, 0) + 1
            if self._looks[trouble] == self._enough:
                log.warning(self._bad, reason=trouble.reason, text=note)
                self._announce(trouble.reason, note, trouble.about)
        self._notes = dict(found)


def troubles(
    site: Site, configurations: Iterable[Configuration], scene: Scene | None, now: datetime
) -> dict[Trouble, str]:
    """Return what keeps airlock from judging; *scene* is None where somebody else sees to the certificates."""
    return dict(_troubles(site, tuple(configurations), scene, now))


def _troubles(
    site: Site, configurations: tuple[Configuration, ...], scene: Scene | None, now: datetime
) -> Iterator[tuple[Trouble, str]]:
    there = {(each.kind, each.name) for each in configurations}
    for name in site.configurations:
        for kind in KINDS:
            if (kind, name) not in there:
                note = f"{kind} {name} does not exist: nobody asks airlock; `helm upgrade` creates it"
                yield Trouble(MISSING, _registration(site, kind, name)), note
    if scene is None:
        return
    replicas = scene.observed.replicas
    if all(replica.leaf is None for replica in replicas):
        about = ObjectRef("v1", "Service", site.namespace, site.service)
        yield Trouble("NoReplicaAnswers", about), "no replica answers: the API server asks airlock, and nobody is there"
    served = [Served(replica.place, replica.leaf) for replica in replicas if replica.leaf is not None]
    for each in configurations:
        texts = misfits([registered(each, now)], served, now) if each.entries else []
        if texts:
            yield Trouble("CABundleMismatch", _registration(site, each.kind, each.name)), texts[0]


def _registration(site: Site, kind: str, name: str) -> ObjectRef:
    # An Event on an object without namespace must lie in `default`, where airlock may not write.
    return ObjectRef("admissionregistration.k8s.io/v1", kind, site.namespace, name)
