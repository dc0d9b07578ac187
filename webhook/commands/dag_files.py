"""Python files on disk: which ones a path means, and their contents.

It uses os.path, which answers no where pathlib raises: for a folder without permission to read it.
"""

# ruff: noqa: PTH110, PTH112, PTH113

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from webhook.lint.finding import Also
from webhook.lint.source import SIZE
from webhook.lint.values import Place

_BESIDE = 4  # folders above a file that is given alone, beside which plugins are looked for
_OTHERS = frozenset({"__pycache__", "node_modules"})


@dataclass(slots=True)
class Found:
    """The files that paths mean, and what could not be looked at."""

    names: list[str] = field(default_factory=list)
    roots: tuple[str, ...] = ()
    unusable: list[Also] = field(default_factory=list)
    skipped: list[Also] = field(default_factory=list)
    content: dict[str, bytes] = field(default_factory=dict)

    def read(self, file: str) -> bytes | None:
        """Return the bytes of *file*, None when it is not a regular file or cannot be read."""
        if file not in self.content:
            try:
                path = Path(file)
                if not os.path.isfile(path):  # to open a pipe would wait for its writer
                    return None
                with path.open("rb") as opened:
                    self.content[file] = opened.read(SIZE + 1)
            except (OSError, ValueError):
                return None
        return self.content[file]

    def refuse(self, file: str, text: str) -> None:
        """Take note that *file* cannot be looked at."""
        self.unusable.append(Also(Place(file, 0), text))


def found(paths: tuple[str, ...]) -> Found:
    """Return the files that *paths* mean: themselves, or the *.py that lie in the folders."""
    result = Found(roots=tuple(os.path.normpath(path) for path in paths if os.path.isdir(path)))
    names: dict[str, None] = {}
    for path in map(os.path.normpath, paths):
        names.update(dict.fromkeys(_files(path, result) if os.path.isdir(path) else (path,)))
    result.names = [name for name in names if _readable(name, result)]
    return result


def folders_of_plugins(files: Found) -> tuple[str, ...]:
    """Return the folders `plugins` beside the DAG folders of *files*, or in them."""
    candidates: dict[str, None] = {}
    for root in files.roots:
        near = (root, Path(root) / "plugins", Path(root).parent / "plugins", Path(root) / ".." / "plugins")
        candidates.update(dict.fromkeys(os.path.normpath(one) for one in near))
    alone = (name for name in files.names if not any(Path(root) in Path(name).parents for root in files.roots))
    for name in alone:
        above = list(Path(name).parents)[:_BESIDE]
        candidates.update(dict.fromkeys(os.path.normpath(one / "plugins") for one in above))
    return tuple(one for one in candidates if Path(one).name == "plugins" and os.path.isdir(one))


def _readable(name: str, result: Found) -> bool:
    """Return whether *name* can be read, and take note of why not."""
    if result.read(name) is not None:
        return True
    try:
        if os.path.isfile(name):
            Path(name).open("rb").close()
        result.refuse(name, "is not a regular file" if os.path.exists(name) else _absent(name))
    except (OSError, ValueError) as error:
        result.refuse(name, _words(error))
    return False


def _absent(name: str) -> str:
    if not Path(name).is_symlink():
        return "no such file or directory"
    try:
        Path(name).resolve(strict=True)
    except (OSError, RuntimeError) as error:
        if isinstance(error, RuntimeError) or error.errno != 2:  # noqa: PLR2004 - no such file
            return "is a loop of symbolic links"
    return "is a symbolic link to what is not there"


def _files(folder: str, result: Found) -> Iterator[str]:
    """Yield the Python files in *folder* and below, as Airflow finds them: through links, without what is hidden."""
    any_file = False
    seen: set[str] = set()
    for at, folders, names in os.walk(folder, onerror=lambda error: _refused(error, result), followlinks=True):
        seen.add(os.path.realpath(at))
        folders[:] = [name for name in sorted(folders) if _is_walked(Path(at, name), seen, result)]
        for name in sorted(names):
            if name.endswith(".py") and not name.startswith("."):
                any_file = True
                yield os.path.normpath(Path(at, name))
    if not any_file:
        result.refuse(folder, "holds no *.py")


def _is_walked(folder: Path, seen: set[str], result: Found) -> bool:
    if folder.name.startswith(".") or folder.name in _OTHERS:
        return False
    if os.path.exists(folder / "pyvenv.cfg"):
        result.skipped.append(Also(Place(str(folder), 0), "is a virtual environment"))
        return False
    real = os.path.realpath(folder)
    if folder.is_symlink() and Path(real) in Path(os.path.realpath(folder.parent), "x").parents:
        result.refuse(str(folder), "is a loop of symbolic links")
        return False
    return not folder.is_symlink() or real not in seen


def _refused(error: OSError, result: Found) -> None:
    result.refuse(os.path.normpath(str(error.filename)), _words(error))


def _words(error: Exception) -> str:
    return ((error.strerror if isinstance(error, OSError) else None) or str(error)).lower()
