"""YAML as text: what is readable at all, and scalars, read and printed by the core schema of YAML 1.2."""

import re
from typing import Any

import yaml

SIZE = 256 * 1024  # bytes of a document

BREAK = re.compile(r"\r\n|\r|\n")

# What YAML 1.2.2 calls printable (5.1), without the three characters that only YAML 1.1 takes for line breaks.
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# The core schema (YAML 1.2.2, 10.3.2): each tag and the plain scalars that have it.
_CORE = {
    "null": re.compile(r"(?:~|null|Null|NULL|)\Z"),
    "bool": re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    "int": re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"),
    "float": re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
}
_BASES = {"0o": 8, "0x": 16}
_LONGEST_INT = 100  # digits; Python refuses some thousand, and no field is a number anyway


class TextError(ValueError):
    """A text that no document can be; *line* is 0 when it is the text as a whole."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def decode(text: str | bytes) -> str:
    """Return the characters of *text*, or raise TextError: too long, not UTF-8, unreadable characters."""
    raw = text if isinstance(text, bytes) else text.encode(errors="surrogatepass")
    if len(raw) > SIZE:
        raise TextError(0, f"the document has {len(raw)} bytes, more than {SIZE}; shorten it")
    try:
        decoded = text if isinstance(text, str) else raw.decode()
    except UnicodeDecodeError as error:
        line = _line(raw[: error.start].decode("latin-1"))
        raise TextError(line, f"byte 0x{raw[error.start]:02x} is not UTF-8; save the document as UTF-8") from None
    decoded = decoded.removeprefix("\ufeff")
    if stray := _UNREADABLE.search(decoded):
        line = _line(decoded[: stray.start()])
        raise TextError(line, f"the character U+{ord(stray[0]):04X} cannot stand in a document; remove it")
    return decoded


def _line(before: str) -> int:
    return len(BREAK.findall(before)) + 1


def core(text: str) -> str | float | bool | None:
    """Return what the plain scalar *text* means.

    >>> core("off"), core("True"), core("0x1F"), core("2027-03-31")
    ('off', True, 31, '2027-03-31')
    """
    kind = next((tag for tag, pattern in _CORE.items() if pattern.match(text)), "str")
    if kind == "int":
        base = _BASES.get(text[:2])
        if base is None and len(text) > _LONGEST_INT:
            return float(text)
        return int(text, base or 10)
    if kind == "float":
        return float(text.replace(".", "") if "n" in text.lower() else text)  # inf and nan have no dot in Python
    return {"null": None, "bool": text[:1] in "tT"}.get(kind, text)


def kind_of(value: object) -> str:
    """Return what the JSON *value* is, in words.

    >>> kind_of("a"), kind_of(True), kind_of({})
    ('text', 'a boolean', 'a mapping')
    """
    if isinstance(value, bool):
        return "a boolean"
    names = {"str": "text", "int": "a number", "float": "a number", "list": "a list", "dict": "a mapping"}
    return names.get(type(value).__name__, "empty")


def dump(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return *value* as YAML that means the same by the core schema; `off` and dates stand without quotes."""
    dumped: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return dumped


class _Dumper(yaml.SafeDumper):
    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - the table of YAML 1.1, emptied

    def ignore_aliases(self, _data: object) -> bool:
        return True

    def represent_str(self, data: str) -> yaml.ScalarNode:
        style = None if data.isprintable() else '"'  # the only style with escapes
        return self.represent_scalar("tag:yaml.org,2002:str", data, style)


_Dumper.add_representer(str, _Dumper.represent_str)
for _kind, _pattern in _CORE.items():
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", _pattern, None)
