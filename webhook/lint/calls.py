"""Calls: functions of the folder are followed, what is known of Python and Airflow is computed, the rest is unknown."""

import ast

from webhook.lint import names
from webhook.lint.binding import BindError, bind, prepend, starred
from webhook.lint.builtin import BUILTINS
from webhook.lint.expressions import Expressions
from webhook.lint.methods import METHODS, of_made
from webhook.lint.objects import bound, find_member, is_generator, returns_something
from webhook.lint.record import Kind, Misfit, Slot
from webhook.lint.sites import identity, sites
from webhook.lint.state import DEPTH, constant
from webhook.lint.text import method_of
from webhook.lint.values import (
    NONE,
    UNKNOWN,
    Arguments,
    Class,
    Either,
    External,
    Function,
    Instance,
    Items,
    Made,
    Mapping,
    Method,
    Nothing,
    Partial,
    Scope,
    Text,
    Value,
    Word,
    join,
)

_PYTHON = ("builtins.", "itertools.", "functools.", "os.", "asyncio.", "copy.", "typing.", "importlib.")


class Calls(Expressions):
    """Evaluates calls."""

    returned: list[list[Value]]  # by the functions of the stack, innermost last

    def call(self, scope: Scope, node: ast.Call) -> Value:
        """Return what the call *node* returns."""
        callee = self.evaluate(scope, node.func)
        given = self.arguments(scope, node)
        return self.invoke(scope, node, callee, given)

    def apply(self, scope: Scope, node: ast.AST, callee: Value, args: tuple[Value, ...]) -> Value:
        """Return what *callee* returns for the positional *args*."""
        return self.invoke(scope, node, callee, Arguments(args))

    def arguments(self, scope: Scope, node: ast.Call) -> Arguments:
        """Return the arguments of the call *node*."""
        positional: list[Value] = []
        keywords: dict[str, Value] = {}
        places = {}
        is_open = False
        for one in node.args:
            if isinstance(one, ast.Starred):
                value = self.evaluate(scope, one.value)
                if isinstance(self.texts(value), Text):
                    self.element(scope, one, value, "unpacks")
                more, unsure = starred(value)
                positional += () if is_open else more
                is_open = is_open or unsure
            elif is_open:
                self.evaluate(scope, one)
            else:
                positional.append(self.evaluate(scope, one))
        for keyword in node.keywords:
            value = self.evaluate(scope, keyword.value)
            if keyword.arg is not None:
                keywords[keyword.arg] = value
                places[keyword.arg] = self.place(scope, keyword.value)
            elif isinstance(value, Mapping):
                keywords = value.entries | keywords  # what is written out was taken from the dict, or the call fails
                places = {name: value.places.get(name, self.place(scope, node)) for name in value.entries} | places
                is_open = is_open or value.open
            else:
                scope.module.dynamic = is_open = True
        return Arguments(tuple(positional), keywords, places, open=is_open)

    def invoke(self, scope: Scope, node: ast.AST, callee: Value, given: Arguments) -> Value:  # noqa: PLR0911 - a case each
        """Return what *callee* returns for *given*."""
        self.tick()
        if isinstance(callee, Function):
            return self.follow(scope, node, callee, given)
        if isinstance(callee, Partial):
            first = Arguments(callee.args, callee.keywords, {}, open=callee.open)
            return self.invoke(scope, node, callee.function, prepend(first, given))
        if isinstance(callee, Class):
            return self.construct(scope, node, callee, given)
        if isinstance(callee, Instance):
            return self.invoke(scope, node, self.of_object(scope, node, callee, "__call__"), given)
        if isinstance(callee, External):
            return self.external(scope, node, callee.path, given)
        if isinstance(callee, Method):
            return self.method(scope, node, callee, given)
        if isinstance(callee, Either):
            return self.either(scope, node, callee, given)
        if isinstance(callee, Made):
            return callee  # calling a task, or a method of it, makes once more something of its kind
        return UNKNOWN

    def either(self, scope: Scope, node: ast.AST, callee: Either, given: Arguments) -> Value:
        """Return what one of the options of *callee* returns for *given*."""
        start, fits, found = len(self.record.misfits), False, list[Value]()
        for one in callee.options:
            met = len(self.record.misfits)
            found.append(self.invoke(scope, node, one, given))
            fits = fits or len(self.record.misfits) == met
        if fits:
            del self.record.misfits[start:]
        return join(found)

    def unfit(self, scope: Scope, node: ast.AST, function: Function, given: Arguments, problem: str) -> None:
        """Take note that *function* does not take what Airflow passes and code hands on to it."""
        handed_on = any(one in self.passed for one in (*given.positional, *given.keywords.values()))
        if handed_on and self.trail and not self.muted:
            self.record.misfits.append(Misfit(function, problem, self.place(scope, node)))

    def follow(self, scope: Scope, node: ast.AST, function: Function, given: Arguments) -> Value:
        """Return what *function* returns for *given*, after following its code."""
        code = function.node
        try:
            bound = bind(function, given)
        except BindError as error:
            self.unfit(scope, node, function, given, str(error))
            return Nothing(function.name, str(error))
        if code in self.stack or len(self.stack) >= DEPTH:
            return UNKNOWN
        self.called.add(code)
        path = f"{function.qualified}.<locals>."
        inner = Scope(function.scope.module, function.scope, path, dict(bound.names))
        for name, default in bound.defaults.items():
            inner.names[name] = self.evaluate(function.scope, default)
        self.stack.append(code)
        self.trail.append(self.place(scope, node))
        muted, guarded, self.guarded = self.muted, self.guarded, 0
        tested = set(self.tested)
        try:
            found = self.result(inner, function)
        finally:
            self.muted, self.guarded = muted, guarded
            self.trail.pop()
            self.stack.pop()
        if (
            not guarded and found != UNKNOWN
        ):  # what a helper asks is no test by its caller, unless it hands on an answer
            self.tested = tested
        return found

    def result(self, inner: Scope, function: Function) -> Value:
        """Return what the body of *function* returns in *inner*."""
        code = function.node
        if isinstance(code, ast.Lambda):
            return self.evaluate(inner, code.body)
        self.returned.append([])
        falls = self.run(inner, code.body)
        returned = self.returned.pop()
        if is_generator(code):
            return Items("generator", (), UNKNOWN)
        found = join([*returned, NONE] if falls or not returned else returned)
        if found != NONE or returns_something(code):  # a None that one branch returns on purpose is no callback
            return found
        return Nothing(function.name, is_coroutine=isinstance(code, ast.AsyncFunctionDef))

    def construct(self, scope: Scope, node: ast.AST, cls: Class, given: Arguments) -> Value:
        """Return an object of *cls*."""
        self.sites(scope, node, names.roots(cls), given)
        made = Instance(cls)
        init = find_member(cls, "__init__")
        if isinstance(init, Function):
            self.follow(scope, node, bound(init, made), given)
        else:
            fields = [
                one for one in cls.node.body if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
            ]
            by_position = zip(
                (one.target.id for one in fields if isinstance(one.target, ast.Name)), given.positional, strict=False
            )
            made.attributes.update({**dict(by_position), **given.keywords})
        return made

    def inherited(self, scope: Scope, node: ast.AST, given: Arguments) -> None:
        """Follow `super().__init__(...)` of an object whose own `__init__` is being followed."""
        own = next((one for one in scope.names.values() if isinstance(one, Instance)), None)
        bases = own.of.bases if own is not None else ()
        init = next((find_member(base, "__init__") for base in bases if isinstance(base, Class)), UNKNOWN)
        if own is not None and isinstance(init, Function):
            self.follow(scope, node, bound(init, own), given)
        elif own is not None:
            self.sites(scope, node, names.roots(own.of), given)

    def sites(self, scope: Scope, node: ast.AST, paths: list[str], given: Arguments) -> None:
        """Take note of the callbacks that a call of something external gets."""
        for path in paths:
            if path.lower().endswith("dag"):  # also what stands for one elsewhere
                scope.module.dags.add(identity(Slot.DAG, given))
            self.record.given.extend(sites(path, given, scope.module, self.place(scope, node)))

    def external(self, scope: Scope, node: ast.AST, path: str, given: Arguments) -> Value:
        """Return what the external *path* returns for *given*."""
        known = BUILTINS.get(path.removeprefix("builtins.").removeprefix("itertools."))
        if known is not None and path.startswith(_PYTHON):
            return known(self, scope, node, given)
        if path in ("collections.Counter", "collections.deque") and given.positional:
            self.element(scope, node, given.positional[0])
            return UNKNOWN
        if names.is_variable_get(path):
            self.variable(scope, node, given)
            return UNKNOWN
        if path == "threading.Thread":
            args = given.keywords.get("args", UNKNOWN)
            self.invoke(scope, node, given.keywords.get("target", UNKNOWN), _spread(args))
        self.sites(scope, node, [path.removesuffix(".partial")], given)
        return Made(path.removesuffix(".partial"), given)

    def variable(self, scope: Scope, node: ast.AST, given: Arguments) -> None:
        """Take note of `Variable.get(name)` without a default."""
        name = constant(given.positional[0] if given.positional else given.keywords.get("key", UNKNOWN))
        has_default = len(given.positional) > 1 or given.open or {"default_var", "default"} & given.keywords.keys()
        if isinstance(name, str) and not has_default:
            self.read(scope, node, Kind.VARIABLE, name, fails=True)

    def environ(self, scope: Scope, node: ast.AST, name: str) -> None:
        """Take note of `os.environ[name]`."""
        self.read(scope, node, Kind.ENV, name, fails=True)

    def method(self, scope: Scope, node: ast.AST, method: Method, given: Arguments) -> Value:
        """Return what a method of a built-in value returns."""
        owner, name = method.owner, method.name
        if isinstance(owner, Text | Word):
            return method_of(owner, name)
        if isinstance(owner, Made):
            if name in ("partial", "override"):
                self.sites(scope, node, [owner.path], given)
            elif owner.path == "builtins.super" and name == "__init__":
                self.inherited(scope, node, given)
            return of_made(self, scope, node, owner, name, given)
        known = METHODS.get(name)
        return UNKNOWN if known is None else known(self, scope, node, owner, given)


def _spread(value: Value) -> Arguments:
    items, is_open = starred(value)
    return Arguments(items, open=is_open)
