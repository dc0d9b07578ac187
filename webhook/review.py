"""AdmissionReview v1: bytes -> Request, and an answer -> bytes.

Every review is treated as hostile: whoever reaches the port can forge one. What cannot be an AdmissionReview raises
`ReviewError`; an object inside it that cannot be read is a matter for the rules (`Workload.unreadable`).
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from webhook.patch import Operation
from webhook.workload import UnreadableError, Workload
from webhook.workload import decode as decode_workload

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
class Request:
    """What is asked: the facts of the envelope, and the object when it is a workload that is made or changed."""

    uid: str
    operation: str  # CREATE, UPDATE, DELETE, CONNECT
    api_version: str  # of the object: "v1", "apps/v1"
    kind: str
    subresource: str  # "" for the object itself
    namespace: str
    name: str
    username: str
    by_node: bool  # whether a kubelet asks
    dry_run: bool
    workload: Workload | None = None
    old: Workload | None = None  # before an UPDATE


_decoder = msgspec.json.Decoder(_Review)
_encoder = msgspec.json.Encoder()

# The only subresource whose object is a whole pod with containers that may be new.
_JUDGED_SUBRESOURCES = frozenset({"", "ephemeralcontainers"})
_JUDGED_OPERATIONS = frozenset({"CREATE", "UPDATE"})


def decode(body: bytes) -> Request:
    """Return the request in *body*, the bytes of an AdmissionReview v1; raise `ReviewError` for anything else."""
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
    try:
        return _request(review.request)
    except UnreadableError as error:
        raise ReviewError(_one_line(error)) from error


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
