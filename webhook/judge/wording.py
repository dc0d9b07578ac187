"""Places in words: containers by name, and fields only where no container is involved."""

import re
from collections.abc import Sequence

from webhook.judge.verdict import Where
from webhook.pods.text import printable, quote

_LONGEST = 253  # characters of a name or a path
_LISTED = 30  # places that are named; json has them all

_FIELD = re.compile(r"\b(containers|initContainers|ephemeralContainers|volumes)\[\d+\]")
_KINDS = {
    "containers": "container",
    "initContainers": "init container",
    "ephemeralContainers": "ephemeral container",
    "volumes": "volume",
}


def where(places: Sequence[Where]) -> str:
    """Return *places* in words, each container once, with what is particular to it.

    >>> where([Where("spec.initContainers[0].image", "wait"), Where("spec.containers[0].image", "main")])
    "in init container 'wait' and container 'main'"
    >>> where([Where("spec.containers[0].image", "a"), Where("spec.containers[1].image", "b", "by default")])
    "in containers 'a' and 'b' (by default)"
    >>> where([Where("spec"), Where("")])
    'spec and the object'
    """
    details: dict[tuple[str, str], list[str]] = {}
    for place in places:
        known = details.setdefault(_named(place), [])
        if place.detail and place.detail not in known:
            known.append(place.detail)
    shown = list(details)[:_LISTED]
    same = len(details) > 1 and len({tuple(known) for known in details.values()}) == 1
    words = [
        f"{_noun(nth, shown)}{name}{'' if same else _aside(details[kind, name])}"
        for nth, (kind, name) in enumerate(shown)
    ]
    if len(details) > len(shown):
        words.append(f"{len(details) - len(shown)} more")
    listed = words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    each = f"{_aside(details[shown[0]], ' each')}" if same else ""
    return f"{'in ' if shown[0][0] else ''}{listed}{each}"


def _named(place: Where) -> tuple[str, str]:
    """Return the kind of what is named ("" for a field) and how it is called."""
    field = _FIELD.search(place.path)
    if field is None or not place.container:
        return "", printable(place.path, _LONGEST) or "the object"
    return _KINDS[field[1]], quote(place.container, _LONGEST)


def _noun(nth: int, named: Sequence[tuple[str, str]]) -> str:
    """Return the kind of the *nth* of *named*, said once for several of it that follow each other."""
    kind = named[nth][0]
    if not kind or (nth and named[nth - 1][0] == kind):
        return ""
    several = nth + 1 < len(named) and named[nth + 1][0] == kind
    return f"{kind}s " if several else f"{kind} "


def _aside(details: Sequence[str], each: str = "") -> str:
    return f" ({', '.join(details)}{each})" if details else ""
