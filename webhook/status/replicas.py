"""What each replica answers: whether it is ready, and the revisions it goes by, as `/readyz` says them."""

import re
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from webhook.status.line import REPLICA, Line, State, Unseen

_DOCUMENT = re.compile(r"(?P<name>[a-z-]+): revision (?P<revision>[^\s,;]+)(?P<rest>.*)")
_SOURCES = "sources: "  # then "2 read, 1 forbidden"


class Said(msgspec.Struct, frozen=True):
    """The answer of a replica's `/readyz`."""

    ready: bool
    lines: tuple[str, ...] = ()

    @property
    def revisions(self) -> dict[str, str]:
        """The revision in force of each document."""
        found = (_DOCUMENT.fullmatch(line) for line in self.lines)
        return {match["name"]: match["revision"] for match in found if match}

    @property
    def troubles(self) -> list[str]:
        """The documents that are stale, or whose present text is bad."""
        found = (_DOCUMENT.fullmatch(line) for line in self.lines)
        return [match[0] for match in found if match and match["rest"]]

    @property
    def sources(self) -> dict[str, int] | None:
        """How many ConfigMaps of the manifest are in which state; None when it does not say."""
        line = next((line for line in self.lines if line.startswith(_SOURCES)), None)
        if line is None:
            return None
        parts = (part.split(maxsplit=1) for part in line.removeprefix(_SOURCES).split(", "))
        return {state: int(count) for count, state in parts if count.isdigit()}


class Replica(msgspec.Struct, frozen=True):
    """One replica, and what it said: None when it did not answer."""

    name: str
    said: Said | Unseen | None
    trouble: str = ""  # what its pod's status names as the reason, where that was seen


def read_said(text: str) -> Said | None:
    r"""Read the body of `/readyz`; None when it is not one.

    >>> read_said("ready\npolicy: revision 3f2a").revisions
    {'policy': '3f2a'}
    """
    head, *lines = text.strip().splitlines() or [""]
    return Said(head == "ready", tuple(lines)) if head in ("ready", "not ready") else None


def sources_line(counts: Mapping[str, int]) -> str:
    """Return the line of `/readyz` that `Said.sources` reads.

    >>> Said(True, (sources_line({"read": 2, "forbidden": 1}),)).sources
    {'read': 2, 'forbidden': 1}
    """
    return _SOURCES + ", ".join(f"{count} {state}" for state, count in counts.items())


def replicas(found: tuple[Replica, ...] | Unseen, installed: Mapping[str, str]) -> Iterator[Line]:
    """Yield a line for each replica; *installed* are the revisions that the ConfigMaps have."""
    if isinstance(found, Unseen):
        yield Line(REPLICA, State.UNKNOWN, found.why)
        return
    if not found:
        yield Line(REPLICA, State.WRONG, "there is none: nobody answers the API server")
    for each in found:
        yield _line(each, installed)


def answering(found: Iterable[Replica]) -> list[Said]:
    """Return what those said that are ready."""
    return [each.said for each in found if isinstance(each.said, Said) and each.said.ready]


def _line(each: Replica, installed: Mapping[str, str]) -> Line:
    said = each.said
    if isinstance(said, Unseen):
        return Line(REPLICA, State.UNKNOWN, f"{each.name}: {said.why}", each.name)
    if said is None:
        why = f": {each.trouble}" if each.trouble else ""
        return Line(REPLICA, State.WRONG, f"{each.name} does not answer{why}", each.name)
    if not said.ready:
        return Line(REPLICA, State.WRONG, f"{each.name} is not ready: {'; '.join(said.lines)}", each.name)
    if said.troubles:
        return Line(REPLICA, State.WRONG, f"{each.name} answers, but {'; '.join(said.troubles)}", each.name)
    revisions = said.revisions
    other = [
        f"{name} {revision}, while the ConfigMap has {installed[name]}"
        for name, revision in revisions.items()
        if installed.get(name, revision) != revision
    ]
    if other:
        return Line(REPLICA, State.WRONG, f"{each.name} answers by {'; '.join(other)}", each.name)
    told = ", ".join(f"{name} {revision}" for name, revision in revisions.items())
    return Line(REPLICA, State.OK, f"{each.name} answers; {told}", each.name)
