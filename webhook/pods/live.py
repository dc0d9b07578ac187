"""A live pod, as a list or a watch shows it: what its spec asks for, what its node runs, where and since when.

Fields have the API's types; of a pod with other types, it reads what `webhook.pods.workload` can.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec
from msgspec.structs import replace

from webhook.pods import skim
from webhook.pods.references import is_reference, refers_to_files
from webhook.pods.workload import Container, Metadata, PodSpec, Struct, Workload, decode

_FACT = 512  # characters; the longest id of a DAG has 250

ENDED = frozenset({"Succeeded", "Failed"})

# docker-pullable://repo@sha256:... (dockershim), repo@sha256:... (containerd, CRI-O). A bare sha256:... is the digest
# of the image's configuration, of another thing: nothing to compare (containerd#8408, kubernetes#115199).
_DIGEST = re.compile(r".*@((?:sha256:[0-9a-f]{64})|(?:sha512:[0-9a-f]{128}))", re.DOTALL)


class _LiveMetadata(Metadata, frozen=True):
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    resource_version: str = ""


class _LiveSpec(PodSpec, frozen=True):
    node_name: str = ""


class _Times(Struct, frozen=True):
    started_at: datetime | None = None
    finished_at: datetime | None = None


class _State(Struct, frozen=True):
    running: _Times | None = None
    terminated: _Times | None = None


class _ContainerStatus(Struct, frozen=True):
    name: str = ""
    image_id: str = msgspec.field(default="", name="imageID")
    state: _State | None = None
    last_state: _State | None = None


class _Status(Struct, frozen=True):
    phase: str = ""
    container_statuses: list[_ContainerStatus] | None = None
    init_container_statuses: list[_ContainerStatus] | None = None
    ephemeral_container_statuses: list[_ContainerStatus] | None = None


class _Pod(Struct, frozen=True):
    metadata: _LiveMetadata | None = None
    spec: _LiveSpec | None = None
    status: _Status | None = None


class _Place(Struct, frozen=True):
    """As much of a pod of the wrong shape as says which it is."""

    name: str = ""
    namespace: str = ""
    uid: str = ""


class _Named(Struct, frozen=True):
    metadata: _Place | None = None


_decoder = msgspec.json.Decoder(_Pod)
_named = msgspec.json.Decoder(_Named)


class RunningImage(msgspec.Struct, frozen=True):
    """What the node says that one container runs."""

    image_id: str  # as the node has it; "" when it does not say
    since: datetime | None  # the container's start; None before it
    until: datetime | None = None  # its end; None while it runs or waits to run again

    @property
    def digest(self) -> str | None:
        """The digest that the image was pulled by; None when the node says none that can be compared.

        >>> RunningImage("docker.io/library/redis@sha256:" + "0" * 64, None).digest[:10]
        'sha256:000'
        >>> RunningImage("sha256:" + "0" * 64, None).digest
        """
        match = _DIGEST.fullmatch(self.image_id)
        return match[1] if match else None


class LivePod(msgspec.Struct, frozen=True):
    """A pod of a cluster."""

    workload: Workload
    namespace: str
    node: str  # "" when it is not scheduled
    phase: str
    created: datetime | None
    deleting: bool
    version: str  # its resourceVersion
    images: Mapping[tuple[str, str], RunningImage]  # by list ("containers", ...) and container
    alike: int = 1  # how many pods it stands for, all the same but for their names

    @property
    def name(self) -> str:
        """The pod's name."""
        return self.workload.metadata.name

    @property
    def uid(self) -> str:
        """The pod's uid."""
        return self.workload.metadata.uid

    @property
    def labels(self) -> Mapping[str, str]:
        """The pod's labels."""
        return self.workload.metadata.labels or {}

    @property
    def started(self) -> frozenset[str]:
        """The containers that run or have run: these had all that they refer to."""
        return frozenset(name for (_, name), run in self.images.items() if run.since is not None)

    @property
    def ended(self) -> bool:
        """Whether it counts as running no more: it has run its course, or it is being deleted."""
        return self.deleting or self.phase in ENDED


def decode_pod(raw: bytes | msgspec.Raw) -> LivePod:
    """Return the pod in the JSON *raw*; raises `UnreadableError` for anything but JSON."""
    try:
        pod = skim.decode(_decoder, raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _salvaged(raw)
    metadata, spec = pod.metadata or _LiveMetadata(), pod.spec or _LiveSpec()
    status = pod.status or _Status()
    workload = Workload("Pod", metadata, metadata, spec, "spec")
    return LivePod(
        workload,
        metadata.namespace,
        spec.node_name,
        status.phase,
        metadata.creation_timestamp,
        metadata.deletion_timestamp is not None,
        metadata.resource_version,
        dict(_running(status)),
    )


def slim(pod: LivePod, variables: frozenset[str]) -> LivePod:
    """Return *pod* without what no rule looks at.

    That is all variables but *variables* and references, where containers mount volumes unless a variable comes from a
    file, and long annotations.
    """
    workload = pod.workload
    spec, metadata = workload.spec, workload.metadata
    mounts = refers_to_files(spec)
    lists = {
        field: [_slim(container, variables, mounts=mounts) for container in containers]
        for field in ("containers", "init_containers", "ephemeral_containers")
        if (containers := getattr(spec, field))
    }
    kept = {key: value for key, value in (metadata.annotations or {}).items() if len(value) <= _FACT}
    slimmer = msgspec.structs.replace(metadata, annotations=kept or None)
    bare = PodSpec(**lists, volumes=spec.volumes)
    return replace(pod, workload=msgspec.structs.replace(workload, metadata=slimmer, template=slimmer, spec=bare))


def _slim(container: Container, variables: frozenset[str], *, mounts: bool) -> Container:
    env = [one for one in container.env or () if one.name in variables or is_reference(one.value_from)]
    mounted = container.volume_mounts if mounts else None
    return msgspec.structs.replace(container, env=env or None, volume_mounts=mounted)


def _salvaged(raw: bytes | msgspec.Raw) -> LivePod:
    """Return what can be read of a pod whose fields have wrong types, as a dump may; its status is left out."""
    workload = decode(raw, "", "Pod")
    assert workload is not None  # noqa: S101 - Pod is in the table
    try:
        place = skim.decode(_named, raw).metadata or _Place()
    except (msgspec.DecodeError, UnicodeDecodeError):
        place = _Place()
    return LivePod(workload, place.namespace, "", "", None, deleting=False, version="", images={})


def _running(status: _Status) -> Iterator[tuple[tuple[str, str], RunningImage]]:
    for field, statuses in (
        ("initContainers", status.init_container_statuses),
        ("containers", status.container_statuses),
        ("ephemeralContainers", status.ephemeral_container_statuses),
    ):
        for one in statuses or ():
            state, last = one.state or _State(), one.last_state or _State()
            # What waits to be started again, after a crash say, still runs the image that it ran last.
            times = state.running or state.terminated or last.terminated or _Times()
            until = times.finished_at if state.terminated else None
            yield (field, one.name), RunningImage(one.image_id, times.started_at, until)
