"""Lists whose entries must have unique names."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from webhook.grammar.model import Flaw


def named_once(field: str) -> Callable[[Mapping[int, Any]], Iterator[Flaw]]:
    """Return a check for `entries` that yields a flaw for each entry of *field* whose name an earlier one has."""

    def check(found: Mapping[int, Any]) -> Iterator[Flaw]:
        first: dict[str, int] = {}
        for index, entry in found.items():
            if entry.name in first:
                text = f"'{entry.name}' is the name of {field}[{first[entry.name]}] too; give each its own"
                yield Flaw((index, "name"), text)
            first.setdefault(entry.name, index)

    return check
