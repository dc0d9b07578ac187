"""Conditions that a call decides: a parameter that is a literal there, and that nothing binds again."""

import ast
from collections import Counter
from functools import lru_cache
from typing import Any

from webhook.lint.state import State
from webhook.lint.values import UNKNOWN, Constant, FunctionNode, Scope

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
    value = _literal(state, scope, test) if isinstance(test, ast.Name) else _OPEN
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
    if not isinstance(node, ast.Name) or not state.stack or _bound(state.stack[-1])[node.id] != 1:
        return _OPEN
    value = scope.names.get(node.id, UNKNOWN)
    return value.value if isinstance(value, Constant) else _OPEN


@lru_cache(maxsize=4096)
def _bound(function: FunctionNode) -> Counter[str]:
    """Return how often *function* binds each name: one that it binds again may be another thing in the next round."""
    found: Counter[str] = Counter()
    for node in ast.walk(function):
        if isinstance(node, ast.arg):
            found[node.arg] += 1
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found[node.id] += 1
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names * 2)
        elif isinstance(node, ast.alias):
            found[(node.asname or node.name).partition(".")[0]] += 1
        elif isinstance(node, ast.MatchAs | ast.MatchStar | ast.ExceptHandler) and node.name is not None:
            found[node.name] += 1
        elif isinstance(node, ast.MatchMapping) and node.rest is not None:
            found[node.rest] += 1
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node is not function:
            found[node.name] += 1
    return found
