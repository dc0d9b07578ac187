"""What an experiment is told: how long it may take, and where a control plane stands."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.harness.control_plane import ControlPlane
from tests.harness.gate import Gate, standing
from tests.harness.server import Server, serving


@dataclass
class Told:
    """The form of the run, and what its experiments share; a context manager."""

    quick: bool
    soak: float = 2.0  # minutes
    _stack: ExitStack = field(default_factory=ExitStack)
    _plane: ControlPlane | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def pick(self, quick: int, whole: int) -> int:
        """Return how many of something there are in this form."""
        return quick if self.quick else whole

    @property
    def plane(self) -> ControlPlane:
        """The control plane that experiments share; the first one starts it."""
        if self._plane is None:
            self._plane = self._stack.enter_context(ControlPlane())
        return self._plane

    @contextmanager
    def gate(self, *options: str, plane: ControlPlane | None = None) -> Iterator[Gate]:
        """Have airlock with more *options* in front of the shared control plane, or of another *plane*."""
        with self.folder() as folder, standing(plane or self.plane, folder, *options) as gate:
            yield gate

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Have a folder until the block ends."""
        with tempfile.TemporaryDirectory() as made:
            yield Path(made)

    @contextmanager
    def server(self, policy: str, *options: str, **environ: str) -> Iterator[Server]:
        """Run airlock on a file with *policy* alone."""
        with self.folder() as folder:
            (folder / "policy.yaml").write_text(policy)
            with serving(folder, "--policy", str(folder / "policy.yaml"), *options, environ=environ or None) as server:
                yield server


ENFORCE = "{apiVersion: airlock/v1, kind: Policy, mode: enforce}"
