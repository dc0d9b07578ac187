"""What an audit finds: values that every format prints; one group for the pods of one owner, never one for each pod."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from webhook.judge.decision import ObjectRef, TaskRef
from webhook.judge.verdict import Exempted, Violation
from webhook.manifests.outcome import Judged, Outcome, Related, Remark, Reported, Spared
from webhook.manifests.place import Place
from webhook.pods.airflow import Chart, Component
from webhook.pods.sighting import Airflow, Part, Sighting
from webhook.rules.finding import Mode


@dataclass(frozen=True, slots=True)
class Found:
    """A violation that pods of one group have in common."""

    violation: Violation
    pods: int
    example: str  # the name of one of them


@dataclass(frozen=True, slots=True)
class Lifted:
    """A finding that an exemption covers, in pods of one group."""

    exempted: Exempted
    pods: int


@dataclass(frozen=True, slots=True)
class ImageUse:
    """An image that containers of one name in one group run."""

    container: str
    image: str  # as it is written
    policy: str
    kind: str  # "digest", "unreadable", or the class of its tag: immutable, mutable, unrecognised, proven
    digests: tuple[str, ...]  # as which it runs, sorted
    pods: int


@dataclass(frozen=True, slots=True)
class Group:
    """Airflow's pods of one owner, or of one task; or, with no pods, an object that would make some."""

    namespace: str
    kind: str  # of the owner, as people know it: Deployment, StatefulSet, Job; Pod for those without
    name: str
    component: Component
    chart: Chart
    airflow: Airflow
    pods: int
    lost: int  # how many would be denied if they were made again now
    admission: bool | None  # whether admission sees their namespace; None when that is not known
    nodes: tuple[str, ...]
    images: tuple[ImageUse, ...]
    found: tuple[Found, ...]
    lifted: tuple[Lifted, ...] = ()
    distrusted: Component | None = None  # what their labels claim in vain
    task: TaskRef | None = None
    regarding: ObjectRef | None = None  # the controller owner of one of its pods, else that pod

    @property
    def title(self) -> str:
        """The group in words: `scheduler Deployment airflow/airflow-scheduler`."""
        return f"{self.component} {self.kind} {self.namespace}/{self.name}"

    @property
    def mode(self) -> Mode:
        """The strictest mode among what was found; `off` when nothing was."""
        return max((one.violation.mode for one in self.found), key=lambda mode: mode.rank, default=Mode.OFF)


@dataclass(frozen=True, slots=True)
class Drift:
    """One reference that runs as several images on nodes whose digests compare."""

    image: str
    sightings: tuple[Sighting, ...]
    certain: bool  # False: nodes may not be read, and these may be one image on two platforms


@dataclass(frozen=True, slots=True)
class Skew:
    """One Airflow whose components run different images for longer than they may."""

    airflow: Airflow
    leader: tuple[Part, ...]  # of the component that the others are compared with
    behind: tuple[Part, ...]  # what others run instead


@dataclass(frozen=True, slots=True)
class Basis:
    """Where an audit looked and by what it judged, in words that are shown."""

    source: str  # "context prod-eu", "dump pods.json"
    policy: str  # "ConfigMap airlock/airlock-policy, revision 45bd7d719826", "the built-in policy"
    required_env: str
    installed: bool | None  # whether airlock's registration is there; None when that is not known


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a look reached: what it means that something was not found."""

    off: tuple[tuple[str, tuple[str, ...]], ...] = ()  # rules, and the namespaces in which the policy turns them off
    namespaces: int = 0  # with pods of Airflow
    compared: int = 0  # Airflows with two components whose images can be compared
    mixed: tuple[Skew, ...] = ()  # Airflows that run two images and are no finding: as in a rollout
    across: tuple[str, ...] = ()  # images that run as different digests on nodes whose digests do not compare
    asked: int = 0  # pods that the manifest requires a variable of

    def off_in(self, rule: str) -> tuple[str, ...]:
        """Return the namespaces in which the policy turns *rule* off."""
        return next((namespaces for name, namespaces in self.off if name == rule), ())


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that one audit saw."""

    basis: Basis
    taken: datetime
    seen: int  # pods that were looked at, Airflow's or not
    groups: tuple[Group, ...]  # by namespace, then component and name
    drifts: tuple[Drift, ...] = ()
    skews: tuple[Skew, ...] = ()
    inconclusive: tuple[tuple[str, int], ...] = ()  # images and how many of their containers say no digest
    remarks: tuple[Remark, ...] = ()  # what could not be seen
    reach: Reach = field(default_factory=Reach)
    enforced: int | None = None  # running pods that would not come back if every rule enforced; None: not worked out

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
        return group.lost if group.admission is not False or not self.basis.installed else 0

    @property
    def counts(self) -> Counter[Mode]:
        """How many findings there are of each mode, pods of one group counted once."""
        return Counter(one.violation.mode for group in self.groups for one in group.found)

    @property
    def outside(self) -> dict[str, int]:
        """Namespaces with pods of Airflow that admission never sees, and how many pods."""
        found: Counter[str] = Counter()
        for group in self.groups:
            if group.admission is False:
                found[group.namespace] += group.pods
        return dict(sorted(found.items()))

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for could be seen."""
        return all(remark.usable for remark in self.remarks)

    @property
    def outcome(self) -> Outcome:
        """The same for the formats of `airlock check`: an object of the cluster stands for the file."""
        return Outcome(self.seen, tuple(judged(group) for group in self.groups), self.remarks, cluster=True)


def judged(group: Group) -> Judged:
    """Return *group* as the formats of `airlock check` have it."""
    place = Place(f"{group.namespace}/{group.kind}/{group.name}", 0)
    return Judged(
        place,
        api_version="",
        kind=group.kind,
        namespace=group.namespace,
        name=group.name,
        component=group.component,
        distrusted=group.distrusted,
        reported=tuple(Reported(one.violation, place, _examples(group, one)) for one in group.found),
        spared=tuple(Spared(one.exempted, place) for one in group.lifted),
    )


def _examples(group: Group, found: Found) -> tuple[Related, ...]:
    if not found.example or (group.kind, group.name) == ("Pod", found.example):
        return ()
    share = f"one of {found.pods} pods" if found.pods > 1 else "the pod"
    return (Related(Place(f"{group.namespace}/Pod/{found.example}", 0), share),)


def code(survey: Survey, fail_on: Mode | None) -> int:
    """Return the exit code: 2 when something could not be seen, 1 for findings as strict as *fail_on*, else 0."""
    if not survey.complete:
        return 2
    return 1 if fail_on is not None and any(mode.rank >= fail_on.rank for mode in survey.counts) else 0
