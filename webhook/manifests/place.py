"""Where something is: file and line, looked up by the path of a field."""

import re

import msgspec

from webhook.grammar.yamlnode import Node

_STEP = re.compile(r"\[(?P<index>\d+)\]|(?P<field>[^.\[\]]+)")


class Place(msgspec.Struct, frozen=True, order=True):
    """A line of a file, or what stands for one in a cluster."""

    file: str
    line: int  # 0: the file as a whole
    cluster: str = ""  # whose it is, in a look at several

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{self.cluster}: {place}" if self.cluster else place


def line_of(node: Node, path: str) -> int:
    """Return the line of the field *path* below *node*, or of the nearest thing around it that is there."""
    for step in _STEP.finditer(path):
        key = step["field"] if step["index"] is None else int(step["index"])
        if key not in node.children:
            break
        node = node.children[key]
    return node.line
