"""An edit of a ConfigMap, as a review asks about it: bytes -> Edit."""

from collections.abc import Mapping

import msgspec

from webhook.admission.envelope import RawRequest, one_line, opened
from webhook.pods import skim
from webhook.pods.skim import Data
from webhook.pods.workload import Metadata


class Edit(msgspec.Struct, frozen=True):
    """What is asked about a ConfigMap that is made or changed; of anything else, no more than that it is none."""

    uid: str
    operation: str
    kind: str  # "ConfigMap", or "" when there is nothing to judge
    namespace: str
    name: str
    username: str
    dry_run: bool
    data: Mapping[str, str] = msgspec.field(default_factory=dict)
    old: Mapping[str, str] | None = None  # before an UPDATE
    obstacle: str = ""  # why the data are not known, after "the object": "cannot be read: ..."


class _ConfigMap(msgspec.Struct, frozen=True):
    metadata: Metadata = Metadata()
    data: dict[str, str] | None = None


_config_map = msgspec.json.Decoder(_ConfigMap)


def decode_edit(body: Data, unread: str = "") -> Edit:
    """Return the edit of a ConfigMap that *body* asks about; raises `ReviewError` for anything but a review.

    With *unread*, a reason, *body* is only the beginning of what was sent.
    """
    envelope = opened(body, unread)
    raw = envelope.request
    if raw.kind.kind != "ConfigMap" or raw.operation not in ("CREATE", "UPDATE") or raw.sub_resource:
        return _edit(raw, "", raw.name or "")
    if envelope.unread:
        return _edit(raw, "ConfigMap", raw.name or "", obstacle=envelope.unread)
    try:
        made = skim.decode(_config_map, raw.object)
        old = skim.decode(_config_map, raw.old_object) if raw.operation == "UPDATE" else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _edit(raw, "ConfigMap", raw.name or "", obstacle=f"cannot be read: {one_line(error)}")
    name = raw.name or made.metadata.name
    return _edit(raw, "ConfigMap", name, made.data or {}, None if old is None else old.data or {})


def _edit(  # noqa: PLR0913, PLR0917 - the parts of an edit
    raw: RawRequest,
    kind: str,
    name: str,
    data: Mapping[str, str] | None = None,
    old: Mapping[str, str] | None = None,
    obstacle: str = "",
) -> Edit:
    username = raw.user_info.username if raw.user_info else ""
    dry_run, namespace = bool(raw.dry_run), raw.namespace or ""
    return Edit(raw.uid, raw.operation, kind, namespace, name, username, dry_run, data or {}, old, obstacle)
