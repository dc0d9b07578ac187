"""One Python file: its bytes become a tree and its comments to airlock, or the reason why they cannot."""

import ast
import io
import re
import sys
import tokenize
import warnings

import msgspec

SIZE = 2 * 1024 * 1024  # bytes; a tree takes some fifty times as much memory
_CONFLICT = re.compile(rb"^(<{7}|={7}|>{7})( |\r?$)", re.MULTILINE)
_COMMENT = re.compile(r"#\s*airlock:\s*ignore\[(?P<rules>[^\]]*)\]\s*:?-*\s*(?P<reason>.*)")


class Ignore(msgspec.Struct, frozen=True):
    """A comment that spares the findings of its line."""

    line: int
    reason: str  # "" where none is given, which spares nothing


class Source(msgspec.Struct, frozen=True):
    """A file that could be read."""

    file: str
    tree: ast.Module
    ignores: dict[int, Ignore] = msgspec.field(default_factory=dict)  # by the line that they are about


class SourceError(ValueError):
    """The file cannot be read as Python; *line* is 0 when no line is to blame."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def parse(file: str, data: bytes, rule: str = "callback") -> Source:
    """Return what *file* holds; raises SourceError, whatever its bytes are."""
    if len(data) > SIZE:
        raise SourceError(0, f"is larger than {SIZE // 1024 // 1024} MiB")
    if b"\0" in data:
        raise SourceError(data.count(b"\n", 0, data.index(b"\0")) + 1, "is no Python: it holds null bytes")
    _decode(data)
    try:
        with warnings.catch_warnings():  # about the file's own style, which does not matter here
            warnings.simplefilter("ignore")
            tree = ast.parse(data)
    except SyntaxError as error:
        raise SourceError(error.lineno or 0, _blame(error, data)) from None
    except (MemoryError, RecursionError):  # the parser's limits; the machine has memory left
        raise SourceError(0, "is nested too deeply to be read") from None
    except ValueError as error:
        raise SourceError(0, f"is no Python: {error}") from None
    return Source(file, tree, _ignores(data, rule) if b"airlock:" in data else {})


def _decode(data: bytes) -> None:
    """Raise SourceError when *data* is not in its encoding: the parser lets that pass in comments, unlike an import."""
    if data.isascii():
        return
    encoding = "utf-8"
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        if "unknown encoding" in error.msg or "encoding problem" in error.msg:
            return  # the parser says the same
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SourceError(line, f"is not {encoding.upper()}; save it as UTF-8, or declare its encoding") from None


def _blame(error: SyntaxError, data: bytes) -> str:
    """Return the reason in words: what the parser says, and what is behind it where that is plain."""
    conflict = _CONFLICT.search(data)
    if conflict is not None and data.count(b"\n", 0, conflict.start()) + 1 <= (error.lineno or 0) + 1:
        return "holds the marks of a merge conflict"
    text = error.msg
    if text.startswith("Missing parentheses in call to") or "leading zeros" in text:
        return f"is Python 2: {text}"
    reason = f"does not parse as Python {sys.version_info.major}.{sys.version_info.minor}: {text}"
    if text.startswith("multiple exception types must be"):
        return f"{reason}; it is Python 2, or for Python 3.14 or later: then run airlock with that"
    return f"{reason}; if it is for a newer Python, run airlock with that" if error.lineno else reason


def _ignores(data: bytes, rule: str) -> dict[int, Ignore]:
    """Return the comments that spare findings, by the line they are about: their own, or the one below if alone."""
    found: dict[int, Ignore] = {}
    code: set[int] = set()
    alone: list[Ignore] = []
    try:
        for token in tokenize.tokenize(io.BytesIO(data).readline):
            line = token.start[0]
            if token.type != tokenize.COMMENT:
                if token.type not in _BLANK:
                    code.update(range(line, token.end[0] + 1))
                    for one in alone:
                        found.setdefault(line, one)
                    alone = []
                continue
            match = _COMMENT.match(token.string)
            if match is None or rule not in [name.strip() for name in match["rules"].split(",")]:
                continue
            ignore = Ignore(line, match["reason"].strip())
            if line in code:
                found[line] = ignore
            else:
                alone.append(ignore)
    except (tokenize.TokenError, SyntaxError):  # the parser could read it, so that only comments are lost
        pass
    return found


_BLANK = frozenset(
    {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER}
)
