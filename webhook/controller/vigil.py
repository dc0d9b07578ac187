"""Watches what keeps airlock from judging: it tells of it once, when it has lasted, and once when it is over."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import structlog

from webhook.controller.configurations import KINDS, Configuration
from webhook.controller.scene import Scene, Site
from webhook.judge.decision import ObjectRef
from webhook.status.registration import Hook, Registered, Served, misfits

LOOKS = 15  # 30 s at the usual pace: what a rollout or a rotation does to it is over by then
MISSING = "RegistrationMissing"

Trouble = tuple[str, ObjectRef]  # the reason of the Event, and what it is about

log = structlog.stdlib.get_logger("airlock.controller")


class Vigil:
    """Keeps the troubles of *site*; *announce* writes an Event."""

    def __init__(self, site: Site, announce: Callable[..., None]) -> None:
        self._site = site
        self._announce = announce
        self._looks: dict[Trouble, int] = {}
        self._notes: dict[Trouble, str] = {}

    @property
    def lines(self) -> tuple[str, ...]:
        """What keeps airlock from judging now, for `/readyz`."""
        return tuple(f"not judging: {note}" for note in self._notes.values())

    @property
    def unregistered(self) -> bool:
        """Whether a configuration is missing, which the controller cannot mend."""
        return any(reason == MISSING for reason, _ in self._notes)

    def look(self, configurations: Iterable[Configuration], scene: Scene | None, now: datetime) -> None:
        """Take note of what is there; *scene* is None where somebody else sees to the certificates."""
        found = dict(self._troubles(tuple(configurations), scene, now))
        for trouble in [one for one in self._looks if one not in found]:
            if self._looks.pop(trouble) >= LOOKS:
                reason, about = trouble
                log.info("judging again", reason=reason)
                self._announce(reason, f"it is over: {self._notes[trouble]}", about, good=True)
        for trouble, note in found.items():
            self._looks[trouble] = self._looks.get(trouble, 0) + 1
            if self._looks[trouble] == LOOKS:
                reason, about = trouble
                log.warning("not judging", reason=reason, text=note)
                self._announce(reason, note, about)
        self._notes = found

    def _troubles(
        self, configurations: tuple[Configuration, ...], scene: Scene | None, now: datetime
    ) -> Iterator[tuple[Trouble, str]]:
        there = {(each.kind, each.name) for each in configurations}
        for name in self._site.configurations:
            for kind in KINDS:
                if (kind, name) not in there:
                    note = f"{kind} {name} does not exist: nobody asks airlock; `helm upgrade` creates it"
                    yield (MISSING, self._registration(kind, name)), note
        if scene is None:
            return
        replicas = scene.observed.replicas
        if all(replica.leaf is None for replica in replicas):
            about = ObjectRef("v1", "Service", self._site.namespace, self._site.service)
            yield ("NoReplicaAnswers", about), "no replica answers: the API server asks airlock, and nobody is there"
        served = [Served(replica.place, replica.leaf) for replica in replicas if replica.leaf is not None]
        for each in configurations:
            texts = misfits([registered(each, now)], served, now) if each.entries else []
            if texts:
                yield ("CABundleMismatch", self._registration(each.kind, each.name)), texts[0]

    def _registration(self, kind: str, name: str) -> ObjectRef:
        # An Event on an object without namespace must lie in `default`, where airlock may not write.
        return ObjectRef("admissionregistration.k8s.io/v1", kind, self._site.namespace, name)


def registered(configuration: Configuration, now: datetime) -> Registered:
    """Return *configuration* as `webhook.status` knows it: only authorities that are valid *now* count."""
    hooks = tuple(
        Hook(
            entry.name,
            entry.path,
            entry.new_pods,
            entry.ignores_failures,
            frozenset(one.mark for one in entry.trust.authorities if one.valid(now)),
        )
        for entry in configuration.entries
    )
    return Registered(configuration.kind, configuration.name, hooks)
