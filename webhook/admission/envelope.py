"""The envelope of a review: what is asked about which object, whose own bytes stay as they came.

Every body is treated as hostile: anyone who reaches the port can forge one. The API server writes uid, kind, namespace,
operation and user in front of the object, so that they are known when the rest is too large or cannot be read.
"""

import re
from typing import Generic, TypeVar

import msgspec

from webhook.pods import skim
from webhook.pods.skim import Data
from webhook.pods.workload import PodTemplate

API_VERSION = "admission.k8s.io/v1"

FRONT = 64 * 1024  # bytes of a body, or of an object, that are read when the whole is not
MOST_VALUES = 200_000  # in one body: each takes up to 100 bytes of memory, and a microsecond
# Of the text in one body when it is decoded: two objects of 3 MiB take 24 MiB at most, and the names of fields less.
MOST_TEXT = 48 * 1024 * 1024
_MENDED = 4 * 1024 * 1024  # mending takes up to eight times as much memory, and no API server sends such a body
_LIGHT = 256 * 1024  # a body of fewer bytes cannot hold too many


class ReviewError(ValueError):
    """A body that is not an AdmissionReview v1."""


class Kind(msgspec.Struct, frozen=True):
    """A group, version and kind."""

    group: str = ""
    version: str = ""
    kind: str = ""


class UserInfo(msgspec.Struct, frozen=True):
    """Who asks."""

    username: str = ""
    groups: list[str] | None = None


class Asked(msgspec.Struct, frozen=True, rename="camel"):
    """The request of a review without its objects."""

    uid: str
    kind: Kind
    operation: str
    sub_resource: str | None = None
    namespace: str | None = None
    name: str | None = None
    user_info: UserInfo | None = None
    dry_run: bool | None = None  # stands behind the object: of a body that is not read to its end nobody knows it


class RawRequest(Asked, frozen=True, rename="camel"):
    """The request of a review; both objects are the bytes that came."""

    object: msgspec.Raw = msgspec.Raw(b"null")
    old_object: msgspec.Raw = msgspec.Raw(b"null")


class PodRequest(Asked, frozen=True, rename="camel"):
    """The request of a review about a Pod."""

    object: PodTemplate | None = None
    old_object: PodTemplate | None = None


_Kind = TypeVar("_Kind", RawRequest, PodRequest)


class _Review(msgspec.Struct, Generic[_Kind], frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    request: _Kind | None = None


class Envelope(msgspec.Struct, frozen=True):
    """A review that was opened; *unread* says why its objects are not to be read, "" that they are."""

    request: RawRequest
    unread: str = ""
    whole: bool = True  # False: the objects end where reading ended


_OBJECT = re.compile(rb',\s*"object"\s*:')  # where what must not be known ends, as the API server writes it
_decoder = msgspec.json.Decoder(_Review[RawRequest])
_of_pods = msgspec.json.Decoder(_Review[PodRequest])
_POD, _POD_WITHIN = b'"Pod"', 512  # the API server writes the kind behind the uid


def opened(body: Data, unread: str = "") -> Envelope:
    """Return the review in *body*, an AdmissionReview v1; raises `ReviewError` for anything else.

    With *unread*, a reason, *body* is only the beginning of what was sent.
    """
    if unread:
        return _front(body, unread)
    if len(body) > _LIGHT and skim.is_heavy(body, MOST_VALUES):
        body = skim.without_unread(body)
        if skim.is_heavy(body, MOST_VALUES):
            return Envelope(_request(body), f"has more than {MOST_VALUES:,} values, and no more are read")
    if len(body) > _LIGHT and skim.is_wide(body, MOST_TEXT):
        return _front(body, f"has text that takes more than {MOST_TEXT >> 20} MiB of memory, and no more is read")
    if len(body) > _MENDED and not skim.is_text(body):
        return _front(body, f"is not UTF-8, and no more than {_MENDED >> 20} MiB of that are mended")
    try:
        return Envelope(_request(body))
    except _TornError as error:
        return _front(body, f"cannot be read: {error}")


def plain(body: bytes) -> RawRequest | None:
    """Return the request in *body* if that is an AdmissionReview v1 that can be read at once; None otherwise."""
    return _of(_decoder, body)


def plain_pod(body: Data) -> PodRequest | None:
    """Return the request in *body* with its pods, if it is a light AdmissionReview v1 about a pod; None otherwise."""
    if len(body) > _LIGHT or _POD not in bytes(body[:_POD_WITHIN]):
        return None
    request = _of(_of_pods, body)
    return request if request is not None and (request.kind.group, request.kind.kind) == ("", "Pod") else None


def _of(decoder: msgspec.json.Decoder[_Review[_Kind]], body: Data) -> _Kind | None:
    try:
        review = decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if review.api_version != API_VERSION or review.kind != "AdmissionReview" or review.request is None:
        return None
    return review.request if review.request.uid else None


class _TornError(ReviewError):
    """No JSON, or none that can be read."""


def _front(body: Data, unread: str) -> Envelope:
    front = bytes(memoryview(body)[:FRONT])
    try:
        return Envelope(_request(skim.closed(front)), unread, whole=False)
    except _TornError:
        found = _OBJECT.search(front)
        if found is None:
            raise
        return Envelope(_request(skim.closed(front[: found.start() + 1])), unread, whole=False)


def _request(body: Data) -> RawRequest:
    try:
        review = skim.decode(_decoder, body)
    except msgspec.ValidationError as error:
        raise ReviewError(f"the body is not an AdmissionReview: {one_line(error)}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _TornError(f"the body is not an AdmissionReview: {one_line(error)}") from error
    except RecursionError:
        raise _TornError("the body is not an AdmissionReview: it is nested too deeply") from None
    if review.api_version != API_VERSION or review.kind != "AdmissionReview":
        given = f"{review.kind[:60]!r} of {review.api_version[:60]!r}"
        raise ReviewError(f"the body is {given}, and only 'AdmissionReview' of {API_VERSION!r} is answered")
    if review.request is None or not review.request.uid:
        raise ReviewError("the AdmissionReview has no request with a uid")
    return review.request


def one_line(error: Exception) -> str:
    r"""Return the text of *error* on one line, in bounds.

    >>> one_line(ValueError("a `b`\nc"))
    "a 'b' c"
    """
    return " ".join(str(error).replace("`", "'").split())[:300]
