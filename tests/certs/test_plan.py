"""The plan of certificates: each case has its next step, and whatever happens, no served leaf goes untrusted."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle as Values
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from certs.pace import BACKDATE, Pace
from certs.plan import (
    AddAuthority,
    DropAuthorities,
    IssueLeaf,
    Leaf,
    Observed,
    Publication,
    Publish,
    Replica,
    Rest,
    Step,
    due,
    plan,
)
from certs.sightings import Sightings
from certs.trust import Authority

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
CA_LIFE, LEAF_LIFE = 100 * DAY, 10 * DAY
PACE = Pace(propagation=15, settling=120)
OLD, NEW = "old", "new"


def authority(mark: str, age: timedelta = DAY) -> Authority:
    return Authority(mark, NOW - age - BACKDATE, NOW - age + CA_LIFE)


def leaf(issuer: str, age: timedelta = DAY, seen: float = 1000) -> Leaf:
    return Leaf(issuer, NOW - age - BACKDATE, NOW - age + LEAF_LIFE, seen=seen)


def published(*marks: str, seconds: float = 1000, place: str = "validating") -> Publication:
    return Publication(place, dict.fromkeys(marks, seconds), frozenset(marks))


def healthy() -> Observed:
    return Observed((authority(OLD),), "", leaf(OLD), "", (published(OLD),), (Replica("a", leaf(OLD)),))


def rotating(**changes: object) -> Observed:
    """Return what is there when the new authority is trusted everywhere, and the leaf is still of the old one."""
    seen = replace(healthy(), authorities=(authority(OLD), authority(NEW)), publications=(published(OLD, NEW),))
    return replace(seen, **changes)  # type: ignore[arg-type]


def step(seen: Observed, now: datetime = NOW) -> Step:
    return plan(seen, now, PACE)


def test_a_healthy_installation_is_left_alone() -> None:
    assert isinstance(step(healthy()), Rest)


def test_without_anything_an_authority_is_made_first() -> None:
    assert step(Observed()) == AddAuthority((), "there is no CA yet")


def test_an_authority_is_published_before_anything_is_signed() -> None:
    seen = Observed((authority(OLD),), publications=(Publication("validating"),))
    assert step(seen) == Publish("validating", (OLD,), "validating lacks old")


def test_where_nobody_serves_yet_the_first_leaf_waits_for_nothing() -> None:
    seen = Observed((authority(OLD),), publications=(published(OLD, seconds=0),))
    assert step(seen) == IssueLeaf(OLD, (OLD,), "the certificate is of no use: there is no certificate")


@pytest.mark.parametrize("served", [leaf(NEW), leaf(""), None])
def test_where_somebody_serves_a_leaf_waits_until_its_authority_is_trusted(served: Leaf | None) -> None:
    seen = replace(healthy(), leaf=None, replicas=(Replica("a", leaf(OLD)), Replica("b", served)))
    assert isinstance(step(replace(seen, publications=(published(OLD, NEW, seconds=3),))), Rest)
    assert isinstance(step(replace(seen, publications=(published(OLD, NEW),))), IssueLeaf)


def test_a_leaf_of_the_authority_that_signed_what_is_served_waits_for_nothing() -> None:
    seen = rotating(leaf=None, publications=(published(OLD, NEW, seconds=3),))
    assert step(seen) == IssueLeaf(OLD, (OLD, NEW), "the certificate is of no use: there is no certificate")


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (replace(leaf(OLD), flaw="it is not for x"), "it is not for x"),
        (leaf(""), "no known CA signed it"),
        (leaf(OLD, age=11 * DAY), "it expired on 2026-02-28 00:00:00 UTC"),
        (leaf(OLD, age=-DAY), "it is not valid before 2026-03-01 23:00:00 UTC"),
    ],
)
def test_a_leaf_that_is_of_no_use_is_replaced(bad: Leaf, why: str) -> None:
    assert step(replace(healthy(), leaf=bad)) == IssueLeaf(OLD, (OLD,), f"the certificate is of no use: {why}")


def test_a_leaf_is_renewed_after_two_thirds_of_its_life() -> None:
    assert isinstance(step(healthy(), NOW + LEAF_LIFE * 2 / 3 - 1.1 * DAY), Rest)
    assert isinstance(step(healthy(), NOW + LEAF_LIFE * 2 / 3 - 0.9 * DAY), IssueLeaf)


def test_a_successor_is_made_after_four_fifths_of_the_authoritys_life() -> None:
    seen = replace(healthy(), authorities=(authority(OLD, age=80 * DAY),))
    assert step(seen) == AddAuthority((OLD,), "CA old ends on 2026-03-21 00:00:00 UTC")


def test_a_successor_signs_only_when_it_has_been_trusted_everywhere_for_a_while() -> None:
    late = published(OLD, NEW, seconds=3, place="mutating")
    assert isinstance(step(rotating(publications=(published(OLD, NEW), late))), Rest)
    assert step(rotating()) == IssueLeaf(NEW, (OLD, NEW), "CA new follows and is trusted everywhere")


@pytest.mark.parametrize(
    "changes",
    [
        {"leaf": leaf(NEW, seen=10), "replicas": (Replica("a", leaf(NEW)),)},
        {"leaf": leaf(NEW), "replicas": (Replica("a", leaf(NEW)), Replica("b", leaf(OLD)))},
        {"leaf": leaf(NEW), "replicas": (Replica("a", leaf(NEW)), Replica("b", None))},
    ],
)
def test_the_old_authority_stays_while_somebody_may_need_it(changes: dict[str, object]) -> None:
    assert isinstance(step(rotating(**changes)), Rest)


def test_the_old_authority_goes_when_every_replica_serves_a_leaf_of_the_new_one() -> None:
    seen = rotating(leaf=leaf(NEW), replicas=(Replica("a", leaf(NEW)),))
    assert step(seen) == DropAuthorities((NEW,), "every replica serves a certificate of CA new")
    assert step(replace(seen, authorities=(authority(NEW),))) == Publish(
        "validating", (NEW,), "nobody needs old any more"
    )


def test_a_lost_ca_secret_means_a_new_authority_beside_the_one_that_is_in_use() -> None:
    seen = replace(healthy(), authorities=(authority(NEW),))
    assert step(seen) == Publish("validating", (NEW, OLD), "validating lacks new")


def test_an_expired_authority_is_followed_at_once() -> None:
    seen = replace(healthy(), authorities=(authority(OLD, age=101 * DAY),))
    assert step(seen) == AddAuthority((), "no CA is valid now")


def test_a_torn_ca_secret_is_written_anew() -> None:
    assert step(replace(healthy(), authorities=(), torn="next.key is missing")) == AddAuthority(
        (), "the CA Secret has no usable CA: next.key is missing"
    )
    assert step(replace(healthy(), torn="next.key is missing")) == DropAuthorities(
        (OLD,), "the CA Secret holds what is of no use: next.key is missing"
    )


def test_a_wiped_or_foreign_bundle_is_healed() -> None:
    assert step(replace(healthy(), publications=(Publication("validating"),))) == Publish(
        "validating", (OLD,), "validating lacks old"
    )
    foreign = replace(healthy(), publications=(published(OLD, "foreign"),))
    assert step(foreign) == Publish("validating", (OLD,), "nobody needs foreign any more")
    dirty = replace(healthy(), publications=(replace(published(OLD), tidy=False),))
    assert isinstance(step(dirty), Publish)


def test_what_a_replica_serves_is_published_whoever_signed_it() -> None:
    seen = replace(healthy(), replicas=(Replica("a", leaf("lost")),))
    assert step(seen) == Publish("validating", (OLD, "lost"), "validating lacks lost")


def test_a_configuration_that_is_not_there_is_not_missed() -> None:
    assert isinstance(step(replace(healthy(), publications=())), Rest)


def test_the_share_of_a_life_begins_where_the_backdating_ends() -> None:
    assert due(NOW - BACKDATE, NOW + DAY, 0.5) == NOW + DAY / 2


@dataclass
class World:
    """A cluster as far as certificates go: versions on everything, histories for those who hear of things late."""

    now: datetime = NOW
    seconds: float = 0
    versions: Iterator[int] = field(default_factory=lambda: count(1))
    marks: Iterator[int] = field(default_factory=count)
    authorities: tuple[Authority, ...] | None = None
    leaf: Leaf | None = None
    version: dict[str, int] = field(default_factory=dict)
    bundles: dict[str, frozenset[str]] = field(default_factory=dict)
    bundle_history: list[tuple[float, str, frozenset[str]]] = field(default_factory=list)
    leaf_history: list[tuple[float, Leaf]] = field(default_factory=list)
    replicas: dict[int, Leaf | None] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        self.now += timedelta(seconds=seconds)

    def put(self, place: str) -> None:
        self.version[place] = next(self.versions)

    def set_bundle(self, place: str, marks: frozenset[str]) -> None:
        if place in self.bundles:
            self.bundle_history.append((self.seconds, place, self.bundles[place]))
        self.bundles[place] = marks
        self.put(place)

    def views(self, place: str, lag: float) -> list[frozenset[str]]:
        """Return every state of *place* that an API server may hold which hears of changes within *lag*."""
        past = [marks for at, where, marks in self.bundle_history if where == place and at > self.seconds - lag]
        return [*past, self.bundles[place]]

    def recent_leaves(self, lag: float) -> list[Leaf]:
        past = [leaf for until, leaf in self.leaf_history if until > self.seconds - lag]
        return [*past, *([self.leaf] if self.leaf else [])]

    def perform(self, step: Step, versions: dict[str, int]) -> bool:
        """Do *step* as the API server does a conditional write; return whether it was done."""
        place = {AddAuthority: "ca", DropAuthorities: "ca", IssueLeaf: "tls"}.get(type(step)) or getattr(
            step, "place", ""
        )
        if not place or self.version.get(place) != versions.get(place):
            return False
        match step:
            case AddAuthority(keep) | DropAuthorities(keep):
                kept = tuple(a for a in self.authorities or () if a.mark in keep)
                fresh = Authority(f"a{next(self.marks)}", self.now - BACKDATE, self.now + CA_LIFE)
                self.authorities = (*kept, fresh)[-2:] if isinstance(step, AddAuthority) else kept
            case Publish(_, marks):
                self.set_bundle(place, frozenset(marks))
                return True
            case IssueLeaf(mark):
                if self.leaf is not None:
                    self.leaf_history.append((self.seconds, self.leaf))
                ends = [a.not_after for a in self.authorities or () if a.mark == mark]  # it may be gone by now
                self.leaf = Leaf(mark, self.now - BACKDATE, min([self.now + LEAF_LIFE, *ends]))
        self.put(place)
        return True


class Controller:
    """One process of the controller: what it remembers, and the step that it is about to take."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.sightings = Sightings()
        self.pending: tuple[Step, dict[str, int]] | None = None

    def observe(self) -> Step:
        world = self.world
        here = [(place, mark) for place, marks in world.bundles.items() for mark in marks]
        ages = self.sightings.ages([*here, world.leaf], world.seconds)
        seen = Observed(
            world.authorities or (),
            leaf=world.leaf and replace(world.leaf, seen=ages[world.leaf]),
            publications=tuple(
                Publication(place, {mark: ages[place, mark] for mark in marks}, marks)
                for place, marks in sorted(world.bundles.items())
            ),
            replicas=tuple(
                Replica(str(number), None if number in world.hidden else leaf)
                for number, leaf in sorted(world.replicas.items())
            ),
        )
        step = plan(seen, world.now, PACE)
        self.pending = step, dict(world.version)
        return step

    def act(self) -> None:
        if self.pending is not None:
            self.world.perform(*self.pending)
            self.pending = None


def converge(world: World) -> int:
    """Run one controller, with replicas that answer, until it rests for good; return how many steps that took."""
    world.hidden.clear()
    controller, steps, rests = Controller(world), 0, 0
    while rests < 30:
        if isinstance(controller.observe(), Rest):
            rests += 1
            world.pass_time(10)
        else:
            steps, rests = steps + 1, 0
            assert steps < 40, controller.pending
            controller.act()
        if world.leaf is not None:
            world.replicas = dict.fromkeys(world.replicas, world.leaf)
    return steps


class Rotations(RuleBasedStateMachine):
    """Two controllers that may stall or die at any point, and replicas that lag behind."""

    controllers = st.sampled_from([0, 1])
    numbers = Values("numbers")

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.set_bundle("validating", frozenset())
        self.world.set_bundle("mutating", frozenset())
        converge(self.world)
        self.pair = [Controller(self.world), Controller(self.world)]

    @rule(which=controllers, times=st.integers(1, 8))
    def work(self, which: int, times: int) -> None:
        for _ in range(times):
            self.pair[which].act()
            self.pair[which].observe()

    @rule(which=controllers, turns=st.integers(1, 30), days=st.sampled_from([0, 8, 80]))
    def live_on(self, which: int, turns: int, days: int) -> None:
        self.world.pass_time(days * 86400)
        for _ in range(turns):
            self.pair[which].observe()
            self.pair[which].act()
            self.world.pass_time(5)

    @rule(which=controllers)
    def observe(self, which: int) -> None:
        self.pair[which].observe()

    @rule(which=controllers)
    def act(self, which: int) -> None:
        self.pair[which].act()

    @rule(which=controllers)
    def die(self, which: int) -> None:
        self.pair[which] = Controller(self.world)

    @rule(seconds=st.sampled_from([1.0, 7.0, 15.0, 60.0, 120.0, 8 * 86400.0, 80 * 86400.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(target=numbers, number=st.integers(0, 3), data=st.data())
    def start_replica(self, number: int, data: st.DataObject) -> int:
        if leaves := self.world.recent_leaves(PACE.settling):  # as the kubelet may still remember the Secret
            self.world.replicas[number] = data.draw(st.sampled_from(leaves))
        return number

    @rule(number=numbers)
    def load(self, number: int) -> None:
        if number in self.world.replicas:
            self.world.replicas[number] = self.world.leaf

    @rule(number=numbers)
    def end_replica(self, number: int) -> None:
        self.world.replicas.pop(number, None)

    @rule(number=numbers, hide=st.booleans())
    def hide(self, number: int, *, hide: bool) -> None:
        (self.world.hidden.add if hide else self.world.hidden.discard)(number)

    @invariant()
    def every_served_leaf_is_trusted_by_every_api_server(self) -> None:
        for served in self.world.replicas.values():
            for place in self.world.bundles:
                for marks in self.world.views(place, PACE.propagation):
                    assert served is None or served.issuer in marks

    def teardown(self) -> None:
        converge(self.world)
        newest = self.world.authorities[-1].mark  # type: ignore[index]
        assert len(self.world.authorities or ()) == 1
        assert set(self.world.bundles.values()) <= {frozenset({newest})}
        assert {served.issuer for served in self.world.replicas.values() if served} <= {newest}
        super().teardown()


class Damages(Rotations):
    """The same, in a cluster where people delete and overwrite things: it always comes to rest, whole."""

    @rule(place=st.sampled_from(["validating", "mutating"]))
    def wipe(self, place: str) -> None:
        self.world.set_bundle(place, frozenset())

    @rule(place=st.sampled_from(["validating", "mutating"]))
    def overwrite(self, place: str) -> None:
        self.world.set_bundle(place, frozenset({"foreign"}))

    @rule(place=st.sampled_from(["validating", "mutating"]))
    def delete(self, place: str) -> None:
        self.world.bundles.pop(place, None)
        self.world.version.pop(place, None)

    @rule()
    def lose_the_ca(self) -> None:
        self.world.authorities = None
        self.world.version.pop("ca", None)

    @rule(flaw=st.sampled_from(["", "it is not for x"]))
    def lose_or_spoil_the_leaf(self, flaw: str) -> None:
        self.world.leaf = replace(self.world.leaf, flaw=flaw) if flaw and self.world.leaf else None
        self.world.put("tls")

    @invariant()
    def every_served_leaf_is_trusted_by_every_api_server(self) -> None:
        """Whoever damages that, breaks it."""


TestRotations = Rotations.TestCase
TestRotations.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestDamages = Damages.TestCase
TestDamages.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


def test_the_whole_of_a_first_installation_and_a_rotation_takes_few_steps() -> None:
    world = World()
    world.set_bundle("validating", frozenset())
    world.set_bundle("mutating", frozenset())
    assert converge(world) == 4  # an authority, two bundles, a leaf
    world.replicas = {0: world.leaf, 1: world.leaf}
    world.pass_time(CA_LIFE.total_seconds() * 0.8)
    assert converge(world) == 8  # the leaf of the old one was due; authority, bundles, leaf, drop, bundles
