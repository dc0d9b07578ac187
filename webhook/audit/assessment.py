"""Judges one look at a cluster by one policy: what runs, and what would create pods."""

from datetime import UTC, datetime

import msgspec
from msgspec.structs import replace

from webhook.audit.injected import with_injected
from webhook.audit.reach import reach
from webhook.audit.survey import Basis, Survey
from webhook.audit.taking import Look, fleet_of, survey
from webhook.audit.templates import with_templates
from webhook.documents.policy import DEFAULT, Policy
from webhook.documents.release import NONE, Release
from webhook.documents.required_env import EMPTY, RequiredEnv
from webhook.judge.gate import Gate
from webhook.manifests import data
from webhook.manifests.check import Asked, Check
from webhook.manifests.objects import Manifest
from webhook.pods.fleet import Fleet
from webhook.pods.observed import NOTHING, Observed
from webhook.variables.known import ConfigMaps


class Law(msgspec.Struct, frozen=True):
    """What to judge by."""

    policy: Policy = DEFAULT
    required: RequiredEnv = EMPTY  # without the variables whose source cannot be read
    config_maps: ConfigMaps = msgspec.field(default_factory=dict)  # those that `from` names
    release: Release = NONE
    observed: Observed = NOTHING

    @property
    def gate(self) -> Gate:
        """The gate that decides so."""
        return Gate(self.policy, self.required, self.config_maps, self.release, self.observed)


def judge(look: Look, manifests: tuple[Manifest, ...], law: Law, basis: Basis, now: datetime) -> Survey:
    """Return what *law* says of *look* and of *manifests*, objects of the cluster that make pods, at the time *now*."""
    living = replace(law, config_maps={**data.known(manifests), **law.config_maps})
    gate = living.gate
    running = fleet_of(look, gate, now)
    found = survey(look, gate, basis, now, running)
    reached = replace(reach(look, gate, running, found.skews), declared=len(law.required.env))
    found = replace(found, reach=reached, enforced=_enforced(found, look, living, running))
    asked = Asked(
        law.policy,
        law.required,
        now.astimezone(UTC),
        config_maps=law.config_maps,
        release=law.release,
        observed=law.observed,
    )
    check = Check(asked)
    for manifest in manifests:
        check.add(manifest)
    return with_templates(with_injected(found, manifests), check.outcome(), manifests, look.coverage)


def _enforced(found: Survey, look: Look, law: Law, running: Fleet) -> int | None:
    """Return how many running pods would not come back if every rule enforced; None where *law* denies some itself."""
    if found.lost or not found.counts.total():
        return None
    strict = replace(law, policy=law.policy.enforcing())
    return survey(look, strict.gate, found.basis, found.taken, running).lost
