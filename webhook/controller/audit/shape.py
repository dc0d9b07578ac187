"""What similar pods have in common, and only as much of it as rules look at. Pure."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from sys import intern

import msgspec
from msgspec.structs import replace

from webhook.audit.taking import HASH
from webhook.pods.live import LivePod, RunningImage
from webhook.pods.references import is_reference, refers_to_files
from webhook.pods.workload import Container, EnvVar, Metadata, PodSpec, Volume, Workload

_OTHER_VOLUME = Volume()

Run = tuple[str, str, str, bool]  # list, container, image id, whether it has ended


class Keep(msgspec.Struct, frozen=True):
    """What of a pod is worth keeping: *labels* (and annotations) with values that matter, and names of *variables*."""

    labels: Mapping[str, frozenset[str] | None]  # None: any value
    variables: frozenset[str]
    references: bool = False  # whether variables that refer to something matter too


@dataclass(eq=False, slots=True)
class Shape:
    """Pods that are judged alike."""

    key: bytes
    namespace: str
    workload: Workload
    runs: tuple[Run, ...]
    times: "array[int]"  # start and end of each run: the earliest and the latest; 0 for none
    group: str  # of the nodes
    created: datetime | None  # of the oldest pod
    size: int
    name: str = ""  # of the latest pod
    uid: str = ""
    nodes: tuple[str, ...] = ()  # some that have one of its pods, or had: the first by name
    pods: int = 0


def metadata_of(pod: LivePod, keep: Keep) -> Metadata:
    """Return what says whose *pod* is; its name only when nothing else does."""
    given = pod.workload.metadata
    owner = given.controller
    labels, annotations = _telling(given.labels, keep), _telling(given.annotations, keep)
    alone = owner is None and not (labels | annotations).get("dag_id")
    return Metadata(
        name=pod.name if alone else "",
        labels=labels or None,
        annotations=annotations or None,
        owner_references=[owner] if owner is not None else None,
    )


def _telling(given: Mapping[str, str] | None, keep: Keep) -> dict[str, str]:
    known = keep.labels
    pairs = ((key, value) for key, value in (given or {}).items() if key in known)
    return {intern(key): intern(value) for key, value in pairs if (values := known[key]) is None or value in values}


def lean_spec(spec: PodSpec, keep: Keep) -> PodSpec:
    """Return *spec* with what rules look at."""
    mounts = keep.references and refers_to_files(spec)

    def lean(containers: list[Container] | None) -> list[Container] | None:
        return [
            Container(
                intern(one.name),
                None if one.image is None else intern(one.image),
                None if one.image_pull_policy is None else intern(one.image_pull_policy),
                [variable for variable in one.env or () if _matters(variable, keep)] or None,
                one.env_from or None,
                one.volume_mounts if mounts else None,
            )
            for one in containers or ()
        ] or None

    volumes = [one if mounts or one.image is not None else _OTHER_VOLUME for one in spec.volumes or ()]
    return PodSpec(
        lean(spec.containers),
        lean(spec.init_containers),
        lean(spec.ephemeral_containers),
        volumes if mounts or any(volume.image is not None for volume in volumes) else None,
    )


def _matters(variable: EnvVar, keep: Keep) -> bool:
    return variable.name in keep.variables or (keep.references and is_reference(variable.value_from))


def runs_of(pod: LivePod) -> Iterator[Run]:
    """Yield what the containers of *pod* run."""
    for (field, container), run in pod.images.items():
        yield intern(field), intern(container), intern(run.image_id), run.until is not None


def times_of(pod: LivePod) -> "array[int]":
    """Return start and end of each of the runs of *pod*, in seconds since 1970; 0 for none."""
    moments = (moment for run in pod.images.values() for moment in (run.since, run.until))
    return array("q", [0 if moment is None else int(moment.timestamp()) for moment in moments])


def widen(times: "array[int]", others: "array[int]") -> None:
    """Have *times* begin no later and end no earlier than *others*."""
    for nth, other in enumerate(others):
        if nth % 2:
            times[nth] = max(times[nth], other)
        elif other:
            times[nth] = min(times[nth] or other, other)


def as_pod(shape: Shape, pods: int) -> LivePod:
    """Return a pod that stands for so many *pods* of *shape*."""
    moments = [datetime.fromtimestamp(moment, UTC) if moment else None for moment in shape.times]
    images = {
        (field, container): RunningImage(image_id, moments[2 * nth], moments[2 * nth + 1])
        for nth, (field, container, image_id, _) in enumerate(shape.runs)
    }
    metadata = msgspec.structs.replace(shape.workload.metadata, name=shape.name, uid=shape.uid)
    return LivePod(
        replace(shape.workload, metadata=metadata, template=metadata),
        shape.namespace,
        shape.nodes[0] if shape.nodes else "",
        "Running",
        shape.created,
        deleting=False,
        version="",
        images=images,
        alike=pods,
    )


def belonging(shape: Shape) -> tuple[str, ...]:
    """Return what pods that are reported together have in common: namespace and owner, or DAG and task."""
    metadata = shape.workload.metadata
    labels = metadata.labels or {}
    if (owner := metadata.controller) is not None:
        return shape.namespace, owner.kind, owner.name.removesuffix(f"-{labels.get(HASH, '')}")
    facts = labels | (metadata.annotations or {})
    return shape.namespace, "Pod", metadata.name, facts.get("dag_id", ""), facts.get("task_id", "")
