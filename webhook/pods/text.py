"""Words for our sentences: other people's text made printable, on one line and bounded; and counts of things."""

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
    """Return *text* in single quotes, printable, cut to *limit* characters; Airflow would escape double ones."""
    return f"'{printable(text, limit)}'"


def plural(number: int, noun: str) -> str:
    """Return *number* and *noun*, which takes an s.

    >>> plural(1, "object"), plural(2, "object")
    ('1 object', '2 objects')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
