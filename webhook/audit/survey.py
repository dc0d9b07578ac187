"""What an audit finds: values that every format prints; one group for the pods of one owner, never one for each pod."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from webhook.audit.findings import Excused, Told, excused, findings, workloads
from webhook.audit.group import Group
from webhook.manifests.outcome import Outcome, Remark
from webhook.manifests.place import Place
from webhook.pods.sighting import Airflow, Part, Sighting
from webhook.rules.finding import Mode

if TYPE_CHECKING:
    from webhook.lint.finding import Finding
    from webhook.lint.linted import Linted

CLUSTER = "cluster"  # the place of the remark that says why a cluster could not be read


class Drift(msgspec.Struct, frozen=True):
    """One reference that runs as several images on nodes whose digests compare."""

    image: str
    sightings: tuple[Sighting, ...]
    certain: bool  # False: nodes may not be read, and these may be one image on two platforms
    cluster: str = ""  # its name, in a survey of several


class Skew(msgspec.Struct, frozen=True):
    """One Airflow whose components run different images for longer than they may."""

    airflow: Airflow
    leader: tuple[Part, ...]  # of the component that the others are compared with
    behind: tuple[Part, ...]  # what others run instead


class Basis(msgspec.Struct, frozen=True):
    """Where an audit looked and which policy it used, in words that are shown."""

    source: str  # "context prod-eu", "dump pods.json"
    policy: str  # "ConfigMap airlock/airlock-policy, revision 45bd7d719826", "the built-in policy"
    required_env: str
    installed: bool | None  # whether airlock's registration is there; None when that is not known
    left: bool = False  # whether documents of an installation are there, though nobody is registered


class Reach(msgspec.Struct, frozen=True):
    """How far a look reached: what it means that something was not found."""

    off: tuple[tuple[str, tuple[str, ...]], ...] = ()  # rules, and the namespaces in which the policy turns them off
    namespaces: int = 0  # with pods of Airflow
    compared: int = 0  # Airflows with two components whose images can be compared
    mixed: tuple[Skew, ...] = ()  # Airflows that run two images without a finding, such as in a rollout
    across: tuple[str, ...] = ()  # images that run as different digests on nodes whose digests do not compare
    declared: int = 0  # variables in the manifest whose source could be read
    asked: int = 0  # pods that it requires one of

    def off_in(self, rule: str) -> tuple[str, ...]:
        """Return the namespaces in which the policy turns *rule* off."""
        return next((namespaces for name, namespaces in self.off if name == rule), ())


class Fault(msgspec.Struct, frozen=True):
    """One fault of a callback in the DAG files."""

    mode: Mode
    place: Place
    text: str  # what is wrong, where the callback runs and what it gets
    fix: str
    dags: frozenset[str]  # ids of the DAGs that it can concern; "" for any
    tasks: frozenset[str]  # same, of tasks


class Callbacks(msgspec.Struct, frozen=True):
    """What the DAG files say: the fourth layer, which nothing that runs shows."""

    linted: "Linted"
    without: str = ""  # the DAG that was asked about, if no file has its id: it may be made elsewhere

    @property
    def files(self) -> int:
        """How many files were read."""
        return self.linted.files

    @property
    def callbacks(self) -> int:
        """How many callbacks they give."""
        return self.linted.callbacks

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong with them."""
        return tuple(
            Fault(one.mode, Place(one.place.file, one.place.line), _told(one), one.fix, one.dags, one.tasks)
            for one in self.linted.findings
        )

    @property
    def unread(self) -> tuple[Remark, ...]:
        """Files and folders that could not be read, or only in part."""
        return tuple(Remark(Place(one.place.file, one.place.line), one.text) for one in self.linted.unsure)


class Survey(msgspec.Struct, frozen=True):
    """Everything that one audit saw."""

    basis: Basis
    taken: datetime
    seen: int  # pods that were looked at, Airflow's or not
    groups: tuple[Group, ...]  # by namespace, then component and name
    drifts: tuple[Drift, ...] = ()
    skews: tuple[Skew, ...] = ()
    inconclusive: tuple[tuple[str, int], ...] = ()  # images and how many of their containers say no digest
    remarks: tuple[Remark, ...] = ()  # what could not be seen
    reach: Reach = msgspec.field(default_factory=Reach)
    callbacks: Callbacks | None = None  # None: no DAG folder was given
    enforced: int | None = None  # running pods that would not come back if every rule enforced; None: not worked out
    clusters: Mapping[str, "Survey"] = msgspec.field(default_factory=dict)  # by name, for a survey of several

    def basis_of(self, group: Group) -> Basis:
        """Return where *group* was judged, and by which policy."""
        return self.clusters[group.cluster].basis if group.cluster in self.clusters else self.basis

    @property
    def is_unread(self) -> bool:
        """Whether there is nothing, because no cluster could be read."""
        if self.clusters:
            return all(part.is_unread for part in self.clusters.values())
        return any(remark.place.file == CLUSTER for remark in self.remarks)

    @property
    def is_blind(self) -> bool:
        """Whether nothing was seen where something could not be: how much there is cannot be known."""
        return not self.seen and not self.complete

    @property
    def pods(self) -> int:
        """How many pods of Airflow run."""
        return sum(group.pods for group in self.groups)

    @property
    def lost(self) -> int:
        """How many running pods would not come back: denied if they were made again, where admission sees them."""
        return sum(self.loss(group) for group in self.groups)

    def loss(self, group: Group) -> int:
        """Return how many pods of *group* would not come back; none where admission does not see them."""
        return group.lost if group.admission is not False or not self.basis_of(group).installed else 0

    @property
    def findings(self) -> tuple[Told, ...]:
        """The findings, in the unit that every format and metric counts: one cause, one finding."""
        return findings(self.groups)

    @property
    def exempted(self) -> tuple[Excused, ...]:
        """The findings that exemptions cover, in the same unit."""
        return excused(self.groups)

    @property
    def counts(self) -> Counter[Mode]:
        """How many findings there are of each mode."""
        return Counter(one.violation.mode for one in self.findings)

    @property
    def outside(self) -> dict[str, int]:
        """Namespaces with pods of Airflow that admission never sees, and how many pods."""
        found: Counter[str] = Counter()
        for group in self.groups:
            if group.admission is False:
                found[group.namespace] += group.pods
        return dict(sorted(found.items()))

    @property
    def bypassed(self) -> dict[str, int]:
        """The namespaces of `outside` where airlock is installed, behind their clusters in a survey of several."""
        found: Counter[str] = Counter()
        for group in self.groups:
            if group.admission is False and self.basis_of(group).installed:
                found[group.where] += group.pods
        return dict(sorted(found.items()))

    @property
    def incomparable(self) -> int:
        """How many images could not be compared, on some nodes or on any."""
        return len({*(image for image, _ in self.inconclusive), *self.reach.across})

    @property
    def unseen(self) -> tuple[Remark, ...]:
        """What could not be seen in the cluster and in the DAG files."""
        return (*self.remarks, *(self.callbacks.unread if self.callbacks is not None else ()))

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for could be seen."""
        return all(remark.usable for remark in self.unseen)

    @property
    def outcome(self) -> Outcome:
        """The same for the formats of `airlock check`: an object of the cluster stands for the file."""
        return Outcome(self.seen, workloads(self.groups), self.remarks, cluster=True)


_GIVEN = 5  # places that give one callback, in one sentence


def _told(finding: "Finding") -> str:
    also = f"; also at {', '.join(map(str, finding.more))}" if finding.more else ""
    given = [f"{one.text} ({one.place})" for one in finding.also if one.text.startswith("given as ")]
    others = [one for one in given if not one.startswith(f"given as {finding.what} (")]
    more = f"; also {', '.join(others[:_GIVEN])}{' and elsewhere' if len(others) > _GIVEN else ''}" if others else ""
    return f"{finding.sentence}{also}{more}"


def code(survey: Survey, fail_on: Mode | None) -> int:
    """Return the exit code: 2 when something could not be seen, 1 for findings as strict as *fail_on*, else 0."""
    if not survey.complete:
        return 2
    modes = {*survey.counts, *(fault.mode for fault in (survey.callbacks.faults if survey.callbacks else ()))}
    return 1 if fail_on is not None and any(mode.rank >= fail_on.rank for mode in modes) else 0
