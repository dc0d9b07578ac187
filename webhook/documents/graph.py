"""Sorts names so that each comes after those it refers to."""

from collections.abc import Mapping


def ordered(graph: Mapping[str, tuple[str, ...]]) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return the names of *graph* in such an order, and a cycle for each name that closes one.

    What no cycle concerns is in order all the same; names that refer to nothing keep theirs.

    >>> ordered({"A": ("B",), "B": (), "C": ("D",), "D": ("C",)})
    (['B', 'A', 'D', 'C'], [('C', 'D')])
    """
    order: dict[str, None] = {}
    cycles: dict[str, tuple[str, ...]] = {}
    for root in graph:
        path = {} if root in order else {root: iter(graph[root])}
        while path:
            name, rest = next(reversed(path.items()))
            child = next(rest, None)
            if child is None:
                order[name] = None
                del path[name]
            elif child in path:
                names = list(path)
                cycles.setdefault(child, tuple(names[names.index(child) :]))
            elif child not in order:
                path[child] = iter(graph[child])
    return list(order), list(cycles.values())
