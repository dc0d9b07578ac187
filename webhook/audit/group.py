"""Airflow's pods of one owner, or of one task, and what they have in common: never one value for each pod."""

import msgspec

from webhook.judge.decision import ObjectRef, TaskRef
from webhook.judge.verdict import Exempted, Violation
from webhook.pods.airflow import Chart, Component
from webhook.pods.sighting import Airflow
from webhook.rules.finding import Mode


class Found(msgspec.Struct, frozen=True):
    """A violation that pods of one group have in common."""

    violation: Violation
    pods: int
    example: str  # the name of one of them


class Lifted(msgspec.Struct, frozen=True):
    """A finding that an exemption covers, in pods of one group."""

    exempted: Exempted
    pods: int


class ImageUse(msgspec.Struct, frozen=True):
    """An image that containers of one name in one group run."""

    container: str
    image: str  # as it is written
    policy: str
    kind: str  # "digest", "unreadable", or the class of its tag: immutable, mutable, unrecognised, proven
    digests: tuple[str, ...]  # that it runs as, sorted
    pods: int


class Group(msgspec.Struct, frozen=True):
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
    distrusted: Component | None = None  # what their labels claimed but did not earn
    task: TaskRef | None = None
    injected: tuple[str, ...] = ()  # variables that airlock added, as annotations say and specs bear out
    pinned: tuple[str, ...] = ()  # containers that airlock pinned, same
    regarding: ObjectRef | None = None  # the controller owner of one of its pods, else that pod
    cluster: str = ""  # its name, in a survey of several

    @property
    def where(self) -> str:
        """The namespace; behind its cluster in a survey of several."""
        return f"{self.cluster}/{self.namespace}" if self.cluster else self.namespace

    @property
    def title(self) -> str:
        """The group in words: `scheduler Deployment airflow/airflow-scheduler`."""
        return f"{self.component} {self.kind} {self.where}/{self.name}"

    @property
    def mode(self) -> Mode:
        """The strictest mode among what was found; `off` when nothing was."""
        return max((one.violation.mode for one in self.found), key=lambda mode: mode.rank, default=Mode.OFF)
