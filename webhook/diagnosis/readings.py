"""What a text was before a terminal, JSON, Python, HTML, a mail or a chat changed it on its way to a clipboard."""

import html
import json
import re

_ESCAPED = 4  # JSON in JSON in JSON: a log line of a message of a body, and one to spare
_BROKEN = 2  # lines that are as wide as a terminal; one is the longest by itself
_QUOTED = re.compile(r"\\(['\"\\/bfnrt]|u[0-9a-fA-F]{4})")
# Airflow's log on a terminal has each argument of a message in bold (utils/log/colored_log.py), and the colours of a
# line around it. A clipboard keeps the escape character, `cat -v` writes it as two, a browser drops it.
_COLOUR = re.compile(r"(?:\x1b|\^\[|\u241b)?\[\d{0,3}(?:;\d{1,3}){0,5}m")
_CURLY = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
_LINE_BREAK = re.compile(r"<br ?/?>")
_QUOTE_MARKS = re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)


def readings(text: str) -> list[str]:
    r"""Return *text* as it is, with one layer of escapes after the other taken away, and each without decoration.

    >>> readings("it\\u2019s \\u001b[1mqueued\\u001b[22m")[-1]
    "it's queued"
    """
    found = [text]
    while len(found) < _ESCAPED and (plain := _unescaped(found[-1])) != found[-1]:
        found.append(plain)
    return list(dict.fromkeys([*found, *map(_undecorated, found)]))


def unbroken(text: str) -> str:
    r"""Return *text* as it was before a terminal broke its lines at any character; as it is when none did.

    A terminal fills its lines; where it broke one at a space, the clipboard has the line without that space.

    >>> unbroken("Executo\nr repor\nts a ta\nsk")
    'Executor reports a task'
    """
    lines = text.splitlines(keepends=True)
    widths = [len(line.rstrip("\r\n")) for line in lines]
    full = max(widths, default=0)
    if widths[:-1].count(full) < max(_BROKEN, len(widths[:-1]) / 2):
        return text
    return "".join(line.rstrip("\r\n") if width == full else line for line, width in zip(lines, widths, strict=True))


def _undecorated(text: str) -> str:
    text = html.unescape(_LINE_BREAK.sub("\n", text)) if "&" in text or "<br" in text else text
    return _QUOTE_MARKS.sub("", _COLOUR.sub("", text)).translate(_CURLY)


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        if match[1] == "'":  # as Python writes it
            return match[1]
        try:
            found: str = json.loads(f'"{match[0]}"')
        except ValueError:
            return match[0]
        return match[0] if "\ud800" <= found <= "\udfff" else found

    return _QUOTED.sub(plain, text)
