"""The API server as a watch needs it: four protocols, so that sources know no client."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import msgspec


class Answer(Protocol):
    """What the API server says at once."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def body(self) -> Any:  # noqa: ANN401  # JSON
        """The parsed JSON."""

    @property
    def why(self) -> str:
        """The message of an error."""


class Change(Protocol):
    """A line of a watch."""

    @property
    def type(self) -> str:
        """ADDED, MODIFIED, DELETED, BOOKMARK or ERROR."""

    @property
    def object(self) -> msgspec.Raw:
        """The object's JSON, or a Status's."""


class Lines(Protocol):
    """What the API server says bit by bit; iterating raises OSError when the connection breaks."""

    @property
    def refusal(self) -> Answer | None:
        """The answer, when it is an error."""

    def __iter__(self) -> Iterator[Change]: ...

    def close(self) -> None:
        """Let go of it."""

    def interrupt(self) -> None:
        """End it from another thread than the one that iterates."""


class Watching(Protocol):
    """An API server that can be watched; raises OSError when it cannot be reached."""

    def watch(self, path: str, *, query: Mapping[str, str], seconds: float) -> Lines:
        """Ask for a watch that is over after *seconds*, or broken."""
