"""What a valid manifest says that is most likely a mistake: reported, but never a reason to refuse it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from webhook.grammar.yamlnode import compose

# What tools that fill in values leave behind when that went wrong; the value itself is never repeated.
_LEFT_BEHIND = (
    (re.compile(r"\$\{"), "has ${...}, which no Kubernetes expands: it writes references as $(NAME)"),
    # Whole references are passed over for good: the time grows with the length, whatever the value is.
    (
        re.compile(r"\A(?:[^$]|\$(?!\()|\$\([^)}\]]*+\))*+\$\("),
        "has $( without its ): the reference would stay as it is written",
    ),
    (re.compile(r"\{\{|<no value>"), "looks like a template that was not rendered, or found nothing to render"),
    (re.compile(r"\A\$[A-Za-z_]\w*\Z"), "is a shell's way to name a variable: Kubernetes writes $(NAME)"),
)
_EMPTY = "is empty; if that is meant, say so in reason"


class Doubt(msgspec.Struct, frozen=True):
    """One field, by its path, and what is odd about it."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def doubts(text: str | bytes) -> Iterator[Doubt]:
    """Yield what is odd about *text*, a required-env manifest without problems; nothing for any other document.

    >>> [str(one) for one in doubts('{kind: RequiredEnv, env: [{name: A, value: "${A}"}]}')]
    ['env[0].value: has ${...}, which no Kubernetes expands: it writes references as $(NAME)']
    """
    root, _ = compose(text)
    given = root.value if root is not None and isinstance(root.value, Mapping) else {}
    env = given.get("env") if given.get("kind") == "RequiredEnv" else None
    for index, one in enumerate(env if isinstance(env, list) else ()):
        if isinstance(one, Mapping) and isinstance(one.get("value"), str):
            yield from (Doubt(f"env[{index}].value", words) for words in _of(one))


def _of(given: Mapping[str, Any]) -> Iterator[str]:
    if given["value"] == "" and not given.get("reason"):
        yield _EMPTY
    plain = given["value"].replace("$$", "")  # a dollar sign that is meant
    yield from (text for pattern, text in _LEFT_BEHIND if pattern.search(plain))
