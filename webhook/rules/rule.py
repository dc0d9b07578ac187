"""What a rule is: a name, its options in the policy, and a pure function from a workload to findings."""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from functools import cached_property
from typing import Any

import msgspec

from webhook.grammar.model import Model
from webhook.pods.airflow import Component, Role
from webhook.pods.fleet import Live
from webhook.pods.observed import NOTHING, Observed
from webhook.pods.pin import Pin
from webhook.pods.provenance import UNKNOWN, Provenance
from webhook.pods.workload import ImagePlace, Workload
from webhook.rules.expectation import Expectation
from webhook.rules.finding import Finding, Mode
from webhook.variables.injection import Need, needs
from webhook.variables.known import ConfigMaps
from webhook.variables.variable import Variable


class RuleOptions(Model):
    """The options that every rule has."""

    mode: Mode | None = None
    """What findings do: enforce, warn, audit or off; the policy's own mode when absent."""


class Stage(Enum):
    """What a workload is when it is judged."""

    POD = "pod"  # a pod that is being made, after every mutation
    UPDATE = "update"  # a pod that runs, and is changed
    LIVE = "live"  # a pod that runs, and is looked at
    TEMPLATE = "template"  # what a controller will make pods from


class Subject(msgspec.Struct, frozen=True, dict=True):  # dict: for what is worked out once
    """What a rule looks at."""

    workload: Workload
    role: Role
    stage: Stage
    images: tuple[ImagePlace, ...]  # those to judge: on an update, only the changed ones
    variables: tuple[Variable, ...] = ()  # what the manifest asks of this component in this namespace
    config_maps: ConfigMaps | None = None  # what `from` reads; None: nothing was ever read
    live: Live | None = None  # in an audit: what runs; None: nothing is known of that
    repositories: frozenset[str] = frozenset()  # of Airflow's own images in its release, as far as they are known
    expected: Mapping[Component, Expectation] = msgspec.field(
        default_factory=dict
    )  # what the release says of this namespace
    observed: Observed = NOTHING  # what the controller has seen
    provenance: Provenance = UNKNOWN  # of the images, as far as it is known
    namespace: str = ""  # of the request
    pin: Pin | None = None  # what a pod of this component is pinned to; None: nothing
    left_out: bool = False  # whether the registration does not ask `/mutate` about this pod

    @cached_property
    def needs(self) -> tuple[Need, ...]:
        """How the containers compare with *variables*."""
        return tuple(needs(self.workload.spec, self.role, self.variables, self.config_maps, self.namespace))


Check = Callable[[Subject], Iterator[Finding]]


class Rule(msgspec.Struct, frozen=True):
    """One named rule; *check* gets the subject and the rule's own options."""

    name: str
    options: type[RuleOptions]
    images: bool  # whether its findings concern images, by which exemptions may select them
    places: tuple[str, ...]  # the lists of a pod spec it looks at; each needs a case that fails there
    check: Callable[[Subject, Any], Iterator[Finding]]
    prepared: Callable[[Any], Check] | None = None  # makes *check* for given options, with what these alone decide
    live: bool = False  # whether only what runs can show its findings; then it is silent at admission
    new: bool = False  # whether it came with this release; then it is `warn` at most until the policy names it
    shared: bool = False  # whether an audit counts one finding for all workloads that show the same cause

    def checking(self, options: RuleOptions) -> Check:
        """Return the check of this rule by *options*."""
        if self.prepared is not None:
            return self.prepared(options)

        def check(subject: Subject) -> Iterator[Finding]:
            return self.check(subject, options)

        return check
