"""A document in a file or ConfigMap that may change while airlock runs: the last good version stays in force."""

import logging
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from webhook.grammar.model import DocumentError, revision
from webhook.variables.known import Absence

BUILT_IN = "built-in"  # the revision of a default that nobody wrote
PATIENCE = 45.0  # seconds; a working watch confirms more often than this that nothing has changed

logger = logging.getLogger("airlock.source")
T = TypeVar("T")


class Outcome(StrEnum):
    """What became of a document that changed."""

    ACCEPTED = "accepted"  # it is in force
    REJECTED = "rejected"  # it cannot be understood; the last good one stays
    LOST = "lost"  # it is gone or no longer readable; the last good one stays


class Reload(msgspec.Struct, frozen=True):
    """A change of *document*; *revision* is the one in force afterwards, "" when there is none."""

    document: str
    outcome: Outcome
    revision: str
    problems: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The sentence for a log or an Event; it may be long."""
        if self.outcome is Outcome.ACCEPTED:
            return f"{self.document}: revision {self.revision} is in force"
        stays = f"revision {self.revision} stays in force" if self.revision else "none is in force yet"
        return f"{self.document}: {self.outcome}, {stays}: {'; '.join(self.problems)}"


class _Held(msgspec.Struct, Generic[T], frozen=True):
    value: T
    revision: str
    data: bytes | None = None


class Source(Generic[T]):
    """Holds the document in force; one feeder at a time reports what is there now.

    *read* turns text into a value or raises DocumentError, *report* hears of each change once, and *initial* is in
    force until a document comes; *absent*, for an optional document, once we know that its ConfigMap does not exist.
    Other threads read one attribute at a time, and each is swapped whole.
    """

    def __init__(  # noqa: PLR0913 - what stands in for a document, and a clock for tests
        self,
        name: str,
        read: Callable[[str], T],
        report: Callable[[Reload], None],
        *,
        initial: T | None = None,
        absent: T | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._read = read
        self._report = report
        self._absent = absent
        self._clock = clock
        self._held: _Held[T] | None = None if initial is None else _Held(initial, BUILT_IN)
        self._present: bytes | str | None = None  # what is there now, however good, or why there is nothing
        self._problems: tuple[str, ...] = ()
        self._confirmed: float | None = None  # when the one in force was last confirmed as current; None: never fed

    @property
    def value(self) -> T | None:
        """The document in force; None before the first good one."""
        return self._held.value if self._held else None

    @property
    def revision(self) -> str:
        """The first 12 hex digits of the SHA-256 of the text in force; "" without one."""
        return self._held.revision if self._held else ""

    @property
    def line(self) -> str:
        """What `/readyz` says: the revision in force, how old it is, and what is wrong with the present text."""
        problems = "".join(f"; {problem}" for problem in self.problems)
        if not self.ready:
            return f"{self.name}: none yet{problems}"
        stale = f", stale for {self.stale:.0f} s" if self.stale else ""
        return f"{self.name}: revision {self.revision}{stale}{problems}"

    @property
    def ready(self) -> bool:
        """Whether a document is in force."""
        return self._held is not None

    @property
    def problems(self) -> tuple[str, ...]:
        """Why the current document is not in force; empty when it is."""
        return self._problems

    @property
    def stale(self) -> float:
        """Seconds since the document in force was last confirmed as current; 0 while it is."""
        if self._held is None or self._confirmed is None:
            return 0.0
        age = self._clock() - self._confirmed
        return age if self._problems or age > PATIENCE else 0.0

    def seed(self, text: str, why: str) -> bool:
        """Put *text* in force: a document that was good once but may not be the current one; *why* explains.

        Returns whether it did. It does not when *text* is bad too, or when something better is in force.
        """
        if self._held is not None:
            return False
        held, _ = self._parsed(text.encode(errors="surrogatepass"))
        if held is None:
            return False
        self._held, self._confirmed = held, self._clock()
        self._problems = self._problems or (why,)
        return True

    def offer(self, content: str | bytes) -> None:
        """Take *content*, the current text: put it in force, or report its problems."""
        data = content if isinstance(content, bytes) else content.encode(errors="surrogatepass")
        if data == self._present:
            self.seen()
            return
        self._present = data
        held, problems = (self._held, ()) if self._held and self._held.data == data else self._parsed(data)
        if held is not None:
            self._accept(held)
        else:
            self._refuse(Outcome.REJECTED, problems)

    def take(self, found: Mapping[str, str] | Absence, key: str, why: str = "") -> None:
        """Take the ConfigMap as it was *found*: the text under *key*, or *why* it cannot be read."""
        if isinstance(found, Absence):
            if found is Absence.MISSING and self._absent is not None and self._is_absent:
                self._held, self._problems, self._confirmed = _Held(self._absent, BUILT_IN), (), self._clock()
                return
            said = f"the ConfigMap {found}{why and f': {why}'}"
            if found in (Absence.MISSING, Absence.FORBIDDEN, Absence.UNREADABLE):
                self.lose(said)
            elif self._held is None:  # not read yet: that says nothing about what is in force
                self._problems = (said,)
        elif key in found:
            self.offer(found[key])
        else:
            self._differ(Outcome.REJECTED, f"the ConfigMap has no key {key!r}, only {sorted(found)[:8]}")

    @property
    def _is_absent(self) -> bool:
        """Whether no good document has come yet."""
        return self._held is None or self._held.revision == BUILT_IN

    def lose(self, why: str) -> None:
        """Take note that the document is gone, and *why*."""
        self._differ(Outcome.LOST, why)

    def seen(self) -> None:
        """Note that nothing has changed until now."""
        if not self._problems:
            self._confirmed = self._clock()

    def _differ(self, outcome: Outcome, problem: str) -> None:
        if problem != self._present:
            self._present = problem
            self._refuse(outcome, (problem,))

    def _parsed(self, data: bytes) -> tuple[_Held[T] | None, tuple[str, ...]]:
        try:
            return _Held(self._read(data.decode()), revision(data), data), ()
        except DocumentError as error:
            return None, tuple(str(problem) for problem in error.problems)
        except UnicodeDecodeError as error:
            return None, (f"byte {error.start} is not UTF-8",)
        except Exception as error:  # a bug in a reader must not stop the watching
            logger.exception("%s: reading it failed", self.name)
            return None, (f"reading it failed: {type(error).__name__}",)

    def _accept(self, held: _Held[T]) -> None:
        self._held, self._problems = held, ()
        self._confirmed = self._clock()
        self._report(Reload(self.name, Outcome.ACCEPTED, held.revision))

    def _refuse(self, outcome: Outcome, problems: tuple[str, ...]) -> None:
        if self._confirmed is None:
            self._confirmed = self._clock()
        self._problems = problems
        self._report(Reload(self.name, outcome, self.revision, problems))
