"""What a watch needs from an API server, as protocols: the sources depend on no client."""

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
    """The lines of a watch as they arrive; iterating raises OSError when the connection breaks."""

    @property
    def refusal(self) -> Answer | None:
        """The answer, when it is an error."""

    def __iter__(self) -> Iterator[Change]: ...

    def close(self) -> None:
        """Close the connection."""

    def interrupt(self) -> None:
        """End it from a thread other than the one that iterates."""


class Watching(Protocol):
    """An API server that can be watched; raises OSError when it cannot be reached."""

    def watch(self, path: str, *, query: Mapping[str, str], seconds: float) -> Lines:
        """Start a watch that ends after *seconds*, or breaks."""


class Page(Protocol):
    """What the API server says at once, not parsed."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def data(self) -> bytes:
        """The JSON."""

    @property
    def why(self) -> str:
        """The message of an error."""


class Reading(Protocol):
    """An API server whose lists can be read; raises OSError when it cannot be reached."""

    def read(self, path: str, *, query: Mapping[str, str]) -> Page:
        """Ask and wait for the whole answer."""
