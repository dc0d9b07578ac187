"""The verdict of `airlock status` over its lines, and the exit code that stands for it."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from webhook.status.line import ESSENTIAL, Line, State


class Verdict(StrEnum):
    """Whether airlock judges, as far as the lines say."""

    JUDGING = "judging"
    WRONG = "wrong"
    UNKNOWN = "unknown"


CODES = {Verdict.JUDGING: 0, Verdict.WRONG: 1, Verdict.UNKNOWN: 2}


class Report(msgspec.Struct, frozen=True):
    """The lines, and what follows from them."""

    verdict: Verdict
    headline: str
    lines: tuple[Line, ...]

    @property
    def code(self) -> int:
        """The exit code."""
        return CODES[self.verdict]


def report(lines: Iterable[Line], answering: int) -> Report:
    """Return the report of *lines*, where so many replicas are *answering*.

    One that answers keeps airlock judging, whatever is wrong with another. What is not known is never shown as fine.
    """
    told = tuple(lines)
    wrong = [line for line in told if line.state is State.WRONG]
    unknown = [line for line in told if line.state is State.UNKNOWN]
    stops = [line for line in wrong if line.subject in ESSENTIAL and not (line.subject == "replica" and answering)]
    blind = [line for line in unknown if line.subject in ESSENTIAL]
    if stops:
        return Report(Verdict.WRONG, f"airlock is not judging: {_and_more(stops)}", told)
    if wrong:
        judging = "airlock is judging, but" if not blind else "whether airlock is judging cannot be known, and"
        return Report(Verdict.WRONG, f"{judging} something is wrong: {_and_more(wrong)}", told)
    if blind:
        return Report(Verdict.UNKNOWN, f"whether airlock is judging cannot be known: {_and_more(blind)}", told)
    replicas = f"{answering} {'replica answers' if answering == 1 else 'replicas answer'}"
    if unknown:
        return Report(Verdict.UNKNOWN, f"airlock is judging ({replicas}), but not all can be known", told)
    return Report(Verdict.JUDGING, f"airlock is judging: {replicas}, and the API server asks them", told)


def _and_more(lines: list[Line]) -> str:
    rest = len(lines) - 1
    return lines[0].text + (f" (and {rest} more)" if rest else "")
