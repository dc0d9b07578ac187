"""What a decision consists of: modes, findings, violations and the verdict over them."""

from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """What a rule's findings do to a request; ordered by `rank`, strictest last."""

    OFF = "off"  # the rule is not applied
    AUDIT = "audit"  # admit; Event and metric only
    WARN = "warn"  # admit; admission warning and Event
    ENFORCE = "enforce"  # deny

    @property
    def rank(self) -> int:
        """Strictness as a number, 0 (`off`) to 3 (`enforce`)."""
        return _RANK[self]

    def capped(self, ceiling: "Mode") -> "Mode":
        """Return this mode, but never stricter than *ceiling*."""
        return self if _RANK[self] <= _RANK[ceiling] else ceiling


_RANK = {mode: rank for rank, mode in enumerate(Mode)}


class Component(StrEnum):
    """The Airflow role of a workload."""

    SCHEDULER = "scheduler"
    DAG_PROCESSOR = "dag-processor"
    TRIGGERER = "triggerer"
    WORKER = "worker"
    API_SERVER = "api-server"
    WEBSERVER = "webserver"
    TASK = "task"  # pods of the KubernetesExecutor and the KubernetesPodOperator
    JOB = "job"  # migrations, create-user, cleanup
    SUPPORT = "support"  # redis, statsd, pgbouncer, flower, ...
    OTHER = "other"  # an Airflow chart's label with a component nobody knows


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule saw at one place of a workload."""

    path: str  # the field, as kubectl explain writes it: spec.containers[0].image
    text: str  # what is wrong, without the path and without the fix
    fix: str  # what to change, in the words of the chart in use
    container: str = ""  # the container's (or image volume's) name; "" when none is concerned
    image: str = ""  # the normalised image reference; "" when none is concerned or it cannot be parsed
    ceiling: Mode = Mode.ENFORCE  # never judged stricter than this


@dataclass(frozen=True, slots=True)
class Violation:
    """A finding of *rule* that counts, and what it does."""

    rule: str
    mode: Mode
    finding: Finding
    note: str = ""  # said after the finding, such as an exemption that has expired


@dataclass(frozen=True, slots=True)
class Exempted:
    """A finding of *rule* that does not count because of the exemption named *exemption*."""

    rule: str
    exemption: str
    finding: Finding


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole answer to one request: violations in object order, and what was exempted."""

    violations: tuple[Violation, ...] = ()
    exempted: tuple[Exempted, ...] = ()

    @property
    def mode(self) -> Mode:
        """The strictest mode among the violations; `off` when there is none."""
        return max((violation.mode for violation in self.violations), key=lambda mode: mode.rank, default=Mode.OFF)

    @property
    def allowed(self) -> bool:
        """Whether the request is admitted."""
        return self.mode is not Mode.ENFORCE
