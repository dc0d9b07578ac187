"""Room for large bodies: which connection is read now, and which waits; pure, first come, first served."""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Room(Generic[T]):
    """*capacity* bytes, given out to guests in the order in which they ask."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._left = capacity
        self._inside: dict[T, int] = {}
        self._queue: OrderedDict[T, int] = OrderedDict()

    def __contains__(self, guest: T) -> bool:
        return guest in self._inside

    def enter(self, guest: T, size: int) -> bool:
        """Give *guest* its *size* bytes; return whether there was room, else the guest waits."""
        if guest in self._inside:
            return True
        self._queue[guest] = size
        return guest in self._admitted()

    def leave(self, guest: T) -> list[T]:
        """Take back what *guest* has or waits for; return those that get room by that."""
        self._left += self._inside.pop(guest, 0)
        self._queue.pop(guest, None)
        return self._admitted()

    def _admitted(self) -> list[T]:
        admitted = []
        while self._queue:
            guest, size = next(iter(self._queue.items()))
            if size > self._left:
                break
            del self._queue[guest]
            self._inside[guest] = size
            self._left -= size
            admitted.append(guest)
        return admitted
