"""AdmissionReview v1: bytes -> Request, and an answer -> bytes.

Every review is treated as hostile: whoever reaches the port can forge one. What cannot be an AdmissionReview raises
`ReviewError`; an object inside it that cannot be read is a matter for the rules (`Workload.unreadable`).
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from webhook.judge.request import Request
from webhook.pods.workload import Metadata, UnreadableError
from webhook.pods.workload import decode as decode_workload
from webhook.variables.patch import Operation

API_VERSION = "admission.k8s.io/v1"

# 400 and 422 are the only codes that every version of the KubernetesExecutor takes as final; others it may send again
# for ever (airflow/providers/cncf/kubernetes/executors/kubernetes_executor.py, _handle_pod_publish_error).
DENIED = 422


class ReviewError(ValueError):
    """A body that is not an AdmissionReview v1."""


class _Kind(msgspec.Struct, frozen=True):
    group: str = ""
    version: str = ""
    kind: str = ""


class _UserInfo(msgspec.Struct, frozen=True):
    username: str = ""
    groups: list[str] | None = None


class _Request(msgspec.Struct, frozen=True, rename="camel"):
    uid: str
    kind: _Kind
    operation: str
    sub_resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    user_info: _UserInfo | None = None
    dry_run: bool | None = None
    object: msgspec.Raw = msgspec.Raw(b"null")
    old_object: msgspec.Raw = msgspec.Raw(b"null")


class _Review(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    request: _Request | None = None


@dataclass(frozen=True, slots=True)
class Edit:
    """What is asked about a ConfigMap that is made or changed; of anything else, no more than that it is none."""

    uid: str
    operation: str
    kind: str  # "ConfigMap", or "" when there is nothing to judge
    namespace: str
    name: str
    username: str
    dry_run: bool
    data: Mapping[str, str]
    old: Mapping[str, str] | None  # before an UPDATE


class _ConfigMap(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()
    data: dict[str, str] | None = None


_decoder = msgspec.json.Decoder(_Review)
_config_map = msgspec.json.Decoder(_ConfigMap)
_encoder = msgspec.json.Encoder()

# The only subresource whose object is a whole pod with containers that may be new.
_JUDGED_SUBRESOURCES = frozenset({"", "ephemeralcontainers"})
_JUDGED_OPERATIONS = frozenset({"CREATE", "UPDATE"})


def decode(body: bytes) -> Request:
    """Return the request in *body*, the bytes of an AdmissionReview v1; raise `ReviewError` for anything else."""
    raw = _envelope(body)
    try:
        return _request(raw)
    except UnreadableError as error:
        raise ReviewError(_one_line(error)) from error


def decode_edit(body: bytes) -> Edit:
    """Return the edit of a ConfigMap that *body* asks about; raises `ReviewError`, also when that cannot be read."""
    raw = _envelope(body)
    changed = raw.kind.kind == "ConfigMap" and raw.operation in _JUDGED_OPERATIONS and not raw.sub_resource
    try:
        data = _config_map.decode(raw.object) if changed else None
        old = _config_map.decode(raw.old_object) if changed and raw.operation == "UPDATE" else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReviewError(f"the object is not a ConfigMap: {_one_line(error)}") from error
    return Edit(
        uid=raw.uid,
        operation=raw.operation,
        kind=raw.kind.kind if changed else "",
        namespace=raw.namespace or "",
        name=raw.name or (data.metadata.name if data else ""),
        username=raw.user_info.username if raw.user_info else "",
        dry_run=bool(raw.dry_run),
        data=(data.data if data else None) or {},
        old=None if old is None else old.data or {},
    )


def _envelope(body: bytes) -> _Request:
    try:
        review = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReviewError(f"the body is not an AdmissionReview: {_one_line(error)}") from error
    except RecursionError:
        raise ReviewError("the body is not an AdmissionReview: it is nested too deeply") from None
    if review.api_version != API_VERSION or review.kind != "AdmissionReview":
        given = f"{review.kind[:60]!r} of {review.api_version[:60]!r}"
        raise ReviewError(f"the body is {given}, and only 'AdmissionReview' of {API_VERSION!r} is answered")
    if review.request is None or not review.request.uid:
        raise ReviewError("the AdmissionReview has no request with a uid")
    return review.request


def _request(raw: _Request) -> Request:
    user = raw.user_info or _UserInfo()
    group, version = raw.kind.group, raw.kind.version
    workload = old = None
    if raw.operation in _JUDGED_OPERATIONS and (raw.sub_resource or "") in _JUDGED_SUBRESOURCES:
        workload = decode_workload(raw.object, group, raw.kind.kind)
        if raw.operation == "UPDATE":
            old = decode_workload(raw.old_object, group, raw.kind.kind)
    namespace = raw.namespace or ""
    if workload is not None and workload.metadata.namespace not in ("", namespace):
        given = workload.metadata.namespace[:63]
        raise ReviewError(f"the object is of namespace {given!r}, and the request of {namespace[:63]!r}")
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
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).replace("`", "'").split())[:300]


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
    patch = b64encode(_encoder.encode(operations)).decode()
    answer = _Response(uid, allowed=True, warnings=tuple(warnings), patch=patch, patch_type="JSONPatch")
    return _encoder.encode(_Answer(answer))


def deny(uid: str, message: str) -> bytes:
    """Return the answer that refuses request *uid*; no `status.details`, or kubectl prints only its own sentence."""
    status = _Status(DENIED, "Invalid", message)
    return _encoder.encode(_Answer(_Response(uid, allowed=False, status=status)))
