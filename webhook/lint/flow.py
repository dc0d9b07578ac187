"""Branches, loops and what catches exceptions: which statements are reached, and what names mean where they meet."""

import ast
from collections.abc import Iterator
from typing import Any

from webhook.lint.calls import Calls
from webhook.lint.decided import decided, taken
from webhook.lint.state import constant
from webhook.lint.text import for_sequences
from webhook.lint.values import UNKNOWN, Constant, External, Instance, Items, Made, Scope, Text, Value, join

_UNROLLED = 16  # items of a list that a loop is followed for one by one
_CATCHES = frozenset({"AttributeError", "TypeError", "KeyError"})


class Flow(Calls):
    """Follows statements that hold statements; False says that nothing behind one is reached."""

    def _if(self, scope: Scope, node: ast.If) -> bool:
        if _never(node.test):
            return self.run(scope, node.orelse)
        self.test(scope, node.test)
        before = scope.names
        reached: list[dict[str, Value]] = []
        absent = _absent(node.test)
        holds = decided(self, scope, node.test)
        for body in (node.body, node.orelse) if holds is None else (node.body,) if holds else (node.orelse,):
            scope.names = dict(before)
            if self.run(scope, body):
                if body is node.body and absent is not None and self.texts(before.get(absent, UNKNOWN)) is not None:
                    scope.names[absent] = before[absent]  # what happens to an empty text does not count as use
                reached.append(scope.names)
        scope.names = merged(reached) if reached else before
        return bool(reached)

    def _for(self, scope: Scope, node: ast.For | ast.AsyncFor) -> None:
        value = self.iterated(scope, node.target, node.iter, node)
        if isinstance(value, Items) and value.rest is None and len(value.items) <= _UNROLLED and _differ(value.items):
            rounds = list(value.items)
        else:
            rounds = [self.element(scope, node.iter, value)]
        before = scope.names
        scope.names = dict(before)
        for item in rounds:
            self.assign(scope, node.target, item)
            self.run(scope, node.body)
        scope.names = merged([before, scope.names])
        self.run(scope, node.orelse)

    def _while(self, scope: Scope, node: ast.While) -> None:
        self.test(scope, node.test)
        before = scope.names
        scope.names = dict(before)
        self.run(scope, node.body)
        scope.names = merged([before, scope.names])
        self.run(scope, node.orelse)

    def _with(self, scope: Scope, node: ast.With | ast.AsyncWith) -> bool:
        mutes = False
        for item in node.items:
            value = self.evaluate(scope, item.context_expr)
            if isinstance(value, Made) and value.path == "contextlib.suppress":
                mutes = mutes or any(_caught(one) for one in value.arguments.positional)
            if item.optional_vars is not None:
                self.assign(scope, item.optional_vars, value if isinstance(value, Made | Instance) else UNKNOWN)
        self.muted += mutes
        falls = self.run(scope, node.body)
        self.muted -= mutes
        return falls or mutes

    def _try(self, scope: Scope, node: Any) -> bool:  # noqa: ANN401 - Try, TryStar
        caught = [one for handler in node.handlers for one in _types(handler.type)]
        mutes = any(isinstance(one, ast.Name) and one.id in _CATCHES for one in caught)
        answers = {answer for handler in node.handlers for one in handler.body for answer in _answers(one)}
        before = scope.names
        scope.names = dict(before)
        falls = True
        for statement in node.body:
            answered = mutes or not answers.isdisjoint(_answers(statement))
            self.muted += answered
            falls = self.run(scope, [statement])
            self.muted -= answered
            if not falls:
                break
        behind = scope.names
        ends = [behind] if falls and self.run(scope, node.orelse) else []
        for handler in node.handlers:
            scope.names = merged([before, behind])
            if handler.name is not None:
                scope.names[handler.name] = UNKNOWN
            if self.run(scope, handler.body):
                ends.append(scope.names)
        scope.names = merged(ends) if ends else merged([before, behind])
        return self.run(scope, node.finalbody) and bool(ends)

    def _match(self, scope: Scope, node: ast.Match) -> bool:
        subject = self.evaluate(scope, node.subject)
        if isinstance(subject, Made) and subject.path == "os.getenv":
            self.foresee(str(constant(subject.arguments.positional[0])))
        text, sequence = self.texts(subject), for_sequences(node)
        if isinstance(text, Text) and sequence is not None:
            self.misuse(scope, sequence, text, "matches with a list")
        else:
            self.untaint(subject)
        before = scope.names
        reached = [] if any(_matches_all(case) for case in node.cases) else [before]
        for case in node.cases:
            fits = taken(self, scope, node.subject, case)
            if fits is False:
                continue
            scope.names = dict(before)
            for name in _captured(case.pattern):
                scope.names[name] = UNKNOWN
            if case.guard is not None:
                self.test(scope, case.guard)
            if self.run(scope, case.body):
                reached.append(scope.names)
            if fits:
                reached = [one for one in reached if one is not before]
                break
        scope.names = merged(reached) if reached else before
        return bool(reached)


def merged(states: list[dict[str, Value]]) -> dict[str, Value]:
    """Return what names mean where *states* meet; a name that only some of them have means what it means there."""
    if len(states) == 1:
        return states[0]
    found: dict[str, Value] = dict(states[0])
    for state in states[1:]:
        for name, value in state.items():
            known = found.get(name, value)
            found[name] = value if known is value else join([known, value])
    return found


def _differ(items: tuple[Value, ...]) -> bool:
    """Return whether it matters which of *items* a loop has."""
    return not all(isinstance(one, Constant) for one in items)


def _never(test: ast.expr) -> bool:
    """Return whether *test* is false whenever Airflow reads the file."""
    if isinstance(test, ast.Constant):
        return not test.value
    if isinstance(test, ast.Name | ast.Attribute):
        return (test.id if isinstance(test, ast.Name) else test.attr) == "TYPE_CHECKING"
    return (
        isinstance(test, ast.Compare)
        and isinstance(test.left, ast.Name)
        and test.left.id == "__name__"
        and isinstance(test.ops[0], ast.Eq)
    )


def _matches_all(case: ast.match_case) -> bool:
    """Return whether *case* is taken whatever the subject is: `case _`, `case other`, `case None | _`."""
    pattern = case.pattern
    while isinstance(pattern, ast.MatchAs | ast.MatchOr):
        inner = pattern.patterns[-1] if isinstance(pattern, ast.MatchOr) else pattern.pattern
        if inner is None:
            return case.guard is None
        pattern = inner
    return False


def _captured(pattern: ast.pattern) -> Iterator[str]:
    """Yield the names that *pattern* binds."""
    for one in ast.walk(pattern):
        if isinstance(one, ast.MatchAs | ast.MatchStar) and one.name is not None:
            yield one.name
        elif isinstance(one, ast.MatchMapping) and one.rest is not None:
            yield one.rest


def _absent(test: ast.expr) -> str | None:
    """Return the name that *test* finds empty: `not name`, `name is None`, `len(name) == 0`, `name == ""`."""
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return test.operand.id if isinstance(test.operand, ast.Name) else None
    if not isinstance(test, ast.Compare) or not isinstance(test.ops[0], ast.Is | ast.Eq):
        return None
    left, right = test.left, test.comparators[0]
    if isinstance(left, ast.Call) and len(left.args) == 1:
        left = left.args[0]
    if isinstance(left, ast.Name) and isinstance(right, ast.Constant) and not right.value:
        return left.id
    return None


def _answers(node: ast.stmt) -> Iterator[str]:
    """Yield what *node* answers with: names that it sets or adds to, "return" for one that returns something.

    Where a handler answers the same (`except Exception: url = None`), what goes wrong in *node* is made up for.
    """
    if isinstance(node, ast.Return) and node.value is not None:
        yield "return"
    elif isinstance(node, ast.Assign):
        yield ast.unparse(node.targets[0])
    elif isinstance(node, ast.AnnAssign | ast.AugAssign):
        yield ast.unparse(node.target)
    elif isinstance(node, ast.For):
        for one in node.body:
            if isinstance(one, ast.AugAssign):
                yield ast.unparse(one.target)
            elif isinstance(one, ast.Expr) and isinstance(one.value, ast.Call):
                yield ast.unparse(one.value.func).removesuffix(".append")


def _types(node: ast.expr | None) -> list[ast.expr]:
    if node is None:
        return []
    return list(node.elts) if isinstance(node, ast.Tuple) else [node]


def _caught(value: Value) -> bool:
    return isinstance(value, External) and value.path.rpartition(".")[2] in _CATCHES
