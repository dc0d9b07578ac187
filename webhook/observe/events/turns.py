"""Which Event is next: namespaces take turns with new ones, so that a flood in one cannot silence the others. Pure.

Anyone who reaches the port can forge reviews for any namespace. A namespace where airlock has really written an Event
has its own queue; all others, invented ones included, share one. Queues are short, and an Event that finds its queue
full is dropped: the number of queues and of places is bounded, whatever requests come.

Repeats stand in one line, for few tokens of their own. They also get what new Events would lose while their bucket is
full, so that a flood's repeats are told soon after it has ended, and both together are never more.
"""

import math
from collections import OrderedDict, deque
from heapq import heappop, heappush

import msgspec
from msgspec.structs import replace

LINE = 10  # new Events that wait in one line
MOST_PROVEN = 1000  # namespaces with a line of their own; the one that was proven longest ago gives way

_STRANGERS = ""  # no namespace is called so


class Bucket(msgspec.Struct, frozen=True):
    """A token bucket: *rate* a second, *burst* at most."""

    rate: float
    burst: float
    level: float
    at: float

    def filled(self, now: float) -> "Bucket":
        """Return the bucket as it is at *now*."""
        level = min(self.burst, self.level + self.rate * max(0.0, now - self.at))
        return replace(self, level=level, at=max(now, self.at))

    @property
    def wait(self) -> float:
        """Seconds until there is a token."""
        return self.until(1)

    def until(self, level: float) -> float:
        """Return the seconds until it has *level* tokens."""
        return max(0.0, (level - self.level) / self.rate)

    def taken(self) -> "Bucket":
        """Return the bucket with a token less."""
        return replace(self, level=self.level - 1)


class Turns:
    """The lines in which new Events wait, by key, for the tokens of one bucket."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self._proven: OrderedDict[str, None] = OrderedDict()
        self._lines: OrderedDict[str, deque[str]] = OrderedDict()  # the one whose turn it is first

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def has_room(self, namespace: str) -> bool:
        """Return whether there is a place in the line of *namespace*."""
        return len(self._lines.get(self._line(namespace), ())) < LINE

    def join(self, namespace: str, key: str) -> None:
        """Put *key* at the end of the line of *namespace*, which has room."""
        self._lines.setdefault(self._line(namespace), deque()).append(key)

    def leave(self, key: str) -> None:
        """Take *key* out of its line, if it is in one."""
        for name, line in self._lines.items():
            if key in line:
                line.remove(key)
                if not line:
                    del self._lines[name]
                return

    def next(self, now: float) -> str | None:
        """Return the key that may be written now, and use a token for it; None when none waits, or may."""
        self._bucket = self._bucket.filled(now)
        if not self._lines or self._bucket.wait > 0:
            return None
        name, line = next(iter(self._lines.items()))
        key = line.popleft()
        self._bucket = self._bucket.taken()
        if line:
            self._lines.move_to_end(name)
        else:
            del self._lines[name]
        return key

    def wait(self, now: float) -> float | None:
        """Return the seconds until the next turn; None when nobody waits."""
        return self._bucket.filled(now).wait if self._lines else None

    def spare(self, now: float) -> float:
        """Return the seconds until there are as many tokens as there may be: the next would be lost."""
        return math.inf if self._lines else self._bucket.filled(now).until(self._bucket.burst)

    def lend(self, now: float) -> None:
        """Use a token."""
        self._bucket = self._bucket.filled(now).taken()

    def prove(self, namespace: str) -> None:
        """Give *namespace* a line of its own from now on: an Event was written there."""
        self._proven[namespace] = None
        self._proven.move_to_end(namespace)
        if len(self._proven) > MOST_PROVEN:
            self._proven.popitem(last=False)

    def doubt(self, namespace: str) -> None:
        """Take the line of *namespace* away: it is gone, or never was."""
        self._proven.pop(namespace, None)

    def _line(self, namespace: str) -> str:
        return namespace if namespace in self._proven else _STRANGERS

    def clear(self) -> list[str]:
        """Empty all lines and return the keys that waited."""
        keys = [key for line in self._lines.values() for key in line]
        self._lines.clear()
        return keys


class Repeats:
    """The line of Events that exist and have repeats to tell, by key: for tokens of their own bucket, or spare ones."""

    def __init__(self, bucket: Bucket, turns: Turns) -> None:
        self._bucket = bucket
        self._turns = turns
        self._due: dict[str, float] = {}  # from when on each may be written
        self._line: list[tuple[float, str]] = []  # a heap; those that have left are still in it

    def __contains__(self, key: str) -> bool:
        return key in self._due

    def join(self, key: str, due: float) -> None:
        """Put *key*, which may be written from *due* on, into the line."""
        self._due[key] = due
        heappush(self._line, (due, key))

    def leave(self, key: str) -> None:
        """Take *key* out of the line, if it is there."""
        self._due.pop(key, None)

    def next(self, now: float) -> str | None:
        """Return the key that may be written now, and use a token for it; None when none waits, or may."""
        if self.wait(now) != 0:
            return None
        if (own := self._bucket.filled(now)).wait == 0:
            self._bucket = own.taken()
        else:
            self._turns.lend(now)
        _, key = heappop(self._line)
        del self._due[key]
        return key

    def wait(self, now: float) -> float | None:
        """Return the seconds until the next may be written; None when none waits."""
        while self._line and self._due.get(self._line[0][1]) != self._line[0][0]:
            heappop(self._line)
        if not self._line:
            return None
        token = min(self._bucket.filled(now).wait, self._turns.spare(now))
        return max(0.0, self._line[0][0] - now, token)

    def clear(self) -> list[str]:
        """Empty the line and return the keys that waited."""
        keys = list(self._due)
        self._due.clear()
        self._line.clear()
        return keys
