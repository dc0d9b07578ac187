"""What the audit remembers: sightings of digests, and what it has reported; bounded, and kept as JSON. Pure.

Anyone may have written what it reads back, so it skips each entry that is not valid.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from webhook.pods.airflow import Component
from webhook.pods.fleet import Fleet
from webhook.pods.image import ImageError, parse
from webhook.pods.sighting import MOST_NODES, Seen, Sighting, joined

MOST_SIGHTINGS, MOST_TOLD = 2_000, 2_000
LARGEST = 384 * 1024  # bytes; an object of the API may have 1 MiB with all its metadata

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_GROUP = re.compile(r"[\w.-]{1,63} [\w.-]{1,63}/[\w.-]{1,63}|", re.ASCII)
_NODE = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_TOLD = re.compile(r"[ot][0-9a-f]{16}")
_SLACK = 1.1  # so that not each that is too many is looked for by itself

Key = tuple[str, str, str]  # image, group, digest


class _Entry(msgspec.Struct, frozen=True, array_like=True):
    image: str
    group: str
    digest: str
    first: int
    last: int
    nodes: list[str]
    components: list[Component]


class _Page(msgspec.Struct, frozen=True):
    sightings: list[msgspec.Raw] = []
    told: dict[str, Any] = {}


class Notes(msgspec.Struct, frozen=True):
    """What is kept: sightings, and when what was told was last so, by its mark."""

    sightings: Mapping[Key, Sighting] = msgspec.field(default_factory=dict)
    told: Mapping[str, int] = msgspec.field(default_factory=dict)  # seconds since 1970


class Memory:
    """The sightings of a *window* of time, the latest *most* of them. Not for two threads."""

    def __init__(self, window: timedelta, most: int = MOST_SIGHTINGS) -> None:
        self._window = window
        self._most = most
        self._known: dict[Key, Sighting] = {}

    @property
    def sightings(self) -> Mapping[Key, Sighting]:
        """What is remembered now."""
        return self._known

    def recall(self, sightings: Iterable[Sighting]) -> None:
        """Know *sightings* of an earlier life as well."""
        self._known = {_key(one): one for one in sightings} | self._known

    def saw(self, seen: Iterable[Seen]) -> None:
        """Remember what was *seen*, of a pod that may be gone before anybody looks again."""
        for one in seen:
            if one.digest is not None and not one.image.digest:
                key = (str(one.image), one.group, one.digest)
                self._known[key] = joined(self._known.get(key), one, key[0], one.digest)
        if len(self._known) > self._most * _SLACK:
            self._shorten()

    def learn(self, running: Fleet, now: datetime) -> None:
        """Take over the sightings of *running*, which rest on those that are remembered, and forget the old."""
        known = (one for ones in running.sightings.values() for one in ones)
        self._known = {_key(one): one for one in known if one.last >= now - self._window}
        self._shorten()

    def _shorten(self) -> None:
        if len(self._known) > self._most:
            latest = sorted(self._known.items(), key=lambda item: item[1].last, reverse=True)
            self._known = dict(latest[: self._most])


def worth_writing(before: Notes, after: Notes, window: timedelta) -> bool:
    """Return whether *after* says more than *before* that would be missed after a restart.

    What runs is seen again anyway; so its time need only be right as far as the window is concerned.
    """
    if before.sightings.keys() != after.sightings.keys() or before.told.keys() != after.told.keys():
        return True
    for key, sighting in after.sightings.items():
        late = sighting.last - before.sightings[key].last
        if late > (window / 8 if sighting.pods else window / 96):
            return True
    return any(at - before.told[mark] > window.total_seconds() / 8 for mark, at in after.told.items())


def write_notes(notes: Notes) -> str:
    """Return *notes* as JSON of at most `LARGEST` bytes; what is too much is the oldest."""
    told = dict(sorted(notes.told.items(), key=lambda item: item[1], reverse=True)[:MOST_TOLD])
    room = LARGEST - 64 - len(msgspec.json.encode(told))
    entries: list[msgspec.Raw] = []
    for sighting in sorted(notes.sightings.values(), key=lambda one: one.last, reverse=True):
        entry = msgspec.json.encode(_entry(sighting))
        room -= len(entry) + 1
        if room < 0:
            break
        entries.append(msgspec.Raw(entry))
    return msgspec.json.encode(_Page(entries, told)).decode()


def read_notes(text: str, now: datetime, window: timedelta) -> Notes:
    """Return the entries of *text* that are readable, within the *window* before *now*, and within the limit."""
    try:
        page = msgspec.json.decode(text, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Notes()
    sightings = list(_sightings(page.sightings[: 2 * MOST_SIGHTINGS], now, window))[:MOST_SIGHTINGS]
    told = {
        mark: min(at, int(now.timestamp()))
        for mark, at in page.told.items()
        if _TOLD.fullmatch(mark) and isinstance(at, int)
    }
    return Notes({_key(one): one for one in sightings}, dict(list(told.items())[:MOST_TOLD]))


def _key(sighting: Sighting) -> Key:
    return sighting.image, sighting.group, sighting.digest


def _entry(one: Sighting) -> _Entry:
    first, last = int(one.first.timestamp()), int(one.last.timestamp())
    return _Entry(one.image, one.group, one.digest, first, last, list(one.nodes), list(one.components))


def _sightings(entries: Iterable[msgspec.Raw], now: datetime, window: timedelta) -> Iterator[Sighting]:
    for raw in entries:
        try:
            entry = msgspec.json.decode(raw, type=_Entry)
            image = parse(entry.image)
            last = min(datetime.fromtimestamp(entry.last, UTC), now)
            first = min(datetime.fromtimestamp(entry.first, UTC), last)
        except (msgspec.DecodeError, ImageError, ValueError, OverflowError, OSError, RecursionError):
            continue
        named = all(_NODE.fullmatch(node) for node in entry.nodes) and len(entry.nodes) <= MOST_NODES
        sound = _DIGEST.fullmatch(entry.digest) and _GROUP.fullmatch(entry.group) and named
        if sound and image.digest is None and str(image) == entry.image and last >= now - window:
            nodes, components = tuple(sorted(set(entry.nodes))), tuple(sorted(set(entry.components)))
            yield Sighting(entry.image, entry.group, entry.digest, first, last, 0, nodes, components)
