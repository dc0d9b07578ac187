"""Parses the head of a plain request, as an API server sends it, and nothing that is ambiguous.

gunicorn's parser handles everything else.
"""

import re
from functools import lru_cache

LONGEST = 4096  # bytes of a head that may be plain: an API server's has some hundred, and each is remembered

_LINE = re.compile(rb"POST (/[a-z]+)(?:\?timeout=[0-9]{1,6}m?s)? HTTP/1\.1\r\n")
_FIELD = re.compile(rb"([A-Za-z-]+):[ ]?([\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?)\r\n")
_TIMEOUT = re.compile(rb"\S+ [^ ?]*\?timeout=([0-9]{1,6})s(?:&\S*)? ")

# The value that a field must have; None for any.
_KNOWN: dict[bytes, re.Pattern[bytes] | None] = {
    b"host": re.compile(rb"[A-Za-z0-9.:\[\]-]{1,255}"),
    b"content-length": re.compile(rb"[0-9]{1,9}"),
    b"content-type": re.compile(rb"application/json"),
    b"user-agent": None,
    b"accept": None,
    b"accept-encoding": None,
    b"traceparent": None,
    b"tracestate": None,
}
_NEEDED = {b"host", b"content-length", b"content-type"}


@lru_cache(1024)  # an API server's heads differ in the length of the body only
def plain_path(head: bytes) -> str | None:
    """Return the path of the request with *head*, of at most `LONGEST` bytes, if all of it is plain; None otherwise."""
    line = _LINE.match(head)
    if line is None:
        return None
    at, seen = line.end(), set()
    while (field := _FIELD.match(head, at)) is not None:
        name = field[1].lower()
        if name in seen or name not in _KNOWN:
            return None
        value = _KNOWN[name]
        if value is not None and value.fullmatch(field[2]) is None:
            return None
        seen.add(name)
        at = field.end()
    return line[1].decode() if head[at:] == b"\r\n" and seen >= _NEEDED else None


def timeout(head: bytes) -> float | None:
    r"""Return the seconds that the client of *head* waits, if it says so, as an API server does.

    >>> timeout(b"POST /validate?timeout=10s HTTP/1.1\r\n")
    10.0
    """
    found = _TIMEOUT.match(head)
    return float(found[1]) if found is not None else None
