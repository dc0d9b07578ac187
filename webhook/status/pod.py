"""Why a replica's pod does not answer, as its own status says it."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.pods.text import printable

_LONGEST = 300  # characters of what a kubelet or the scheduler says


def trouble(pod: Mapping[str, Any]) -> str:
    """Return what keeps *pod*, as the API server has it, from running; "" when its status names nothing.

    >>> state = {"waiting": {"reason": "ErrImagePull"}}
    >>> trouble({"status": {"containerStatuses": [{"name": "serve", "state": state}]}})
    'container serve waits: ErrImagePull'
    """
    status = pod.get("status") or {}
    found = "; ".join((*_unplaced(status), *_containers(status))) or str(status.get("message") or "")
    return printable(found, _LONGEST)


def _unplaced(status: Mapping[str, Any]) -> Iterator[str]:
    for condition in status.get("conditions") or ():
        if condition.get("type") == "PodScheduled" and condition.get("status") == "False":
            yield _because("no node takes it", condition)


def _containers(status: Mapping[str, Any]) -> Iterator[str]:
    for each in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
        state, name = each.get("state") or {}, f"container {each['name']}"
        ended = state.get("terminated") or (each.get("lastState") or {}).get("terminated")
        if waiting := state.get("waiting"):
            yield _because(f"{name} waits", waiting)
        if ended and ended.get("exitCode"):
            yield _because(f"{name} ended with {ended['exitCode']}", ended)


def _because(what: str, said: Mapping[str, Any]) -> str:
    told = ": ".join(str(said[key]) for key in ("reason", "message") if said.get(key))
    return f"{what}: {told}" if told else what
