"""Which findings become Events: all of an owner's together when one is new, and a few Events at a time. Pure."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from webhook.audit.group import Group
from webhook.audit.survey import Survey
from webhook.judge.decision import Decision, ObjectRef
from webhook.judge.gate import AUDIT
from webhook.judge.message import note
from webhook.judge.verdict import Verdict, Violation
from webhook.observe.events.occurrence import Occurrence
from webhook.observe.events.turns import Bucket
from webhook.pods.notebook import MOST_TOLD
from webhook.rules.catalogue import RULES
from webhook.rules.expected_image import UNCOMPARED

# Well below what `webhook.observe.events.ledger` lets through, so that it drops nothing; the rest waits its turn.
RATE, BURST = 0.5, 15.0

_RUN = re.compile(r"-\d{8,}$")  # what a CronJob adds to its own name for each Job


class News(msgspec.Struct, frozen=True):
    """What the pods of one owner show, by all rules; or what those of one task show by one rule."""

    marks: tuple[str, ...]  # what makes each rule's findings the same: "o" (an owner's) or "t" (a task's), 16 digits
    regarding: ObjectRef
    decision: Decision

    def occurrence(self, at: datetime) -> Occurrence:
        """Return what the Event says."""
        return Occurrence(" ".join(self.marks), self.regarding, "Warning", "Audited", "Audit", at, note(self.decision))


def news(survey: Survey) -> Iterator[News]:
    """Yield what *survey* found: for each owner all of it together, for each DAG and task by rule.

    Whatever runs a task shows the drift and skew of its Airflow, so these are told once and not with each task.
    """
    for group in survey.groups:
        by_rule: dict[str, list[Violation]] = {}
        for found in group.found:
            by_rule.setdefault(found.violation.rule, []).append(found.violation)
        marks = {rule: _mark(group, rule, violations) for rule, violations in by_rule.items()}
        if group.kind == "Pod":
            yield from (_news(group, (marks[rule],), violations) for rule, violations in by_rule.items())
        elif marks:
            yield _news(group, tuple(marks.values()), [found.violation for found in group.found])


def _mark(group: Group, rule: str, violations: list[Violation]) -> str:
    """Return what stays the same as long as *rule* finds the same in the pods of *group*, even if the pods change."""
    images = sorted({violation.cause.image for violation in violations})
    name = _RUN.sub("", group.name) if group.kind == "Job" else group.name
    if group.kind == "Pod" and rule in RULES and RULES[rule].live:  # it is about the image, no matter which DAG runs it
        name = group.airflow.release
    facts: list[object] = [group.namespace, group.kind, name, group.component, rule, images]
    if any(violation.cause.brief == UNCOMPARED for violation in violations):
        facts.append(UNCOMPARED)  # once it is known, that is news
    if variables := sorted({violation.cause.variable for violation in violations} - {""}):
        facts.append(variables)
    return ("t" if group.kind == "Pod" else "o") + hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _news(group: Group, marks: tuple[str, ...], violations: list[Violation]) -> News:
    regarding = group.regarding or ObjectRef("v1", "Pod", group.namespace, group.name)
    decision = Decision(
        path=AUDIT,
        uid="",
        operation="CREATE",
        dry_run=False,
        regarding=regarding,
        owner=None,
        component=group.component,
        distrusted=group.distrusted,
        task=group.task,
        verdict=Verdict(tuple(violations)),
    )
    return News(marks, regarding, decision)


class Told:
    """Remembers by marks what was told, so that it is not told again while it lasts.

    Each audit is a `begin`, an `is_new` for each finding, and an `end`. What pods without an owner show comes and goes
    with them, so it counts as lasting for the whole *window*.
    """

    def __init__(self, window: timedelta, now: float, most: int = MOST_TOLD) -> None:
        self.waiting = 0  # Events that are yet to be written
        self._window = window.total_seconds()
        self._most = most
        self._marks: dict[str, int] = {}
        self._bucket = Bucket(RATE, BURST, BURST, now)
        self._moment = 0

    @property
    def marks(self) -> Mapping[str, int]:
        """When what was told was last so, by its mark; in seconds since 1970."""
        return self._marks

    def recall(self, marks: Mapping[str, int]) -> None:
        """Know what was told in an earlier life."""
        self._marks = {**marks, **self._marks}

    def begin(self, at: datetime, now: float) -> None:
        """Begin an audit."""
        self._moment, self.waiting = int(at.timestamp()), 0
        self._bucket = self._bucket.filled(now)

    def is_new(self, *marks: str) -> bool:
        """Take note of findings that are told together; return whether to tell them: one is new, and it is its turn."""
        known = [mark for mark in marks if mark in self._marks]
        self._marks.update(dict.fromkeys(known, self._moment))
        fresh = len(marks) - len(known)
        if not fresh:
            return False
        if self._bucket.wait or len(self._marks) + fresh > self._most:
            self.waiting += 1
            return False
        self._bucket = self._bucket.taken()
        self._marks.update(dict.fromkeys(marks, self._moment))
        return True

    def end(self, *, complete: bool) -> None:
        """End the audit; *complete* says whether what was not found is not there."""
        for mark, last in list(self._marks.items()):
            missing = last < self._moment
            if (missing and complete and mark.startswith("o")) or self._moment - last > self._window:
                del self._marks[mark]
