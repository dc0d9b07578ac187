"""Other people's text in our sentences: printable, on one line, of bounded length."""

_QUOTED = 160


def printable(text: str, limit: int) -> str:
    r"""Return *text* with control and unprintable characters escaped, cut to *limit* characters.

    >>> printable("a\nb\ud800", 20)
    'a\\nb\\ud800'
    """
    cut = text[:limit]
    shown = cut if cut.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in cut)
    return shown if len(shown) <= limit and len(text) <= limit else shown[: max(limit - 1, 0)] + "…"


def quote(text: str, limit: int = _QUOTED) -> str:
    """Return *text* in double quotes, printable, cut to *limit* characters."""
    return f'"{printable(text, limit)}"'
