"""AdmissionReview v1: bytes -> Request, and an answer -> bytes.

What cannot be an AdmissionReview raises `ReviewError`. An object inside it that cannot be read is a matter for the
rules (`Workload.unreadable`), or for the gate (`Request.obstacle`) when too little of it can be read for rules.
"""

from binascii import b2a_base64
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from webhook.admission.envelope import (
    API_VERSION,
    FRONT,
    Asked,
    Envelope,
    RawRequest,
    ReviewError,
    UserInfo,
    opened,
    plain,
    plain_pod,
)
from webhook.judge.request import Obstacle, Request
from webhook.pods import skim
from webhook.pods.skim import Data
from webhook.pods.workload import TEMPLATES, UnreadableError, Workload, as_pod
from webhook.pods.workload import decode as decode_workload
from webhook.variables.patch import Operation

__all__ = ["ReviewError", "allow", "at_once", "decode", "deny"]

# 400 and 422 are the only codes that every version of the KubernetesExecutor takes as final; others it may send again
# for ever (airflow/providers/cncf/kubernetes/executors/kubernetes_executor.py, _handle_pod_publish_error).
DENIED = 422

# The only subresource whose object is a whole pod with containers that may be new.
_JUDGED_SUBRESOURCES = frozenset({"", "ephemeralcontainers"})
_JUDGED_OPERATIONS = frozenset({"CREATE", "UPDATE"})

_LONGEST_NAMESPACE = 63  # characters (RFC 1123); what is worked out for a namespace is remembered under its name
_SPEC = ("spec",)
_SMALLER = "make the object smaller, or split it"

_encoder = msgspec.json.Encoder()


class _AfterLabels(msgspec.Struct, frozen=True, rename="camel"):
    """What the API server writes behind the labels of an object: where any of it is there, no label is missing."""

    annotations: msgspec.Raw = msgspec.Raw(b"")
    owner_references: msgspec.Raw = msgspec.Raw(b"")
    finalizers: msgspec.Raw = msgspec.Raw(b"")
    managed_fields: msgspec.Raw = msgspec.Raw(b"")


class _Beginning(msgspec.Struct, frozen=True):
    metadata: _AfterLabels | None = None
    spec: msgspec.Raw = msgspec.Raw(b"")


_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_beginnings = msgspec.json.Decoder(_Beginning)


def decode(body: Data, unread: str = "") -> Request:
    """Return the request in *body*, the bytes of an AdmissionReview v1; raise `ReviewError` for anything else.

    With *unread*, a reason, *body* is only the beginning of what was sent.
    """
    if not unread and (found := _pod(body)) is not None:
        return found
    envelope = opened(body, unread)
    return _read(envelope.request, body) if not envelope.unread else _partly(envelope)


def at_once(body: bytes) -> Request | None:
    """Return the request in *body* if that is an AdmissionReview v1 that can be read at once; None otherwise."""
    if (found := _pod(body)) is not None:
        return found
    raw = plain(body)
    return None if raw is None else _read(raw, body)


def _pod(body: Data) -> Request | None:
    """Return the request in *body* if it is about a pod and nothing is odd: envelope and pod are read in one pass."""
    raw = plain_pod(body)
    if raw is None or raw.object is None or not _is_judged(raw):
        return None
    if raw.operation != "UPDATE":
        return _of_namespace(raw, as_pod(raw.object), None, body)
    return None if raw.old_object is None else _of_namespace(raw, as_pod(raw.object), as_pod(raw.old_object), body)


def _read(raw: RawRequest, body: Data) -> Request:
    if not _is_judged(raw):
        return _request(raw)
    try:
        workload = decode_workload(raw.object, raw.kind.group, raw.kind.kind)
        old = decode_workload(raw.old_object, raw.kind.group, raw.kind.kind) if raw.operation == "UPDATE" else None
    except UnreadableError as error:
        return _partly(Envelope(raw, f"cannot be read: {error}"))
    found, path = _of_namespace(raw, workload, old, body), TEMPLATES.get((raw.kind.group, raw.kind.kind))
    if old is None or not path:
        return found
    return replace(found, same=_part(raw.object, path) == _part(raw.old_object, path) is not None)


def _is_judged(raw: Asked) -> bool:
    return raw.operation in _JUDGED_OPERATIONS and (raw.sub_resource or "") in _JUDGED_SUBRESOURCES


def _of_namespace(raw: Asked, workload: Workload | None, old: Workload | None, body: Data) -> Request:
    given, asked = workload.metadata.namespace if workload is not None else "", raw.namespace or ""
    if given in ("", asked):
        return _request(raw, workload, old, body=body if len(body) <= FRONT else b"")
    # The API server sees to it that they agree: this one was forged, and its text has no place in the log of denials.
    text = f"is of another namespace than its request, which is for {asked[:63]!r}"
    return _request(raw, workload, old, Obstacle(text, "give the object the namespace that it is sent to"))


def _partly(envelope: Envelope) -> Request:
    """Return the request with as much of its objects as their beginnings say."""
    raw, update = envelope.request, envelope.request.operation == "UPDATE"
    if not _is_judged(raw):
        return _request(raw)
    workload, known = _beginning(raw.object, raw)
    old, old_known = _beginning(raw.old_object, raw) if update else (None, True)
    same = update and envelope.whole and _part(raw.object, _SPEC) == _part(raw.old_object, _SPEC) is not None
    return _request(raw, workload, old, Obstacle(envelope.unread, _SMALLER, known and old_known, same))


def _beginning(data: msgspec.Raw, raw: RawRequest) -> tuple[Workload | None, bool]:
    """Return what the beginning of the object in *data* says, and whether all labels are in it."""
    front = skim.closed(memoryview(data)[:FRONT])
    try:
        workload = decode_workload(front, raw.kind.group, raw.kind.kind)
        found = skim.decode(_beginnings, front)
    except (UnreadableError, msgspec.DecodeError, UnicodeDecodeError):
        return decode_workload(b"{}", raw.kind.group, raw.kind.kind), False
    if raw.kind.kind != "Pod":  # of a template, the labels lie further back
        return workload, False
    return workload, found.spec != msgspec.Raw(b"") or (found.metadata or _AfterLabels()) != _AfterLabels()


def _part(data: msgspec.Raw, path: Iterable[str]) -> bytes | None:
    """Return what lies at *path* in the object in *data*, as it came; None when it cannot be found."""
    try:
        for field in path:
            data = skim.decode(_fields, data)[field]
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return bytes(data)


def _request(
    raw: Asked,
    workload: Workload | None = None,
    old: Workload | None = None,
    obstacle: Obstacle | None = None,
    body: Data = b"",
) -> Request:
    user, namespace = raw.user_info or UserInfo(), raw.namespace or ""
    if len(namespace) > _LONGEST_NAMESPACE:
        size = f"{len(namespace):,} characters, more than {_LONGEST_NAMESPACE}"
        raise ReviewError(f"the request is for a namespace whose name has {size}: no API server sends one")
    group, version = raw.kind.group, raw.kind.version
    return Request(
        uid=raw.uid,
        operation=raw.operation,
        api_version=f"{group}/{version}" if group else version,
        kind=raw.kind.kind,
        subresource=raw.sub_resource or "",
        namespace=namespace,
        name=raw.name or "",
        username=user.username,
        by_node="system:nodes" in (user.groups or ()),
        dry_run=bool(raw.dry_run),
        workload=workload,
        old=old,
        obstacle=obstacle,
        body=body,
    )


class _Status(msgspec.Struct, frozen=True):
    code: int
    reason: str
    message: str


class _Response(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    uid: str
    allowed: bool
    status: _Status | None = None
    warnings: Sequence[str] = ()
    patch: str | None = None
    patch_type: str | None = None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    response: _Response
    api_version: str = API_VERSION
    kind: str = "AdmissionReview"


def allow(uid: str, warnings: Sequence[str] = (), operations: Sequence[Operation] = ()) -> bytes:
    """Return the answer that admits request *uid*, with one-line *warnings* and the patch of *operations*."""
    if not operations:  # a patchType without a patch is refused by the API server
        return _encoder.encode(_Answer(_Response(uid, allowed=True, warnings=tuple(warnings))))
    patch = b2a_base64(_encoder.encode(operations), newline=False).decode()
    answer = _Response(uid, allowed=True, warnings=tuple(warnings), patch=patch, patch_type="JSONPatch")
    return _encoder.encode(_Answer(answer))


def deny(uid: str, message: str) -> bytes:
    """Return the answer that refuses request *uid*; no `status.details`, or kubectl prints only its own sentence."""
    status = _Status(DENIED, "Invalid", message)
    return _encoder.encode(_Answer(_Response(uid, allowed=False, status=status)))
