"""The beginning of a TLS connection: how much of a ClientHello is still to come.

A connection gets its TLS state, some 40 KiB, only when its whole ClientHello is there.
"""

MOST = 64 * 1024  # bytes; a ClientHello with every extension there is has a few KiB

_HEADER, _HANDSHAKE, _CLIENT_HELLO = 5, 22, 1
_RECORD = 16 * 1024  # bytes of a record's content


def needed(data: bytes) -> int:
    r"""Return how many bytes must be there before *data* can be judged again; 0 when OpenSSL is to judge it now.

    That is when it holds a whole ClientHello, or begins like none.

    >>> needed(b"")
    5
    >>> needed(b"\x16\x03\x01\x02\x00")
    517
    >>> needed(b"GET / HTTP/1.1")
    0
    """
    at, hello = 0, b""
    while at <= MOST:
        header = data[at : at + _HEADER]
        if len(header) > 0 and header[0] != _HANDSHAKE:
            return 0
        if len(header) < _HEADER:
            return at + _HEADER
        length = int.from_bytes(header[3:5])
        if header[1] != 3 or not 0 < length <= _RECORD:  # noqa: PLR2004 - all versions of TLS
            return 0
        at += _HEADER + length
        if len(data) < at:
            return at
        hello += data[at - length : at]
        if hello[0] != _CLIENT_HELLO or (len(hello) >= 4 and len(hello) >= 4 + int.from_bytes(hello[1:4])):  # noqa: PLR2004 - its own header
            return 0
    return 0
