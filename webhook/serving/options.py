"""The settings of `airlock serve`: where its documents come from, and where its Events go."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from webhook.sources.name import ConfigMapName
from webhook.sources.readable import Readable


class EventsTo(StrEnum):
    """Where Events go."""

    AUTO = "auto"  # to the cluster inside one or when a document is a ConfigMap, else to the log
    CLUSTER = "cluster"
    LOG = "log"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """Where the documents come from and where Events go."""

    policy: ConfigMapName | Path | None  # None: the built-in one
    required_env: ConfigMapName | Path | None  # None: no variable is required
    events: EventsTo
    inside: bool  # whether this process runs in a pod
    instance: str  # this replica's name
    accepted: ConfigMapName | None = None  # the last good documents, to start with when the current ones are bad
    release: ConfigMapName | Path | None = None  # None: no image is expected
    pins: ConfigMapName | None = None  # what the controller has seen
    sightings: ConfigMapName | None = None  # same
    readable: Readable = field(default_factory=Readable)  # namespaces whose objects are known by name and key
    excluded: frozenset[str] = frozenset()  # namespaces that the registration leaves out: no Event is written there
    tasks_left_out: bool = False  # whether the registration does not ask `/mutate` about tasks

    @property
    def connected(self) -> bool:
        """Whether a cluster is meant: a `make run` touches none that a kubeconfig happens to name."""
        documents = (self.policy, self.required_env, self.release)
        return self.inside or bool(self.readable) or any(isinstance(one, ConfigMapName) for one in documents)

    @property
    def events_to_cluster(self) -> bool:
        """Whether Events are written to the cluster."""
        return self.events is EventsTo.CLUSTER or (self.events is EventsTo.AUTO and self.connected)
