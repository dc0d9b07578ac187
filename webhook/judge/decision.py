"""One decision as every observer (metrics, Events, log) sees it: facts that may be told, never the object."""

from dataclasses import dataclass
from enum import StrEnum

from webhook.judge.verdict import Verdict
from webhook.pods.airflow import Chart, Component


class Mutation(StrEnum):
    """What `/mutate` did with a request."""

    INJECTED = "injected"  # a patch was sent
    UNCHANGED = "unchanged"  # nothing was missing
    WITHHELD = "withheld"  # something was missing, and the mode or an exemption says to leave it so
    UNAVAILABLE = "unavailable"  # something was missing, and its source cannot be had
    IGNORED = "ignored"  # not a pod of Airflow, or not its creation


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """An object in the cluster; `uid` and `name` are empty while the API server has not given them."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


@dataclass(frozen=True, slots=True)
class TaskRef:
    """The Airflow task that a pod runs, from its annotations, else its labels; empty where it says nothing."""

    dag_id: str
    task_id: str
    run_id: str = ""
    try_number: str = ""
    map_index: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was asked, what was answered, and how long it took."""

    path: str  # "/validate", "/mutate", or "audit" for a pod that runs
    uid: str  # of the request
    operation: str  # CREATE, UPDATE, DELETE, CONNECT
    dry_run: bool
    regarding: ObjectRef  # the object that was judged
    owner: ObjectRef | None  # its controller owner, when that lies in a namespace
    component: Component | None  # None: not Airflow's
    distrusted: Component | None  # what its labels claimed in vain
    task: TaskRef | None
    verdict: Verdict
    mutation: Mutation | None = None  # on /mutate alone
    seconds: float = 0.0
    chart: Chart | None = None  # what made it; None: not Airflow's
