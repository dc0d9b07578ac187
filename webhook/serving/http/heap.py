"""What a large body took goes back to the system at once."""

import ctypes

_M_MMAP_THRESHOLD = -3  # of glibc's malloc.h
_LARGE = 128 * 1024  # bytes; glibc's own figure to begin with


def keep_little() -> None:
    """Have the allocator map each large block by itself, and give it back when it is free; once, at the start.

    glibc raises its threshold to the largest block that was ever freed, up to 32 MiB: from the first large body on,
    each thread that has had one would keep as much for the next (mallopt(3)). musl has no threshold that moves.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
