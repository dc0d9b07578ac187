"""JSON that is too deep, too large, torn or cut off: linear scans, without recursion, that keep what airlock reads.

msgspec descends into what it skips and stops at some 990 levels on Python 3.11, while the API server keeps 9,995.
`metadata.managedFields` is the only free-form JSON in the objects that airlock reads, and airlock does not use it.
"""

import codecs
import re
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_REPAIRABLE = 64 * 1024 * 1024  # bytes
_PIECE = 1024 * 1024  # bytes
DEEPEST = 48  # levels that a cut body keeps: what is read lies within 16

# Possessive, so that nothing is remembered for going back: a hostile string costs its length and no memory.
# A string may lack its end: the data may be cut.
_STRING = rb'"(?:[^"\\]++|\\.)*+"?'
_TEXT = rb'(?:[^"\[\]{}]++|' + _STRING + rb")*+"
# It also matches at the end of the data: a search that failed there would begin again behind every character before.
_BRACKETS = re.compile(_TEXT + rb"([\[{]++|[\]}]++|\Z)", re.DOTALL)
_MARKS = re.compile(_STRING + rb"|[\[\]{},]", re.DOTALL)
# A quote that opens a string stands after a brace or a comma; one inside of a string stands after a backslash.
_UNREAD = re.compile(rb'"managedFields"\s*:\s*(?=[\[{])')
_SPACE = b" \t\r\n"
_COMMA = re.compile(rb"\s*,")

_HIGH, _LOW = rb"\\u[dD][89aAbB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPE = re.compile(rb"(\\\\|" + _HIGH + _LOW + rb")|" + _HIGH + rb"|" + _LOW)

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")

_WIDEST = 4  # bytes of a character
_WIDE = re.compile(rb"\\u(?!00)")  # an escape of more than a byte

_OPEN, _CLOSE = b"[{", b"]}"
_CLOSER = {b"["[0]: b"]", b"{"[0]: b"}"}

Data = bytes | bytearray | memoryview

_anything: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def decode(decoder: msgspec.json.Decoder[T], data: Data | msgspec.Raw) -> T:
    """Return what *decoder* makes of *data*: of a part or a repaired copy of it where it cannot read the whole.

    Raises what the decoder raises, RecursionError among it.
    """
    view = memoryview(data)
    for repair in (without_unread, mended):
        try:
            return decoder.decode(view)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if len(view) > _REPAIRABLE:
                raise
            view = memoryview(repair(view))
    return decoder.decode(view)


def value(data: Data | msgspec.Raw) -> Any:  # noqa: ANN401 - any JSON
    """Return the value in the JSON *data*, as `decode` reads it."""
    return decode(_anything, data)


def of_type(data: Data | msgspec.Raw, type_: type[T]) -> T:
    """Return the *type_* in the JSON *data*, as `decode` reads it."""
    return decode(msgspec.json.Decoder(type_), data)


def without_unread(data: Data) -> bytes:
    """Return *data* without its `managedFields`.

    >>> without_unread(b'{"metadata": {"managedFields": [{"fieldsV1": {"f:a": {}}}], "name": "x"}}')
    b'{"metadata": { "name": "x"}}'
    """
    kept: list[Data] = []
    start = at = 0
    while (key := _UNREAD.search(data, at)) is not None:
        before = key.start() - 1
        while before > start and data[before] in _SPACE:
            before -= 1
        if before < start or data[before] not in b"{,":
            at = key.end()
            continue
        at = _end_of_value(data, key.end())
        comma = _COMMA.match(data, at)
        if comma is not None:  # the comma before it serves for what comes after it
            kept.append(data[start : before + 1])
            start = at = comma.end()
        else:
            kept.append(data[start : before + 1 if data[before] in b"{" else before])
            start = at
    kept.append(data[start:])
    return b"".join(kept)


def is_heavy(data: Data, most: int) -> bool:
    """Return whether *data* holds more than *most* values; what lies inside of strings does not count.

    >>> is_heavy(b'{"a": [1, 2, "x,y,z"]}', 4), is_heavy(b'{"a": [1, 2, 3, 4]}', 4)
    (False, True)
    """
    raw = data.obj if isinstance(data, memoryview) and isinstance(data.obj, bytes | bytearray) else data
    if isinstance(raw, bytes | bytearray) and not _has_marks(raw, most):
        return False
    count = 0
    for mark in _MARKS.finditer(data):
        if data[mark.start()] in b"[{,":
            count += 1
            if count > most:
                return True
    return False


def is_wide(data: Data, most: int) -> bool:
    r"""Return whether the text in *data* may take more than *most* bytes of memory when it is decoded.

    Python keeps a text in the width of its widest character: one emoji makes each character of it take four bytes.

    >>> is_wide("é☃".encode() + b"a" * 30, 100), is_wide(rb"\u003c" * 100 + b"a" * 30, 100)
    (True, False)
    """
    whole = data.obj if isinstance(data, memoryview) else data
    raw = whole if isinstance(whole, bytes | bytearray) else bytes(data)
    # A backslash that is escaped itself may stand before the u: then nothing is taken off for it.
    escapes = raw.count(rb"\u") - raw.count(rb"\\u")
    characters = len(raw) - (len(rb"\u0000") - 1) * escapes
    return characters * _WIDEST > most and (not raw.isascii() or _WIDE.search(raw) is not None)


def is_text(data: Data) -> bool:
    r"""Return whether *data* is UTF-8.

    >>> is_text("é".encode()), is_text(b"\xff")
    (True, False)
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for start in range(0, len(data), _PIECE):
            decoder.decode(bytes(data[start : start + _PIECE]))
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _has_marks(raw: bytes | bytearray, most: int) -> bool:
    """Return whether *raw* has more than *most* marks, in strings or not; in pieces, so that others get their turn."""
    count = 0
    for start in range(0, len(raw), _PIECE):
        count += sum(raw.count(mark, start, start + _PIECE) for mark in (b",", b"{", b"["))
        if count > most:
            return True
    return False


def closed(data: Data) -> bytes:
    """Return *data*, the beginning of a JSON value, up to the last value that is whole, with what is open closed.

    What lies deeper than `DEEPEST` counts as cut off.

    >>> closed(b'{"a": {"b": [1, 2], "c": "x')
    b'{"a": {"b": [1, 2]}}'
    """
    closers: list[bytes] = []
    end = 0
    for mark in _MARKS.finditer(data):
        byte = data[mark.start()]
        if byte in _OPEN:
            if len(closers) >= DEEPEST:
                break
            closers.append(_CLOSER[byte])
            end = mark.end()
        elif byte in _CLOSE:
            if not closers:
                break
            closers.pop()
            end = mark.end()
        elif byte == b","[0]:
            end = mark.start()
    return bytes(data[:end]) + b"".join(reversed(closers))


def mended(data: Data) -> bytes | bytearray:
    r"""Return *data* as Go would have written it: half a surrogate pair and bytes that are not UTF-8 become U+FFFD.

    >>> bytes(mended(rb'["\ud800", "\ud83d\ude00", "\\ud800"]'))
    b'["\\ufffd", "\\ud83d\\ude00", "\\\\ud800"]'
    """
    decoder, text = codecs.getincrementaldecoder("utf-8")("replace"), bytearray()
    for start in range(0, len(data), _PIECE):  # the whole at once would take four bytes for each of its characters
        text += decoder.decode(bytes(data[start : start + _PIECE])).encode()
    text += decoder.decode(b"", final=True).encode()
    if _SURROGATE.search(text) is None:
        return text
    return _ESCAPE.sub(lambda match: match[1] or rb"\ufffd", text)


def elements(data: Data, key: bytes) -> Iterator[Data]:
    """Yield the bytes of each element of the list *key* of the object *data*, whatever is wrong inside of them."""
    found = re.compile(rb'[{,]\s*"' + re.escape(key) + rb'"\s*:\s*\[').search(data)
    if found is None:
        return
    start, level = found.end(), 0
    for mark in _MARKS.finditer(data, start):
        byte = data[mark.start()]
        if byte in _OPEN:
            level += 1
        elif byte in _CLOSE:
            level -= 1
        if level < 0 or (level == 0 and byte == b","[0]):
            if bytes(data[start : mark.start()]).strip():
                yield data[start : mark.start()]
            start = mark.end()
        if level < 0:
            return


def _end_of_value(data: Data, start: int) -> int:
    """Return where the list or object that begins at *start* ends; the end of *data* when it does not."""
    level = 0
    for match in _BRACKETS.finditer(data, start):
        run = match[1]
        if not run:
            break
        if run[0] in _OPEN:
            level += len(run)
            continue
        if len(run) >= level:
            return match.start(1) + level
        level -= len(run)
    return len(data)
