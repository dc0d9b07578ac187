"""Expressions become values."""

import ast
from typing import Any

from webhook.lint.attributes import Objects
from webhook.lint.decided import decided
from webhook.lint.objects import is_empty, sliced
from webhook.lint.state import constant, entry
from webhook.lint.text import item_of, looks_at_characters, with_operator
from webhook.lint.values import (
    UNKNOWN,
    Arguments,
    Constant,
    Either,
    External,
    Function,
    Items,
    Made,
    Mapping,
    Scope,
    Text,
    Value,
    join,
)

_KINDS = {ast.List: "list", ast.Tuple: "tuple", ast.Set: "set"}
_METHODS = {
    ast.Constant: "_constant",
    ast.JoinedStr: "_joined",
    ast.Name: "_name",
    ast.Attribute: "_attribute",
    ast.NamedExpr: "_walrus",
    ast.List: "_items",
    ast.Tuple: "_items",
    ast.Set: "_items",
    ast.Dict: "_dict",
    ast.BinOp: "_binary",
    ast.UnaryOp: "_unary",
    ast.BoolOp: "_boolean",
    ast.IfExp: "_conditional",
    ast.Compare: "_compare",
    ast.Subscript: "_subscript",
    ast.Lambda: "_lambda",
    ast.ListComp: "_comprehension",
    ast.SetComp: "_comprehension",
    ast.GeneratorExp: "_comprehension",
    ast.DictComp: "_comprehension",
    ast.Await: "_passed",
    ast.Starred: "_passed",
    ast.YieldFrom: "_yield_from",
    ast.Call: "_call",
}


class Expressions(Objects):
    """Evaluates everything but calls."""

    def evaluate(self, scope: Scope, node: ast.AST) -> Value:
        """Return what the expression *node* is in *scope*."""
        self.tick()
        name = _METHODS.get(type(node))
        if name is None:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.evaluate(scope, child)
            return UNKNOWN
        found: Value = getattr(self, name)(scope, node)
        if self.guarded and isinstance(found, Made) and found.path == "os.getenv":
            self.foresee(str(constant(found.arguments.positional[0])))
        return found

    # A method for each kind of expression.

    def _constant(self, _scope: Scope, node: ast.Constant) -> Value:
        return Constant(node.value)

    def _joined(self, scope: Scope, node: ast.JoinedStr) -> Value:
        for one in node.values:
            if isinstance(one, ast.FormattedValue):
                self.evaluate(scope, one.value)
        return Made("builtins.str", Arguments())

    def _name(self, scope: Scope, node: ast.Name) -> Value:
        return self.lookup(scope, node.id)

    def _attribute(self, scope: Scope, node: ast.Attribute) -> Value:
        return self.attribute(scope, node, self.evaluate(scope, node.value), node.attr)

    def _walrus(self, scope: Scope, node: ast.NamedExpr) -> Value:
        value = self.evaluate(scope, node.value)
        self.bind(scope, node.target.id, value)
        return value

    def _items(self, scope: Scope, node: ast.List | ast.Tuple | ast.Set) -> Value:
        items: list[Value] = []
        rest: list[Value] = []
        for one in node.elts:
            if not isinstance(one, ast.Starred):
                (rest or items).append(self.evaluate(scope, one))
                continue
            value = self.evaluate(scope, one.value)
            if isinstance(value, Items) and value.rest is None and not rest:
                items += value.items
            else:
                rest.append(self.element(scope, one, value, "unpacks"))
        return Items(_KINDS[type(node)], tuple(items), join(rest) if rest else None)

    def _dict(self, scope: Scope, node: ast.Dict) -> Value:
        made = Mapping()
        for key, value in zip(node.keys, node.values, strict=True):
            found = self.evaluate(scope, value)
            if key is None:
                made = made.merged(found if isinstance(found, Mapping) else Mapping(open=True))
                continue
            name = constant(self.evaluate(scope, key))
            if isinstance(name, str):
                made = made.merged(Mapping({name: found}, {name: self.place(scope, value)}))
            else:
                made = made.merged(Mapping(open=True))
        return made

    def _binary(self, scope: Scope, node: ast.BinOp) -> Value:
        left, right = self.evaluate(scope, node.left), self.evaluate(scope, node.right)
        if isinstance(node.op, ast.BitOr) and isinstance(left, Mapping):
            return left.merged(right if isinstance(right, Mapping) else Mapping(open=True))
        text = self.texts(right)
        sides = left.options if isinstance(left, Either) else (left,)
        if isinstance(node.op, ast.Add) and isinstance(text, Text) and all(isinstance(one, Items) for one in sides):
            return self.misuse(scope, node, text, "adds to a list the elements of")
        text = self.texts(left)
        if isinstance(node.op, ast.Add) and isinstance(text, Text) and isinstance(right, Items):
            return self.misuse(scope, node, text, "adds a list to")
        return with_operator(node.op, left, right)

    def _unary(self, scope: Scope, node: ast.UnaryOp) -> Value:
        number = constant(self.evaluate(scope, node.operand))
        return Constant(-number) if isinstance(node.op, ast.USub) and isinstance(number, int) else UNKNOWN

    def _boolean(self, scope: Scope, node: ast.BoolOp) -> Value:
        found: list[Value] = []
        self.guarded += 1
        for one in node.values:
            value = self.evaluate(scope, one)
            if self.texts(value) is not None and isinstance(node.op, ast.Or):
                found = [value]
                break  # a text that is not empty ends an `or`
            found.append(value)
        self.guarded -= 1
        return found[-1] if isinstance(node.op, ast.And) else join(found)

    def _conditional(self, scope: Scope, node: ast.IfExp) -> Value:
        self.test(scope, node.test)
        holds = decided(self, scope, node.test)
        if holds is not None:
            return self.evaluate(scope, node.body if holds else node.orelse)
        values = [self.evaluate(scope, node.body), self.evaluate(scope, node.orelse)]
        texts = [one for one in values if self.texts(one) is not None]
        if len(texts) == 1 and any(is_empty(one) for one in values):
            return texts[0]
        return join(values)

    def test(self, scope: Scope, node: ast.expr) -> None:
        """Evaluate a condition."""
        self.guarded += 1
        self.evaluate(scope, node)
        self.guarded -= 1

    def _compare(self, scope: Scope, node: ast.Compare) -> Value:
        self.guarded += 1
        sides = [node.left, *node.comparators]
        literal = any(isinstance(one, ast.Constant) and isinstance(one.value, str) for one in sides)
        left: Value = UNKNOWN
        for one in sides:
            if literal and isinstance(one, ast.Subscript):  # text[-1] == "\n" knows that it is text
                continue
            value = self.evaluate(scope, one)
            if one is node.left:
                left = value
            elif value == External("os.environ"):
                self.foreseen.update(
                    str(constant(name)) for name in (left.options if isinstance(left, Either) else (left,))
                )
        self.guarded -= 1
        return UNKNOWN

    def _subscript(self, scope: Scope, node: ast.Subscript) -> Value:
        owner = self.evaluate(scope, node.value)
        text = self.texts(owner)
        if isinstance(node.slice, ast.Slice):
            for part in (node.slice.lower, node.slice.upper, node.slice.step):
                if part is not None:
                    self.evaluate(scope, part)
            return sliced(owner, node.slice) if text is None else text
        index = constant(self.evaluate(scope, node.slice))
        if text is not None:
            return item_of(self, scope, node, text, index)
        if isinstance(owner, Items) and isinstance(index, int) and -len(owner.items) <= index < len(owner.items):
            return owner.items[index] if owner.rest is None or index >= 0 else UNKNOWN
        if isinstance(owner, Items):
            return join(list(owner.all)) if owner.all else UNKNOWN
        if isinstance(owner, Mapping) and isinstance(index, str):
            return entry(owner, index)
        if isinstance(owner, External) and owner.path == "os.environ" and isinstance(index, str):
            self.environ(scope, node, index)
        return UNKNOWN

    def environ(self, scope: Scope, node: ast.AST, name: str) -> None:
        """Take note of `os.environ[name]`."""
        raise NotImplementedError

    def _lambda(self, scope: Scope, node: ast.Lambda) -> Value:
        return Function(node, scope, "<lambda>", f"{scope.path}<lambda>")

    def _comprehension(self, scope: Scope, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        inner = Scope(scope.module, scope, scope.path, dict(scope.names) if scope.is_class else {})
        results = (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
        for generator in node.generators:
            value = self.iterated(inner, generator.target, generator.iter, node)
            self.assign(inner, generator.target, self.element(inner, generator.iter, value))
            for condition in generator.ifs:
                self.test(inner, condition)
        found = [self.evaluate(inner, one) for one in results]
        if isinstance(node, ast.DictComp):
            return Mapping(open=True)
        return Items("set" if isinstance(node, ast.SetComp) else "list", (), found[0])

    def iterated(self, scope: Scope, target: ast.expr, iterable: ast.expr, where: ast.AST) -> Value:
        """Return what a loop in *where* goes over; UNKNOWN for text, if the loop knows that it gets characters."""
        names = [iterable, *iterable.args] if isinstance(iterable, ast.Call) else [iterable]
        values = [self.lookup(scope, one.id) for one in names if isinstance(one, ast.Name)]
        if any(isinstance(self.texts(one), Text) for one in values) and looks_at_characters(target, where):
            return UNKNOWN
        return self.evaluate(scope, iterable)

    def assign(self, scope: Scope, target: ast.AST, value: Value) -> None:
        """Bind the names of *target* to *value*."""
        raise NotImplementedError

    def _passed(self, scope: Scope, node: Any) -> Value:  # noqa: ANN401 - Await, Starred
        return self.evaluate(scope, node.value)

    def _yield_from(self, scope: Scope, node: ast.YieldFrom) -> Value:
        return self.element(scope, node, self.evaluate(scope, node.value))

    def _call(self, scope: Scope, node: ast.Call) -> Value:
        return self.call(scope, node)
