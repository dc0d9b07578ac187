"""Conditions that a call decides: a parameter, attribute or constant that is a literal, and that nothing sets again."""

import ast
from collections import Counter
from functools import lru_cache
from typing import Any

from webhook.lint import names
from webhook.lint.objects import find_member
from webhook.lint.state import State
from webhook.lint.values import UNKNOWN, Constant, FunctionNode, Instance, Scope, Value

_OPEN = object()  # not the value of any literal


def decided(state: State, scope: Scope, test: ast.expr) -> bool | None:
    """Return whether *test* holds in the call that is being followed, None when that cannot be told."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = decided(state, scope, test.operand)
        return None if inner is None else not inner
    if isinstance(test, ast.BoolOp):
        found = [decided(state, scope, one) for one in test.values]
        ends = isinstance(test.op, ast.Or)
        return ends if ends in found else None if None in found else not ends
    if isinstance(test, ast.Compare) and len(test.ops) == 1:
        right = test.comparators[0]
        several = isinstance(right, ast.Tuple | ast.List | ast.Set)
        if several == isinstance(test.ops[0], ast.In | ast.NotIn):
            return _compared(test.ops[0], _literal(state, scope, test.left), _literals(state, scope, right))
        return None
    value = _literal(state, scope, test) if isinstance(test, ast.Name | ast.Attribute) else _OPEN
    return None if value is _OPEN else bool(value)


def taken(state: State, scope: Scope, subject: ast.expr, case: ast.match_case) -> bool | None:
    """Return whether *case* fits *subject*, None when that cannot be told."""
    value = _literal(state, scope, subject)
    if value is _OPEN:
        return None
    fits = _fits(value, case.pattern)
    return None if fits and case.guard is not None else fits


def _compared(operator: ast.cmpop, left: Any, right: list[Any]) -> bool | None:  # noqa: ANN401 - literals
    if left is _OPEN or any(one is _OPEN for one in right):
        return None
    if isinstance(operator, ast.Is | ast.IsNot):
        same = type(left) is type(right[0]) and left == right[0]
        return same == isinstance(operator, ast.Is)
    if isinstance(operator, ast.Eq | ast.In):
        return left in right
    return left not in right if isinstance(operator, ast.NotEq | ast.NotIn) else None


def _fits(value: Any, pattern: ast.pattern) -> bool | None:  # noqa: ANN401 - a literal
    if isinstance(pattern, ast.MatchValue) and isinstance(pattern.value, ast.Constant):
        return bool(value == pattern.value.value)
    if isinstance(pattern, ast.MatchSingleton):
        return value is pattern.value
    if isinstance(pattern, ast.MatchOr):
        found = [_fits(value, one) for one in pattern.patterns]
        return True if True in found else None if None in found else False
    return True if isinstance(pattern, ast.MatchAs) and pattern.pattern is None else None


def _literals(state: State, scope: Scope, node: ast.expr) -> list[Any]:
    """Return the literals of *node*, which is one or several."""
    several = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return [_literal(state, scope, one) for one in several]


def _literal(state: State, scope: Scope, node: ast.expr) -> Any:  # noqa: ANN401 - a literal
    """Return the literal that *node* is in the call that is being followed, else _OPEN."""
    if isinstance(node, ast.Constant):
        return node.value
    if not state.stack:  # at the top of a file, which a person may edit
        return _OPEN
    value: Value = UNKNOWN
    if isinstance(node, ast.Name):
        value = _of_name(state, scope, node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        value = _of_attribute(state, state.lookup(scope, node.value.id), node.attr)
    return value.value if isinstance(value, Constant) else _OPEN


def _of_name(state: State, scope: Scope, name: str) -> Value:
    """Return what *name* means if it means one thing only, in its function or at the top of the file."""
    if name in scope.names:
        return scope.names[name] if _bound(state.stack[-1])[name] == 1 else UNKNOWN
    at: Scope | None = scope
    while at is not None and name not in at.names:
        at = at.parent
    if at is None or at.parent is not None:
        return UNKNOWN
    source = state.folder.source(scope.module.file)
    return at.names[name] if source is not None and _bound(source.tree)[name] == 1 else UNKNOWN


def _of_attribute(state: State, owner: Value, name: str) -> Value:
    """Return what *owner* has under *name* if its file sets that in one place only."""
    if not isinstance(owner, Instance) or names.is_enum(owner.of):
        return UNKNOWN
    source = state.folder.source(owner.of.scope.module.file)
    times = _bound(source.tree)[f".{name}"] if source is not None else 2
    if name in owner.attributes:
        return owner.attributes[name] if times <= 1 else UNKNOWN
    return find_member(owner.of, name) if times == 0 else UNKNOWN


@lru_cache(maxsize=4096)
def _bound(code: FunctionNode | ast.Module) -> Counter[str]:
    """Return how often *code* binds each name and sets each attribute: what it sets again may change in between."""
    found: Counter[str] = Counter()
    for node in ast.walk(code):
        if isinstance(node, ast.arg):
            found[node.arg] += 1
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found[node.id] += 1
        elif isinstance(node, ast.Attribute) and not isinstance(node.ctx, ast.Load):
            found[f".{node.attr}"] += 1
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names * 2)
        elif isinstance(node, ast.alias):
            found[(node.asname or node.name).partition(".")[0]] += 1
        elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and node.name is not None:
            found[node.name] += 1
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            found[node.rest] += 1
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node is not code:
            found[node.name] += 1
    return found
