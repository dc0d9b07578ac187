"""Which ConfigMaps and Secrets some namespaces have, by name and key and never by value, within a bound of memory."""

from collections.abc import Mapping
from sys import intern
from threading import Lock

from webhook.pods.references import Absence, Keys

MOST_BYTES = 32 * 1024 * 1024  # of names and keys, as `weight` counts them: 20,000 ConfigMaps of ten keys take a third
_FEW = 16  # keys that a tuple finds as fast as a set, in a quarter of the memory
_ENTRY, _TEXT, _SLOT = 200, 60, 80  # bytes: a dict's entry and what it holds, a string besides its text, a set's slot

UNREAD = "not read yet"

Place = tuple[str, str]  # kind, namespace


class Shelves:
    """What is known of each place; one thread for each place fills it, and any thread may look."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._used = 0
        self._objects: dict[Place, dict[str, Keys]] = {}
        self._whole: set[Place] = set()
        self._doubts: dict[Place, str] = {}  # why not all is known
        self._stale: dict[Place, str] = {}  # why what is known may be out of date
        self._lock = Lock()

    def look(self, kind: str, namespace: str, name: str) -> Keys | Absence:
        """Return the keys of an object, or why they are not known; a few dict lookups, and no waiting."""
        place = kind, namespace
        if place in self._stale:
            return Absence.UNKNOWN
        found = self._objects.get(place, {}).get(name)
        if found is not None:
            return found
        return Absence.MISSING if place in self._whole else Absence.UNKNOWN

    @property
    def doubts(self) -> Mapping[Place, str]:
        """Why not everything is known, for each place where that is so."""
        return {**self._doubts, **self._stale}

    @property
    def count(self) -> int:
        """How many objects are known."""
        return sum(map(len, list(self._objects.values())))

    def clear(self, place: Place, why: str) -> None:
        """Forget *place*: nothing of it is known, and *why*."""
        with self._lock:
            self._doubts[place] = why
            self._whole.discard(place)
            for name, keys in self._objects.pop(place, {}).items():
                self._used -= weight(name, keys)

    def put(self, place: Place, name: str, keys: Keys) -> None:
        """Note that *place* has *name* with *keys*; where that would be too much, the place is no longer whole."""
        kept = _compact(keys)
        with self._lock:
            objects = self._objects.setdefault(place, {})
            before = weight(name, objects[name]) if name in objects else 0
            more = weight(name, kept) - before
            if self._used + more > self._most:
                self._doubt(place, f"names and keys take more than {self._most} bytes")
                if objects.pop(name, None) is not None:
                    self._used -= before
                return
            objects[intern(name)] = kept
            self._used += more

    def drop(self, place: Place, name: str) -> None:
        """Note that *place* no longer has *name*."""
        with self._lock:
            keys = self._objects.get(place, {}).pop(name, None)
            self._used -= 0 if keys is None else weight(name, keys)

    def doubt(self, place: Place, why: str) -> None:
        """Note that not all of *place* is known, and *why*: what is not there is unknown, not missing."""
        with self._lock:
            self._doubt(place, why)

    def pause(self, place: Place, why: str) -> None:
        """Note that changes of *place* are not heard of for now, and *why*: until `resume` all of it is unknown."""
        with self._lock:
            self._stale[place] = why

    def resume(self, place: Place) -> None:
        """Note that everything that changed meanwhile was put or dropped."""
        with self._lock:
            self._stale.pop(place, None)

    def finish(self, place: Place) -> None:
        """Note that all of *place* was put since it was cleared; not where some of it could not be."""
        with self._lock:
            if self._doubts.get(place) == UNREAD:
                del self._doubts[place]
                self._whole.add(place)

    def _doubt(self, place: Place, why: str) -> None:
        self._doubts[place] = why
        self._whole.discard(place)


def weight(name: str, keys: Keys) -> int:
    """Return about how many bytes an object's name and *keys* take.

    >>> weight("callbacks", ("endpoint",))
    477
    """
    slot = _SLOT if len(keys) > _FEW else 8
    return _ENTRY + _TEXT + len(name) + sum(_TEXT + len(key) + slot for key in keys) + 132 * bool(keys)


def _compact(keys: Keys) -> Keys:
    shared = [intern(key) for key in keys]
    return tuple(shared) if len(shared) <= _FEW else frozenset(shared)
