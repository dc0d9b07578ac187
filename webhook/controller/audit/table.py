"""Maps uids to numbers in some thirty bytes each; a dict takes two hundred. Pure."""

import struct
from array import array
from hashlib import blake2b

_FULL = 0.7  # of the slots taken, and there are twice as many

# 128 bits, so that two uids that meet are not worth a thought, whatever form they have.
_Key = tuple[int, int]


def _key(uid: str) -> _Key:
    low, high = struct.unpack("=QQ", blake2b(uid.encode(errors="surrogatepass"), digest_size=16).digest())
    return low, high


class Table:
    """Positive numbers by uid: open addressing with linear probing, and no tombstones; *slots* is a power of two."""

    def __init__(self, slots: int = 1024) -> None:
        self._taken = 0
        self._make(slots)

    def __len__(self) -> int:
        return self._taken

    def get(self, uid: str) -> int:
        """Return the number of *uid*; 0 when it has none."""
        return self._numbers[self._slot(_key(uid))]

    def put(self, uid: str, number: int) -> None:
        """Give *uid* the *number*, which is at least 1, in place of the one it may have."""
        key = _key(uid)
        slot = self._slot(key)
        if not self._numbers[slot]:
            if self._taken + 1 > len(self._numbers) * _FULL:
                self._grow()
                slot = self._slot(key)
            self._taken += 1
            self._lows[slot], self._highs[slot] = key
        self._numbers[slot] = number

    def pop(self, uid: str) -> int:
        """Forget *uid* and return the number it had; 0 when it had none."""
        slot = self._slot(_key(uid))
        number = self._numbers[slot]
        if number:
            self._taken -= 1
            self._close(slot)
        return number

    def _make(self, size: int) -> None:
        self._mask = size - 1
        self._lows = array("Q", bytes(8 * size))
        self._highs = array("Q", bytes(8 * size))
        self._numbers = array("I", bytes(array("I").itemsize * size))

    def _slot(self, key: _Key) -> int:
        """Return the slot that has *key*, or the free one where it would go."""
        low, high = key
        slot = low & self._mask
        while self._numbers[slot] and (self._lows[slot] != low or self._highs[slot] != high):
            slot = (slot + 1) & self._mask
        return slot

    def _close(self, free: int) -> None:
        """Empty the slot *free*, and move what was put behind it only because it was taken."""
        slot = free
        while True:
            slot = (slot + 1) & self._mask
            if not self._numbers[slot]:
                break
            home = self._lows[slot] & self._mask
            # Whatever lies between its home and `slot`, going round, may move to `free`.
            if (slot - home) & self._mask >= (slot - free) & self._mask:
                self._lows[free], self._highs[free] = self._lows[slot], self._highs[slot]
                self._numbers[free] = self._numbers[slot]
                free = slot
        self._numbers[free] = 0

    def _grow(self) -> None:
        before = zip(self._lows, self._highs, self._numbers, strict=True)
        self._make(2 * len(self._numbers))
        for low, high, number in before:
            if number:
                slot = self._slot((low, high))
                self._lows[slot], self._highs[slot], self._numbers[slot] = low, high, number
