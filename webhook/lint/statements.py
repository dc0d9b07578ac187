"""Statements, followed in order: what names mean behind them, and whether what stands behind them is reached."""

import ast

from webhook.lint import names
from webhook.lint.flow import Flow
from webhook.lint.methods import METHODS, changed, copied
from webhook.lint.objects import FLAGS, flagged
from webhook.lint.record import Slot
from webhook.lint.sites import identity
from webhook.lint.state import constant
from webhook.lint.values import (
    UNKNOWN,
    Arguments,
    Class,
    Constant,
    External,
    Function,
    Items,
    Made,
    Mapping,
    Partial,
    Scope,
    Value,
)

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.TryStar, ast.Match)
_NAMES = 32  # names that are copied for a branch, and joined behind it, in the time of one step
_METHODS = {
    ast.Expr: "_expression",
    ast.Assign: "_assignment",
    ast.AnnAssign: "_annotated",
    ast.AugAssign: "_augmented",
    ast.Delete: "_delete",
    ast.Return: "_return",
    ast.Assert: "_assert",
    ast.If: "_if",
    ast.For: "_for",
    ast.AsyncFor: "_for",
    ast.While: "_while",
    ast.With: "_with",
    ast.AsyncWith: "_with",
    ast.Try: "_try",
    ast.TryStar: "_try",
    ast.Match: "_match",
    ast.Global: "_outer",
    ast.Nonlocal: "_outer",
    ast.FunctionDef: "_function",
    ast.AsyncFunctionDef: "_function",
    ast.ClassDef: "_class",
    ast.Import: "_import",
    ast.ImportFrom: "_import_from",
}


class Statements(Flow):
    """Follows statements."""

    def run(self, scope: Scope, body: list[ast.stmt]) -> bool:
        """Follow *body*; return whether what stands behind it is reached."""
        for statement in body:
            self.tick(1 + (len(scope.names) // _NAMES if isinstance(statement, _BRANCHES) else 0))
            name = _METHODS.get(type(statement))
            if name is not None:
                if getattr(self, name)(scope, statement) is False:
                    return False
            else:
                for child in ast.iter_child_nodes(statement):
                    if isinstance(child, ast.expr):
                        self.evaluate(scope, child)
            if isinstance(statement, _ENDS):
                return False
        return True

    def assign(self, scope: Scope, target: ast.AST, value: Value) -> None:
        """Bind the names of *target* to *value*."""
        if isinstance(target, ast.Name):
            self.bind(scope, target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(scope, target, value)
        elif isinstance(target, ast.Starred):
            self.assign(scope, target.value, Items("list", (), UNKNOWN))
        elif isinstance(target, ast.Attribute):
            self.set_attribute(scope, target, self.evaluate(scope, target.value), target.attr, value)
        elif isinstance(target, ast.Subscript):
            self._set_item(scope, target, value)

    def _unpack(self, scope: Scope, target: ast.Tuple | ast.List, value: Value) -> None:
        targets = target.elts
        star = next((at for at, one in enumerate(targets) if isinstance(one, ast.Starred)), None)
        if isinstance(value, Items) and value.rest is None and star is None and len(value.items) == len(targets):
            for one, item in zip(targets, value.items, strict=True):
                self.assign(scope, one, item)
            return
        if (
            isinstance(value, Items)
            and value.rest is None
            and star is not None
            and len(value.items) >= len(targets) - 1
        ):
            after = len(targets) - star - 1
            middle = value.items[star : len(value.items) - after]
            parts = [*value.items[:star], Items("list", middle), *value.items[len(value.items) - after :]]
            for one, item in zip(targets, parts, strict=True):
                self.assign(scope, one.value if isinstance(one, ast.Starred) else one, item)
            return
        item = self.element(scope, target, value, "unpacks")
        for one in targets:
            self.assign(scope, one, item)

    def _set_item(self, scope: Scope, target: ast.Subscript, value: Value) -> None:
        owner = self.evaluate(scope, target.value)
        key = constant(self.evaluate(scope, target.slice))
        if owner == External("os.environ") and isinstance(key, str):
            self.provided.add(key)
        if isinstance(owner, Mapping) and isinstance(target.value, ast.Name):
            more = (
                Mapping({key: value}, {key: self.place(scope, target)}) if isinstance(key, str) else Mapping(open=True)
            )
            self.bind(scope, target.value.id, owner.merged(more))
        if isinstance(owner, Mapping):
            owner.loosen(key if isinstance(key, str) else None, value)
        elif isinstance(owner, Items):
            owner.loosen()

    # A method for each kind of statement; False says that nothing behind it is reached.

    def _expression(self, scope: Scope, node: ast.Expr) -> None:
        call = node.value
        if (
            not isinstance(call, ast.Call)
            or not isinstance(call.func, ast.Attribute)
            or not isinstance(call.func.value, ast.Name)
        ):
            self.evaluate(scope, node.value)
            return
        owner = copied(self.lookup(scope, call.func.value.id))  # as it is before the call changes it
        self.evaluate(scope, node.value)
        if isinstance(owner, Mapping | Items):
            after = changed(owner, call.func.attr, self._again(scope, call), self.place(scope, call))
            if after is not None:
                self.bind(scope, call.func.value.id, after)

    def _again(self, scope: Scope, call: ast.Call) -> Arguments:
        """Return the arguments of a call that was evaluated before."""
        met, self.record.given = self.record.given, []
        try:
            return self.arguments(scope, call)
        finally:
            self.record.given = met

    def _assignment(self, scope: Scope, node: ast.Assign) -> None:
        value = self.evaluate(scope, node.value)
        for target in node.targets:
            self.assign(scope, target, value)

    def _annotated(self, scope: Scope, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(scope, node.target, self.evaluate(scope, node.value))

    def _delete(self, scope: Scope, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                scope.names.pop(target.id, None)
            elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
                given = Arguments((self.evaluate(scope, target.slice),))
                owner = self.lookup(scope, target.value.id)
                after = changed(owner, "pop", given, self.place(scope, target))
                METHODS["pop"](self, scope, target, owner, given)
                if after is not None:
                    self.bind(scope, target.value.id, after)

    def _augmented(self, scope: Scope, node: ast.AugAssign) -> None:
        if isinstance(node.op, ast.BitOr) and self.evaluate(scope, node.target) == External("os.environ"):
            more = self.evaluate(scope, node.value)
            self.provided.update(more.entries if isinstance(more, Mapping) else ())
            return
        load = ast.copy_location(ast.BinOp(node.target, node.op, node.value), node)  # Store or Load is never looked at
        self.assign(scope, node.target, self.evaluate(scope, load))

    def _return(self, scope: Scope, node: ast.Return) -> None:
        value = self.evaluate(scope, node.value) if node.value is not None else Constant(None)
        if self.returned:
            self.returned[-1].append(value)

    def _assert(self, scope: Scope, node: ast.Assert) -> None:
        self.test(scope, node.test)
        if node.msg is not None:
            self.evaluate(scope, node.msg)

    def _outer(self, scope: Scope, node: ast.Global | ast.Nonlocal) -> None:
        scope.outer |= frozenset(node.names)

    def _function(self, scope: Scope, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        value: Value = Function(node, scope, node.name, f"{scope.path}{node.name}")
        assert isinstance(value, Function)  # noqa: S101 - for the type checker
        self.defined.append(value)
        for decorator in reversed(node.decorator_list):
            known = set(scope.module.dags)
            found = self.evaluate(scope, decorator)
            if names.is_dag(names.path_of(found)):  # whose id is the function's name, unless it is given another
                given = found.arguments if isinstance(found, Made) else Arguments()
                own = given.positional or given.open or "dag_id" in given.keywords
                scope.module.dags = known | {identity(Slot.DAG, given) if own else node.name}
            if isinstance(found, External) and found.path in _TRANSPARENT:
                continue
            if isinstance(found, External) and found.path in FLAGS:
                value = flagged(value, FLAGS[found.path])
            elif names.is_task(names.path_of(found)) or names.is_dag(names.path_of(found)):
                value = found if isinstance(found, Made) else Made(names.path_of(found), Arguments())
            elif isinstance(value, Function) and isinstance(found, Function | Class | Partial):
                value = self.apply(scope, decorator, found, (value,))
            else:
                value = UNKNOWN
        self.bind(scope, node.name, value)

    def _class(self, scope: Scope, node: ast.ClassDef) -> None:
        bases = tuple(self.evaluate(scope, base) for base in node.bases)
        inner = Scope(scope.module, scope, f"{scope.path}{node.name}.", is_class=True)
        self.run(inner, node.body)
        opaque = False
        for decorator in node.decorator_list:
            path = names.path_of(self.evaluate(scope, decorator))
            opaque = opaque or path.rpartition(".")[2] not in (
                "dataclass",
                "define",
                "frozen",
                "final",
                "total_ordering",
            )
        self.bind(scope, node.name, Class(node, scope, f"{scope.path}{node.name}", bases, inner.names, opaque))


# Decorators that leave a function's parameters as they are.
_TRANSPARENT = frozenset({
    "builtins.transparent", "functools.lru_cache", "functools.cache", "abc.abstractmethod", "typing.final",
    "typing.override", "typing_extensions.override",
})  # fmt: skip
