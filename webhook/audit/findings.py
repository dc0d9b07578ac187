"""An audit's findings, in the unit that every format and metric counts: one cause, one finding.

A group has one for each cause already. A rule that is `shared` says one thing of all workloads of a cluster that show
the same cause (one reference that runs as several images), so that counts once and lists the workloads; where one
must be named, such as in a metric, it is the first.
"""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from webhook.audit.group import Found, Group, Lifted
from webhook.judge.verdict import Exempted, Key, Violation
from webhook.manifests.outcome import Judged, Related, Reported, Spared
from webhook.manifests.place import Place
from webhook.rules.catalogue import RULES

T = TypeVar("T", Found, Lifted)


class Told(msgspec.Struct, frozen=True):
    """One finding of an audit: of one workload, or, by a rule that is `shared`, of all that show the same cause."""

    violation: Violation  # with the places of the first workload
    shown: tuple[tuple[Group, Found], ...]  # the workloads that show it, at least one, in the survey's order

    @property
    def group(self) -> Group:
        """The first workload that shows it, which it counts for wherever one has to be named."""
        return self.shown[0][0]

    @property
    def pods(self) -> int:
        """How many running pods show it."""
        return sum(found.pods for _, found in self.shown)


class Excused(msgspec.Struct, frozen=True):
    """One finding that an exemption covers, and the workloads that show it."""

    exempted: Exempted
    shown: tuple[tuple[Group, Lifted], ...]

    @property
    def group(self) -> Group:
        """The first workload that shows it."""
        return self.shown[0][0]

    @property
    def pods(self) -> int:
        """How many running pods show it."""
        return sum(lifted.pods for _, lifted in self.shown)


def findings(groups: Iterable[Group]) -> tuple[Told, ...]:
    """Return the findings of *groups*, in the order of the first workloads that show them."""
    shown = _gathered(((group, one) for group in groups for one in group.found), lambda one: one.violation)
    return tuple(Told(ones[0][1].violation, ones) for ones in shown)


def excused(groups: Iterable[Group]) -> tuple[Excused, ...]:
    """Return the findings of *groups* that exemptions cover, in the same order."""
    shown = _gathered(((group, one) for group in groups for one in group.lifted), lambda one: one.exempted)
    return tuple(Excused(ones[0][1].exempted, ones) for ones in shown)


def is_shared(rule: str) -> bool:
    """Return whether a finding of *rule* counts once for all workloads that show it."""
    return rule in RULES and RULES[rule].shared


def _gathered(
    shown: Iterable[tuple[Group, T]], told: Callable[[T], Violation | Exempted]
) -> Iterable[tuple[tuple[Group, T], ...]]:
    by_key: dict[tuple[int | str, Key], list[tuple[Group, T]]] = {}
    for group, one in shown:
        what = told(one)
        whose = group.cluster if is_shared(what.rule) else id(group)
        by_key.setdefault((whose, what.key), []).append((group, one))
    return (tuple(ones) for ones in by_key.values())


def workloads(groups: tuple[Group, ...]) -> tuple[Judged, ...]:
    """Return *groups* as the formats of `airlock check` have workloads.

    A finding of several workloads stands at the first; the others are its related places.
    """
    told: dict[int, list[Told]] = {}
    spared: dict[int, list[Excused]] = {}
    for finding in findings(groups):
        told.setdefault(id(finding.group), []).append(finding)
    for one in excused(groups):
        spared.setdefault(id(one.group), []).append(one)
    return tuple(judged(group, told.get(id(group), ()), spared.get(id(group), ())) for group in groups)


def judged(group: Group, told: Iterable[Told] = (), spared: Iterable[Excused] = ()) -> Judged:
    """Return *group* as the formats of `airlock check` have a workload, with what was *told* of it and *spared*."""
    place = _place(group)
    return Judged(
        place,
        api_version="",
        kind=group.kind,
        namespace=group.namespace,
        name=group.name,
        component=group.component,
        distrusted=group.distrusted,
        reported=tuple(Reported(one.violation, (place,), tuple(_related(one))) for one in told),
        spared=tuple(Spared(one.exempted, (place,)) for one in spared),
    )


def _place(group: Group) -> Place:
    return Place(f"{group.namespace}/{group.kind}/{group.name}", 0, group.cluster)


def _related(told: Told) -> Iterable[Related]:
    """Yield an example among the pods, and the other workloads, each with what it runs."""
    for nth, (group, found) in enumerate(told.shown):
        if nth:
            yield Related(_place(group), _share(group, found))
        elif found.example and (group.kind, group.name) != ("Pod", found.example):
            share = f"one of {found.pods} pods" if found.pods > 1 else "the pod"
            yield Related(Place(f"{group.namespace}/Pod/{found.example}", 0, group.cluster), share)


def _share(group: Group, found: Found) -> str:
    pods = "1 pod" if found.pods == 1 else f"{found.pods} pods"
    details = dict.fromkeys(place.detail for place in found.violation.cause.places if place.detail)
    return ", ".join((group.component, pods, *details))
