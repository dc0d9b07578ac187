"""Callbacks whose call runs none of their code: coroutines, generators, classes, and functions that only return one."""

import ast
from collections.abc import Iterator

from webhook.lint import names, shape
from webhook.lint.facts import Facts
from webhook.lint.finding import Fault, Trouble
from webhook.lint.objects import is_generator
from webhook.lint.reading import Reading
from webhook.lint.record import Given, Slot
from webhook.lint.values import External, Function, Value
from webhook.rules.finding import Mode

_FUNCTIONS = ast.FunctionDef | ast.AsyncFunctionDef


def without_effect(reading: Reading, given: Given, value: Value, facts: Facts) -> Iterator[Trouble]:
    """Yield why calling *value* runs none of its code."""
    notifier = next((path for path in names.roots(value) if names.is_notifier(path)), "")
    if (notifier and not isinstance(value, External | Function)) or (isinstance(value, External) and notifier):
        name = shape.title(value)
        text = f"is the class {name}, not an object of it: its caller makes one and drops it, and nobody is told"
        yield Fault.NEVER_CALLED, text, f"write {name}(...)", Mode.ENFORCE
        return
    function = shape.entry_point(value)
    if function is None:
        return
    node = function.node
    if isinstance(node, ast.Lambda):
        yield from _of_lambda(reading, function, node.body)
    elif isinstance(node, ast.AsyncFunctionDef):
        text = f"{function.name} is a coroutine function, and its caller does not await it: its code never runs"
        yield Fault.NEVER_CALLED, text, "write def, and asyncio.run(...) in it for what must be awaited", Mode.ENFORCE
    elif is_generator(node):
        task = given.slot in (Slot.TASK, Slot.DEFAULT_ARGS)
        if not task or facts.versions(given).until(3):
            text = f"{function.name} is a generator function, and its caller does not go over it: its code never runs"
            yield Fault.NEVER_CALLED, text, "leave yield out", Mode.ENFORCE
    elif inner := returned(node):
        text = f"{function.name} only makes {inner} and returns it, and its caller drops what it returns: it never runs"
        yield Fault.NEVER_CALLED, text, f"write {function.name}(...), which gives {inner}", Mode.ENFORCE


def _of_lambda(reading: Reading, function: Function, body: ast.expr) -> Iterator[Trouble]:
    called = reading.glance(function.scope, body.func) if isinstance(body, ast.Call) else None
    if isinstance(called, Function) and isinstance(called.node, ast.AsyncFunctionDef):
        text = f"the lambda returns a coroutine of {called.name}, and its caller does not await it: it never runs"
        yield Fault.NEVER_CALLED, text, f"lambda context: asyncio.run({called.name}(context))", Mode.ENFORCE
    elif isinstance(called, Function) and isinstance(called.node, ast.FunctionDef) and (inner := returned(called.node)):
        text = f"the lambda returns {inner}, which {called.name} makes, and its caller drops that: it never runs"
        yield Fault.NEVER_CALLED, text, f"give what {called.name}(...) returns, without lambda", Mode.ENFORCE
    elif isinstance(body, ast.Name | ast.Attribute) and isinstance(
        named := reading.glance(function.scope, body), Function
    ):
        text = f"the lambda returns the function {named.name} and does not call it: it never runs"
        yield Fault.NEVER_CALLED, text, f"give {named.name} itself", Mode.ENFORCE


def returned(node: ast.FunctionDef) -> str:
    r"""Return the name of the function that *node* makes and returns, if it does nothing else; else "".

    >>> returned(ast.parse("def to(channel):\n    def send(context): ...\n    return send").body[0])
    'send'
    """
    *before, last = node.body
    made = {one.name for one in before if isinstance(one, _FUNCTIONS)}
    if not isinstance(last, ast.Return) or node.decorator_list or not all(map(_is_idle, before)):
        return ""
    if isinstance(last.value, ast.Lambda):
        return "a lambda"
    return last.value.id if isinstance(last.value, ast.Name) and last.value.id in made else ""


def _is_idle(statement: ast.stmt) -> bool:
    """Return whether *statement* only gives something a name, or is a docstring."""
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, _FUNCTIONS):
        return True
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return not any(isinstance(node, ast.Call | ast.Await) for node in ast.walk(statement))
    return isinstance(statement, ast.Import | ast.ImportFrom | ast.Pass)
