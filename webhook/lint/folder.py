"""Names of modules become files of the folder, as Python finds them from Airflow's `sys.path`."""

import ast
import posixpath
import sys
from collections.abc import Callable, Iterator

from webhook.lint.source import Source, SourceError, parse

Read = Callable[[str], bytes | None]  # None: no such file, or it may not be read
_DEEPEST = 8  # folders above a file that is given alone
ELSEWHERE = sys.stdlib_module_names | {"airflow"}


class Folder:
    """The DAG folders *roots* and the folders of plugins, read through *read* when something asks for a file."""

    def __init__(self, read: Read, roots: tuple[str, ...], plugins: tuple[str, ...] = ()) -> None:
        self._read = read
        self._roots = tuple(posixpath.normpath(root) for root in roots)
        self._plugins = tuple(posixpath.normpath(plugin) for plugin in plugins)
        self._bytes: dict[str, bytes | None] = {}
        self._sources: dict[str, Source | SourceError] = {}
        self._found: dict[tuple[str, str], str | None] = {}
        self._imports: dict[str, tuple[str, ...]] = {}

    def data(self, file: str) -> bytes | None:
        """Return the bytes of *file*, None when it is not available."""
        if file not in self._bytes:
            self._bytes[file] = self._read(file)
        return self._bytes[file]

    def source(self, file: str) -> Source | None:
        """Return *file* as a tree; None when it is not available; raises SourceError when it cannot be parsed."""
        if file not in self._sources:
            data = self.data(file)
            if data is None:
                return None
            try:
                self._sources[file] = parse(file, data)
            except SourceError as error:
                self._sources[file] = error
        known = self._sources[file]
        if isinstance(known, SourceError):
            raise known
        return known

    def imports(self, file: str) -> tuple[str, ...]:
        """Return the files of the folder that *file* imports; raises SourceError. Its tree is not kept for this."""
        if file not in self._imports:
            known = file in self._sources
            source = self.source(file)
            self._imports[file] = tuple(dict.fromkeys(self._imported(source))) if source is not None else ()
            if not known:
                self._sources.pop(file, None)
        return self._imports[file]

    def _imported(self, source: Source) -> Iterator[str]:
        for node in _statements(source.tree):
            names: list[tuple[str, int]] = []
            if isinstance(node, ast.Import):
                names = [(one.name, 0) for one in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = f"{node.module}." if node.module else ""
                names = [(node.module or "", node.level)]
                names += [(base + one.name, node.level) for one in node.names if one.name != "*"]
            for name, level in names:
                found = self.find(name, source.file, level)
                if found is not None:
                    yield found

    def is_plugin(self, file: str) -> bool:
        """Return whether *file* lies in a folder of plugins, which every process of Airflow has on its path."""
        return any(_inside(file, plugin) for plugin in self._plugins)

    def package(self, file: str) -> str | None:
        """Return the `__init__.py` of the package that *file* is a module of."""
        folder, name = posixpath.split(file)
        if name == "__init__.py":
            folder = posixpath.dirname(folder)
        init = posixpath.join(folder, "__init__.py")
        return init if init != file and self.data(init) is not None else None

    def find(self, name: str, file: str, level: int = 0) -> str | None:
        """Return the file of the module *name* as *file* imports it, with *level* dots before the name."""
        if level:
            base = posixpath.dirname(file)
            for _ in range(level - 1):
                base = posixpath.dirname(base)
            return self._module(base, name)
        if name.partition(".")[0] in ELSEWHERE:
            return None
        for base in self._bases(file):
            found = self._module(base, name)
            if found is not None:
                return found
        return None

    def _bases(self, file: str) -> Iterator[str]:
        """Yield the folders to look in: the DAG folder first, then those between it and the file, then plugins."""
        folder = posixpath.dirname(file)
        root = max((root for root in self._roots if _inside(file, root)), key=len, default=None)
        above = [folder]
        while folder and folder != root and folder != posixpath.dirname(folder) and len(above) < _DEEPEST:
            folder = posixpath.dirname(folder)
            above.append(folder)
        if root is not None:
            above.reverse()
            above.append(posixpath.dirname(root) if root not in (".", "/") else "..")  # from dags.common import ...
        yield from sorted(above, key=lambda base: posixpath.basename(base) != "dags")
        yield from self._plugins

    def _module(self, base: str, name: str) -> str | None:
        key = base, name
        if key not in self._found:
            path = posixpath.join(base, *name.split(".")) if name else base
            options = (f"{path}.py", posixpath.join(path, "__init__.py"))
            self._found[key] = next((option for option in options if self.data(option) is not None), None)
        return self._found[key]


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        yield node
        for part in ("body", "orelse", "handlers", "finalbody", "cases"):
            todo += getattr(node, part, ())


def _inside(file: str, folder: str) -> bool:
    """Return whether *file* lies below *folder*.

    >>> _inside("dags/a.py", "dags"), _inside("dags2/a.py", "dags"), _inside("a.py", ".")
    (True, False, True)
    """
    if folder == ".":
        return not file.startswith(("/", "../"))
    return file.startswith(folder.rstrip("/") + "/")
