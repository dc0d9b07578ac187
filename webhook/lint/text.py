"""What code does with text that Airflow passes: what suits a string, and what only suits a list or an object."""

import ast
from typing import Any

from webhook.lint.state import State
from webhook.lint.values import UNKNOWN, Constant, Items, Method, Scope, Text, Value, Word

# Each keeps what the string is about; what other methods return does not matter.
_SAME = frozenset({
    "strip", "lstrip", "rstrip", "replace", "lower", "upper", "title", "capitalize", "casefold", "expandtabs",
    "removeprefix", "removesuffix",
})  # fmt: skip
_SPLIT = frozenset({"split", "rsplit", "splitlines"})
_ABOUT_CHARACTERS = frozenset(name for name in dir(str) if name.startswith("is")) | {"isprintable"}
_LITERAL = 2  # characters of a literal that a single one may be compared with: "\r\n"


def attribute_of(state: State, scope: Scope, node: ast.AST, text: Text | Word, name: str) -> Value:
    """Return `text.name`, and take note when no string has that."""
    if hasattr(str, name):
        return Method(text, name)
    return state.misuse(scope, node, text, f"takes .{name} of")


def item_of(state: State, scope: Scope, node: ast.AST, text: Text | Word, index: Any) -> Value:  # noqa: ANN401 - a literal
    """Return `text[index]`, and take note when that is not a position, or is taken for an item of a list."""
    if isinstance(index, str):
        return state.misuse(scope, node, text, f"takes [{index!r}] of")
    return state.misuse(scope, node, text, "takes one item of") if isinstance(text, Text) else text


def method_of(text: Text | Word, name: str) -> Value:
    """Return what the method *name* of a string returns."""
    if name in _SAME:
        return text
    if name in _SPLIT:
        return Items("list", (), Word(text.name))
    if name in ("partition", "rpartition"):
        return Items("tuple", (Word(text.name),) * 3)
    return UNKNOWN


def with_operator(operator: ast.operator, left: Value, right: Value) -> Value:
    """Return the sum of texts, which is text."""
    if not isinstance(operator, ast.Add):
        return UNKNOWN
    sides = left, right
    texts = [one for one in sides if isinstance(one, Text)]
    if texts and all(
        isinstance(one, Text) or (isinstance(one, Constant) and isinstance(one.value, str)) for one in sides
    ):
        return texts[0]
    if isinstance(left, Items) and isinstance(right, Items) and left.kind == right.kind:
        if left.rest is None:
            return Items(left.kind, left.items + right.items, right.rest)
        return UNKNOWN
    return UNKNOWN


def for_sequences(node: ast.Match) -> ast.pattern | None:
    """Return the first pattern of *node* for a sequence, which no string matches; None if any case may be for text."""
    found = None
    for case in node.cases:
        pattern = case.pattern
        while isinstance(pattern, ast.MatchAs) and pattern.pattern is not None:
            pattern = pattern.pattern
        if isinstance(pattern, ast.MatchSequence):
            found = found or pattern
        elif isinstance(pattern, ast.MatchAs):  # case _
            if pattern.name is not None or not all(map(_ends, case.body)):
                return None
        elif not isinstance(pattern, ast.MatchSingleton):
            return None
    return found


def _ends(statement: ast.stmt) -> bool:
    """Return whether *statement* does nothing but end."""
    if isinstance(statement, ast.Return):
        return statement.value is None
    return isinstance(statement, ast.Pass | ast.Continue | ast.Break | ast.Raise)


def looks_at_characters(target: ast.AST, where: ast.AST) -> bool:
    """Return whether code in *where* knows that a name of *target* is a character: it compares it, or asks its kind."""
    names = {one.id for one in ast.walk(target) if isinstance(one, ast.Name)}

    def is_target(node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id in names

    for node in ast.walk(where):
        if isinstance(node, ast.Compare) and any(is_target(side) for side in (node.left, *node.comparators)):
            literals = [side for side in (node.left, *node.comparators) if isinstance(side, ast.Constant)]
            of_set = any(isinstance(operator, ast.In | ast.NotIn) for operator in node.ops)
            if any(isinstance(one.value, str) and (of_set or 0 < len(one.value) <= _LITERAL) for one in literals):
                return True
        if isinstance(node, ast.Attribute) and is_target(node.value) and node.attr in _ABOUT_CHARACTERS:
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "ord":
            return True
    return False
