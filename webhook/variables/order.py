"""Where injected variables go among a container's own: after all that they refer to, before all that refers to them.

In `env`, the kubelet expands `$(NAME)` only from entries that come before it (kubelet_pods.go,
makeEnvironmentVariables). It reads `envFrom` before the first entry.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from operator import itemgetter

import msgspec

from webhook.pods.workload import EnvVar
from webhook.variables.variable import references


class Wanted(msgspec.Struct, frozen=True):
    """A variable of the manifest that a container has, or gets."""

    name: str
    value: str  # "" for a reference to something else
    present: bool  # whether an entry of its own has, or will have, its value where it stands


class Arrangement(msgspec.Struct, frozen=True):
    """What makes a container's `env` right: entries to replace or to take out, and what to put in, and where."""

    replaced: tuple[tuple[int, str], ...] = ()  # index of the own entry, name
    removed: tuple[int, ...] = ()  # indices of own entries, descending
    added: tuple[tuple[int, str], ...] = ()  # index in the final list, name; ascending


def arranged(own: Sequence[EnvVar], wanted: Sequence[Wanted], differing: AbstractSet[str]) -> Arrangement:
    """Return how the container's entries *own* become right for *wanted*, in the manifest's order.

    The manifest has sorted its variables, so that each comes after those it refers to. The last entry of a name counts.
    Those in *differing* have another value there. Arranging what is right changes nothing.
    """
    for one in wanted:
        if one.present or "$" in one.value:
            break
    else:  # the usual case: all are new, and stand before all entries, in their order
        return Arrangement(added=tuple(enumerate([one.name for one in wanted])))
    positions = {item.name: index for index, item in enumerate(own)}
    anchors: dict[str, int] = dict(positions)  # the own entry that a name stands at, or behind; -1: before them all
    users = _users(own, {one.name for one in wanted})
    replaced: list[tuple[int, str]] = []
    removed: list[int] = []
    behind: list[tuple[int, str]] = []
    for one in wanted:
        anchor = max((anchors.get(name, -1) for name in references(one.value)), default=-1)
        if one.present:
            place = positions[one.name]
            # An earlier entry of the name stays in front, so a move goes no further than behind it.
            anchor = max(anchor, *(index for index, item in enumerate(own[:place]) if item.name == one.name), -1)
            if anchor < place and not any(anchor < user < place for user in users.get(one.name, ())):
                replaced += [(place, one.name)] if one.name in differing else []
                continue
            removed.append(place)
        anchors[one.name] = anchor
        behind.append((anchor, one.name))
    return Arrangement(tuple(replaced), tuple(sorted(removed, reverse=True)), tuple(_final(removed, behind)))


def unexpanded(own: Sequence[EnvVar], name: str, value: str) -> str:
    """Return a name that *value* refers to and that stands only behind the last entry of *name*; "" when there is none.

    >>> unexpanded([EnvVar("TENANT"), EnvVar("POD_NS")], "TENANT", "blue-$(POD_NS)")
    'POD_NS'
    """
    names = references(value)
    if not names:
        return ""
    place = max((index for index, item in enumerate(own) if item.name == name), default=-1)
    before = {item.name for item in own[: max(place, 0)]}
    after = {item.name for item in own[place + 1 :]}
    return next((one for one in names if one in after and one not in before), "")


def unknowing(own: Sequence[EnvVar], name: str) -> str:
    """Return the first own entry that refers to *name* and stands before every entry of it; "" when there is none."""
    for item in own:
        if item.name == name:
            return ""
        if item.value and "$" in item.value and name in references(item.value):
            return item.name
    return ""


def _users(own: Sequence[EnvVar], wanted: set[str]) -> Mapping[str, list[int]]:
    """Return, for each of *wanted*, the indices of the container's other entries that refer to it."""
    found: dict[str, list[int]] = {}
    for index, item in enumerate(own):
        if item.value and "$" in item.value and item.name not in wanted:
            for name in wanted.intersection(references(item.value)):
                found.setdefault(name, []).append(index)
    return found


def _final(removed: list[int], behind: list[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Yield each of *behind* with its index in the final list, ascending."""
    for before, (anchor, name) in enumerate(sorted(behind, key=itemgetter(0))):
        yield before + anchor + 1 - sum(index <= anchor for index in removed), name
