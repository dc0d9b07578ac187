"""What the programs share that run callbacks by Airflow's own callers: they run in Airflow's venv, without airlock."""

import contextlib
import functools
import importlib
import io
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


class Log:
    """Stands for a logger, and keeps the exceptions that callers log."""

    def __init__(self) -> None:
        self.caught: list[BaseException] = []

    def exception(self, *_args: Any, **_fields: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            self.caught.append(error)

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_args, **_fields: None


def title(callback: Any) -> str:
    """Return the name of *callback* as lint gives it."""
    if isinstance(callback, functools.partial):
        return title(callback.func)
    function = getattr(callback, "__func__", callback)
    code = getattr(function, "__code__", None)
    if code is None:
        return str(getattr(callback, "__qualname__", None) or type(callback).__qualname__)
    return "a lambda" if code.co_name == "<lambda>" else str(code.co_qualname)


def run(parameter: str, callback: Any, call: Callable[[Log], None]) -> dict[str, Any]:
    """Return what came of *call*, which lets Airflow call *callback* and logs to what it gets."""
    log, output = Log(), io.StringIO()
    with contextlib.redirect_stdout(output):
        try:
            call(log)
        except Exception as error:  # noqa: BLE001 - what gets out of the caller is what we look for
            log.caught.append(error)
    raised = [f"{type(error).__name__}: {error}" for error in log.caught]
    frames = [
        [Path(frame.filename).name, frame.lineno]
        for error in log.caught
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    return {
        "parameter": parameter, "name": title(callback),
        "raised": raised, "frames": frames, "output": output.getvalue(),
    }  # fmt: skip


@contextlib.contextmanager
def at(folder: Path) -> Iterator[None]:
    """Make *folder* a DAG folder with plugins beside it, and forget its modules afterwards."""
    added = [str(folder / "dags"), str(folder / "plugins")]
    sys.path[:0] = added
    try:
        yield
    finally:
        for path in added:
            with contextlib.suppress(ValueError):
                sys.path.remove(path)
        forget(folder)


def forget(folder: Path) -> None:
    """Forget the modules of *folder*."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(folder)):
            del sys.modules[name]
    importlib.invalidate_caches()


def main(run_case: Callable[[Path], dict[str, Any]]) -> None:
    """Run each folder that the standard input names, with its environment, and print what came of it as JSON."""
    for line in sys.stdin.read().splitlines():
        asked = json.loads(line)
        folder = Path(asked["folder"])
        os.environ.update(asked["env"])
        with at(folder):
            result = run_case(folder)
        for name in asked["env"]:
            del os.environ[name]
        sys.__stdout__.write(f"RESULT {json.dumps({'folder': folder.name, **result}, default=str)}\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]
