"""JSON Patch (RFC 6902) operations, built directly and never by diffing two objects."""

from typing import Any

Operation = dict[str, Any]


def pointer(*parts: str | int) -> str:
    """Return the JSON Pointer (RFC 6901) through *parts*.

    >>> pointer("metadata", "annotations", "a/b~c", 0)
    '/metadata/annotations/a~1b~0c/0'
    """
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def add(path: str, value: object) -> Operation:
    """Return the operation that inserts *value* before the element at *path*, or sets the member there."""
    return {"op": "add", "path": path, "value": value}


def remove(path: str) -> Operation:
    """Return the operation that takes out what is at *path*; it must be there."""
    return {"op": "remove", "path": path}


def replace(path: str, value: object) -> Operation:
    """Return the operation that puts *value* in place of what is at *path*; it must be there."""
    return {"op": "replace", "path": path, "value": value}
