"""Reads files, folders and standard input for the commands that judge manifests."""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from webhook.commands.pipes import is_pipe, standard_input, through
from webhook.manifests.check import Asked, Check
from webhook.manifests.hidden import CONFIG
from webhook.manifests.stream import SIZE

STDIN = "stdin"  # how findings in it are called
_SUFFIXES = (".yaml", ".yml", ".json")


def taken(asked: Asked, paths: tuple[str, ...]) -> Check:
    """Return a check by *asked* that has read all files that *paths* mean."""
    one = Check(asked)
    take(one, paths)
    return one


def take(one: Check, paths: tuple[str, ...]) -> None:
    """Let *one* read what *paths* mean: files, folders, or `-` for standard input."""
    files = list(dict.fromkeys(file for path in paths for file in _files(path, one)))
    for file in _shown(files):
        _take(one, file)


def _shown(files: list[str]) -> Iterable[str]:
    """Return *files*, with a bar that shows how many were taken where somebody at a terminal waits for several."""
    if not sys.stderr.isatty() or len(files) <= 1:
        return files
    from rich.console import Console
    from rich.progress import track

    return track(files, "reading", console=Console(stderr=True), transient=True)


def _take(one: Check, file: str) -> None:
    try:
        if file == "-":
            one.take(STDIN, standard_input().read(SIZE + 1))
            return
        path = Path(file)
        if is_pipe(path):
            one.take(file, through(path, SIZE + 1))
            return
        if not path.is_file():
            one.remark(file, "is not a regular file" if path.exists() else "no such file or directory")
            return
        with path.open("rb") as opened:
            one.take(file, opened.read(SIZE + 1))
    except OSError as error:
        one.remark(file, (error.strerror or str(error)).lower())


def _files(path: str, one: Check) -> Iterator[str]:
    """Yield the files that *path* means: itself, or what lies in the folder; `-` is standard input."""
    if path == "-" or not Path(path).is_dir():
        yield path
        return
    found = False
    for folder, folders, names in os.walk(path, onerror=lambda error: _refuse(error, one)):
        if "Chart.yaml" in names and "templates" in folders:
            folders.remove("templates")
            one.remark(
                str(Path(folder, "templates")), "holds Helm templates; check what helm makes of them", usable=True
            )
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if Path(folder, name).is_symlink():  # as kubectl apply -R does not follow it
                text = "is a link to a folder, and is not followed; name it to have it checked"
                one.remark(str(Path(folder, name)), text, usable=True)
        for name in sorted(names):
            manifest = name.lower().endswith(_SUFFIXES) and not name.startswith(".")
            if not manifest and name != CONFIG:
                continue
            found = found or manifest
            if is_pipe(Path(folder, name)):  # nobody asked to wait for its writer
                one.remark(str(Path(folder, name)), "is not a regular file")
            else:
                yield str(Path(folder, name))
    if not found:
        one.remark(path, f"holds no {', '.join(f'*{suffix}' for suffix in _SUFFIXES)}")


def _refuse(error: OSError, one: Check) -> None:
    one.remark(str(error.filename), (error.strerror or str(error)).lower())
