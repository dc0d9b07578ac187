"""A folder's files, followed as Airflow follows them: imported once, then every function that nobody called."""

import ast
from collections.abc import Iterator

from webhook.lint.binding import unknown_arguments
from webhook.lint.folder import Folder
from webhook.lint.objects import bound
from webhook.lint.record import Lookup, Record
from webhook.lint.source import SourceError
from webhook.lint.state import STEPS, ExhaustedError
from webhook.lint.statements import Statements
from webhook.lint.values import (
    UNKNOWN,
    Arguments,
    Class,
    External,
    File,
    Function,
    Instance,
    Module,
    Scope,
    Value,
)


class Reading(Statements):
    """Follows files and callbacks."""

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder)
        self.returned = []
        self.records: dict[str, Record] = {}
        self.functions: dict[str, list[Function]] = {}
        self.broken: set[str] = set()
        self.cut: set[str] = set()  # files that were followed only in part
        self.silent: set[str] = set()  # files that speak of no callbacks, and import none that do
        self.followed: dict[tuple[str, bool, Value], Record] = {}  # callbacks of the file that is being judged

    def given(self, file: str) -> Record:
        """Return what *file* gives to Airflow; raises SourceError when it cannot be read."""
        self.folder.source(file)
        self.followed.clear()
        self.load(file)
        self.record = self.records.get(file, Record())
        self.steps = self._budget(file)
        try:
            self._rest(self.functions.get(file, []))
        except ExhaustedError:
            self.cut.add(file)
        except RecursionError:
            raise SourceError(0, "is nested too deeply to be followed") from None
        finally:
            self._clear()
        if file in self.broken:
            raise SourceError(0, "is nested too deeply to be followed")
        return self.record

    def callback(self, place: Scope, node: ast.AST, value: Value, arguments: Arguments) -> Record:
        """Return what is met when *value* is called with *arguments*, as Airflow will."""
        self.record = Record()
        self.steps = STEPS
        self.tested, self.foreseen = set(), set()
        self.passed = [one for one in (*arguments.positional, *arguments.keywords.values()) if one != UNKNOWN]
        try:
            self.invoke(place, node, value, arguments)
        except (ExhaustedError, RecursionError):
            self.cut.add(place.module.file)
        finally:
            self._clear()
        return self.record

    def glance(self, scope: Scope, node: ast.expr) -> Value:
        """Return what *node* is in *scope*, without taking note of what is met there."""
        self.record, self.steps = Record(), STEPS
        try:
            return self.evaluate(scope, node)
        except (ExhaustedError, RecursionError):
            return UNKNOWN
        finally:
            self._clear()

    def imports_of(self, files: set[str]) -> set[str]:
        """Return *files* and all files of the folder that they import."""
        todo, seen = list(files), set[str]()
        while todo:
            file = todo.pop()
            if file not in seen and file in self.modules:
                seen.add(file)
                todo.extend(self.modules[file].uses)
        return seen

    def read_on_import(self, files: set[str]) -> list[Lookup]:
        """Return what is read whenever one of *files* is imported."""
        return [one for file in sorted(files) for one in self.on_import.get(file, ())]

    def load(self, file: str) -> Module | None:
        """Return the module in *file*, None when it cannot be read."""
        if file in self.modules:
            return self.modules[file]
        try:
            source = self.folder.source(file)
        except SourceError:
            return None
        if source is None:
            return None
        package = self.folder.package(file)
        if package is not None:  # Python imports it first
            self.load(package)
            if file in self.modules:
                return self.modules[file]
        module = self.modules[file] = Module(file, certain=frozenset(_certain(source.tree)))
        self.on_import[file] = []
        self.imports.append(file)
        kept = self.record, self.defined, self.steps, self.stack, self.trail, self.muted, self.guarded
        self.record = self.records[file] = Record()
        self.defined = self.functions[file] = []
        self.steps, self.stack, self.trail, self.muted, self.guarded = self._budget(file), [], [], 0, 0
        try:
            self.run(module.scope, source.tree.body)
        except ExhaustedError:
            self.cut.add(file)
        except RecursionError:
            self.broken.add(file)
        finally:
            self.imports.pop()
            self.record, self.defined, self.steps, self.stack, self.trail, self.muted, self.guarded = kept
        return module

    def _budget(self, file: str) -> int:
        """Return how many steps following *file* may take: what it holds itself counts once, whatever its length."""
        return STEPS + len(self.folder.data(file) or b"")

    def _rest(self, defined: list[Function]) -> None:
        """Follow the functions that nobody called: what they give, they give when somebody does."""
        self.defined = defined
        at = 0
        while at < len(defined):
            function = defined[at]
            at += 1
            if function.node not in self.called:
                self.follow(function.scope, function.node, _as_method(function), _arguments(function))

    def _clear(self) -> None:
        self.stack.clear()
        self.trail.clear()
        self.imports.clear()
        self.returned.clear()
        self.passed = []
        self.muted = self.guarded = 0

    def _import(self, scope: Scope, node: ast.Import) -> None:
        for one in node.names:
            file = self.folder.find(one.name, scope.module.file)
            module = self.load(file) if file is not None else None
            if module is not None:
                scope.module.uses.add(module.file)
            else:
                scope.module.imported.add(one.name)
            if one.asname is not None:
                self.bind(scope, one.asname, External(one.name) if module is None else File(module))
                continue
            first = one.name.partition(".")[0]
            if module is not None and first == one.name:
                self.bind(scope, first, File(module))
                continue
            if module is not None:
                self.packages[one.name] = module.file
            self.bind(scope, first, External(first))

    def _import_from(self, scope: Scope, node: ast.ImportFrom) -> None:
        name = node.module or ""
        file = self.folder.find(name, scope.module.file, node.level)
        module = self.load(file) if file is not None else None
        if module is not None:
            scope.module.uses.add(module.file)
        for one in node.names:
            if one.name == "*" and module is None and name.startswith("airflow"):
                scope.module.star = name
            elif one.name == "*":
                self._all(scope, module)
            else:
                self.bind(scope, one.asname or one.name, self._imported(scope, node, module, one.name))

    def _imported(self, scope: Scope, node: ast.ImportFrom, module: Module | None, name: str) -> Value:
        """Return what `from ... import name` gives."""
        if module is not None and name in module.scope.names:
            return module.scope.names[name]
        path = f"{node.module}.{name}" if node.module else name
        file = self.folder.find(path, scope.module.file, node.level)
        below = self.load(file) if file is not None else None
        if below is not None:
            scope.module.uses.add(below.file)
            return File(below)
        if module is not None or node.level:
            return UNKNOWN
        scope.module.imported.add(path)
        return External(path)

    def _all(self, scope: Scope, module: Module | None) -> None:
        """Bind what `from module import *` gives."""
        if module is None:
            return
        public = module.scope.names.get("__all__")
        listed = {getattr(one, "value", None) for one in getattr(public, "items", ())}
        for name, value in module.scope.names.items():
            if name in listed if public is not None else not name.startswith("_"):
                self.bind(scope, name, value)


def _certain(tree: ast.Module) -> Iterator[str]:
    """Yield what *tree* imports under no condition: dotted paths, whether they are of the folder or not."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{one.name}" for one in node.names)


def _as_method(function: Function) -> Function:
    """Return *function*, as a method where it is one."""
    scope, node = function.scope, function.node
    if not scope.is_class or scope.parent is None or isinstance(node, ast.Lambda):
        return function
    owner = scope.parent.names.get(scope.path.rstrip(".").rpartition(".")[2])
    if not isinstance(owner, Class) or any(
        isinstance(one, ast.Name) and one.id == "staticmethod" for one in node.decorator_list
    ):
        return function
    return bound(function, Instance(owner))


def _arguments(function: Function) -> Arguments:
    return unknown_arguments(_as_method(function))
