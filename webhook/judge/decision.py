"""One decision as every observer (metrics, Events, log) sees it: facts that may be shown, never the object."""

import re
from collections.abc import Mapping
from enum import StrEnum

import msgspec

from webhook.judge.verdict import Verdict
from webhook.pods.airflow import Chart, Component
from webhook.pods.workload import Workload

LONGEST_NAME = 253  # characters of an object's name; group and version, kind and uid are shorter
TASK_KEYS = ("dag_id", "task_id", "run_id", "try_number", "map_index")


class Mutation(StrEnum):
    """What `/mutate` did with a request."""

    INJECTED = "injected"  # a patch was sent
    UNCHANGED = "unchanged"  # nothing was missing
    WITHHELD = "withheld"  # something was missing, and the mode or an exemption says to leave it so
    UNAVAILABLE = "unavailable"  # something was missing, and its source cannot be read
    UNREADABLE = "unreadable"  # too little of the pod could be read to say what it lacks
    IGNORED = "ignored"  # not a pod of Airflow, or not its creation


class ObjectRef(msgspec.Struct, frozen=True):
    """An object in the cluster; `uid` and `name` are empty while the API server has not given them."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str = ""


def object_ref(api_version: str, kind: str, namespace: str, name: str, uid: str) -> ObjectRef:
    """Return the object of these names, cut to what the API server takes: a forged review may have longer ones.

    Events keep them for half an hour.
    """
    cut = (text[:LONGEST_NAME] for text in (api_version, kind, namespace, name, uid))
    return ObjectRef(*cut)


class TaskRef(msgspec.Struct, frozen=True):
    """The Airflow task that a pod runs, from its annotations, else its labels; empty where it says nothing."""

    dag_id: str
    task_id: str
    run_id: str = ""
    try_number: str = ""
    map_index: str = ""


# What Airflow itself accepts as the id of a DAG or a task (airflow.utils.helpers.validate_key).
_LEGAL_ID = re.compile(r"[\w.-]{1,250}")


def task_ref(labels: Mapping[str, str], annotations: Mapping[str, str]) -> TaskRef | None:
    """Return the task that *annotations* name, else *labels*, whose text is cut to what a label may hold.

    None without the id of a DAG. Text that is not a legal id could be anything, so it is left out; the rest is cut to
    `LONGEST_NAME` characters, since an annotation may have 256 KiB.

    >>> task_ref({"dag_id": "etl", "task_id": "load"}, {"dag_id": "etl.daily", "task_id": "see http://evil.example"})
    TaskRef(dag_id='etl.daily', task_id='load', run_id='', try_number='', map_index='')
    """
    dag_id, task_id = (
        next((facts[key] for facts in (annotations, labels) if _LEGAL_ID.fullmatch(facts.get(key, ""))), "")
        for key in TASK_KEYS[:2]
    )
    rest = ((annotations.get(key) or labels.get(key, ""))[:LONGEST_NAME] for key in TASK_KEYS[2:])
    return TaskRef(dag_id, task_id, *rest) if dag_id else None


class Decision(msgspec.Struct, frozen=True):
    """What was asked, what was answered, and how long it took."""

    path: str  # "/validate", "/mutate", or "audit" for a pod that runs
    uid: str  # of the request
    operation: str  # CREATE, UPDATE, DELETE, CONNECT
    dry_run: bool
    regarding: ObjectRef  # the object that was judged
    owner: ObjectRef | None  # its controller owner, when that lies in a namespace
    component: Component | None  # None: not Airflow's
    distrusted: Component | None  # what its labels claimed but did not earn
    task: TaskRef | None
    verdict: Verdict
    mutation: Mutation | None = None  # on /mutate alone
    seconds: float = 0.0
    hints: tuple[str, ...] = ()  # only on /mutate: what the user should know
    chart: Chart | None = None  # what made it; None: not Airflow's
    # On /validate and in an audit: what the pod is marked with, as far as its spec bears that out.
    injected: tuple[str, ...] = ()  # variables that it has as the manifest says
    pinned: tuple[str, ...] = ()  # containers with a digest
    lookalike: bool = False  # whether it belongs to no known Airflow, is being created, and looks like Airflow


def task_of(workload: Workload | None) -> TaskRef | None:
    """Return the task that *workload* runs, None where it names none."""
    if workload is None:
        return None
    metadata = workload.template
    # The annotations hold the ids as they are, the labels only what a label may hold.
    return task_ref(metadata.labels or {}, metadata.annotations or {})
