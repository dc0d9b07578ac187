"""Events that a cluster still holds, read for what they say of one task."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec

from webhook.pods.text import printable

_LONGEST = 1024


class _Object(msgspec.Struct, frozen=True):
    kind: str = ""
    namespace: str = ""
    name: str = ""


class _Series(msgspec.Struct, frozen=True, rename="camel"):
    count: int = 0
    last_observed_time: datetime | None = None


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    creation_timestamp: datetime | None = None


class _Event(msgspec.Struct, frozen=True, rename="camel"):
    metadata: _Metadata | None = None
    event_time: datetime | None = None
    series: _Series | None = None
    reporting_controller: str = ""
    reason: str = ""
    type: str = ""
    note: str = ""
    regarding: _Object | None = None
    # The same in the core API's words.
    involved_object: _Object | None = None
    message: str = ""
    reporting_component: str = ""
    count: int | None = None
    last_timestamp: datetime | None = None
    deprecated_count: int | None = None
    deprecated_last_timestamp: datetime | None = None


_decoder = msgspec.json.Decoder(_Event)


class Occurred(msgspec.Struct, frozen=True):
    """One Event."""

    at: datetime  # when it was last seen
    reason: str
    kind: str
    name: str  # of the object that it regards
    note: str
    count: int
    by_airlock: bool
    warning: bool

    @property
    def regarding(self) -> str:
        """The object in words."""
        return f"{self.kind} {self.name}"


def decode_event(raw: bytes | msgspec.Raw) -> Occurred | None:
    """Return the Event in *raw*; None when it cannot be read."""
    try:
        event = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    regarding = event.regarding or event.involved_object or _Object()
    series, metadata = event.series or _Series(), event.metadata or _Metadata()
    ends = (series.last_observed_time, event.deprecated_last_timestamp, event.last_timestamp)
    times = (*ends, event.event_time, metadata.creation_timestamp)
    at = next((time for time in times if time is not None), datetime.min.replace(tzinfo=UTC))
    return Occurred(
        at if at.tzinfo else at.replace(tzinfo=UTC),
        printable(event.reason, 63),
        printable(regarding.kind, 63),
        printable(regarding.name, 253),
        "\n".join(printable(line, _LONGEST) for line in (event.note or event.message).splitlines()),
        max(series.count, event.deprecated_count or 0, event.count or 0, 1),
        "airlock" in (event.reporting_controller, event.reporting_component),
        event.type == "Warning",
    )


def about(events: Iterable[Occurred], dag_id: str, task_id: str, pods: frozenset[str]) -> Iterator[Occurred]:
    """Yield those of *events* that are about the task: airlock's that name it, and warnings about its *pods*.

    Without a DAG all of airlock's are.
    """
    for one in events:
        named = f"DAG '{dag_id}'" in one.note and (not task_id or f"'{task_id}'" in one.note)
        if (one.by_airlock and (not dag_id or named or "task " not in one.note.partition("\n")[0])) or (
            one.warning and one.name in pods
        ):
            yield one
