"""The results of judging manifests: values that every format prints."""

from collections import Counter

import msgspec

from webhook.judge.verdict import Exempted, Violation
from webhook.manifests.place import Place
from webhook.pods.airflow import Chart, Component
from webhook.rules.finding import Mode


class Related(msgspec.Struct, frozen=True):
    """Another place that has to do with a finding."""

    place: Place
    text: str


class Reported(msgspec.Struct, frozen=True):
    """A violation, where it stands, and what else it comes from."""

    violation: Violation
    places: tuple[Place, ...]  # at least one; one for each of the violation's own places in a file
    related: tuple[Related, ...] = ()

    @property
    def place(self) -> Place:
        """The first place."""
        return self.places[0]


class Spared(msgspec.Struct, frozen=True):
    """A finding that an exemption covers, and where it stands."""

    exempted: Exempted
    places: tuple[Place, ...]

    @property
    def place(self) -> Place:
        """The first place."""
        return self.places[0]


class Judged(msgspec.Struct, frozen=True):
    """One Airflow workload and what is wrong with it."""

    place: Place
    api_version: str
    kind: str
    namespace: str
    name: str
    component: Component
    chart: Chart = Chart.CUSTOM
    key: str = ""  # of the ConfigMap or Secret, for the worker pod that the executor makes from it
    distrusted: Component | None = None  # what the labels claimed but did not earn
    template: str = ""  # the chart's file it was rendered from
    reported: tuple[Reported, ...] = ()
    spared: tuple[Spared, ...] = ()

    @property
    def title(self) -> str:
        """The object in words.

        >>> Judged(Place("a.yaml", 1), "v1", "Pod", "airflow", "x", Component.TASK).title
        'task Pod airflow/x'
        """
        where = f"{self.place.cluster}/{self.namespace}" if self.place.cluster else self.namespace
        if self.key:
            return f"{self.component} Pod in {where}, made from {self.kind} {self.name} ({self.key})"
        return f"{self.component} {self.kind} {where}/{self.name}"


class Remark(msgspec.Struct, frozen=True):
    """Something said of a place: why it cannot be used, or why it was passed over."""

    place: Place
    text: str
    usable: bool = False  # whether all is well, and there is only nothing to judge
    note: bool = False  # whether an Airflow may be here that was not judged, and the text says what to do

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


class Outcome(msgspec.Struct, frozen=True):
    """Everything that one run saw."""

    objects: int = 0
    workloads: tuple[Judged, ...] = ()
    remarks: tuple[Remark, ...] = ()
    cluster: bool = False  # whether places are objects of a cluster, `namespace/Kind/name`, and no files

    @property
    def unusable(self) -> list[Remark]:
        """What could not be read."""
        return [remark for remark in self.remarks if not remark.usable]

    @property
    def skipped(self) -> list[Remark]:
        """What was passed over."""
        return [remark for remark in self.remarks if remark.usable and not remark.note]

    @property
    def notes(self) -> list[Remark]:
        """What may be an Airflow, and was not judged."""
        return [remark for remark in self.remarks if remark.note]

    @property
    def counts(self) -> Counter[Mode]:
        """How many findings there are of each mode."""
        return Counter(one.violation.mode for workload in self.workloads for one in workload.reported)

    @property
    def exempted(self) -> int:
        """How many findings exemptions cover."""
        return sum(len(workload.spared) for workload in self.workloads)


def code(outcome: Outcome, fail_on: Mode, *, require_airflow: bool = False) -> int:
    """Return the exit code: 2 when something could not be read, 1 for findings as strict as *fail_on*, else 0.

    With *require_airflow* it is 2 when no workload was Airflow's; what only looks like it does not count.
    """
    if outcome.unusable or (require_airflow and not outcome.workloads):
        return 2
    return 1 if any(mode.rank >= fail_on.rank for mode in outcome.counts) else 0
