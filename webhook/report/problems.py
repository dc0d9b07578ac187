"""What people mend: findings of one rule about one image or variable, wherever they are, the most urgent first.

Workloads are listed under the fix that they need, since the same image comes from other values in a worker than in a
scheduler.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec

from webhook.judge.verdict import Violation
from webhook.judge.wording import where
from webhook.manifests.outcome import Judged, Outcome, Reported
from webhook.manifests.place import Place
from webhook.rules.finding import Mode

if TYPE_CHECKING:
    from webhook.audit.survey import Survey

# A reason begins with the image or variable; under a heading that names it, that would be said twice.
_NAMED = re.compile(r"'[^']*'(?: \(sha\d+:[0-9a-f]+\))?:? ")


class Hit(msgspec.Struct, frozen=True):
    """A workload that has a problem, and where."""

    namespace: str
    component: str
    kind: str
    name: str
    title: str  # the workload in words
    mode: Mode
    text: str  # why
    fix: str
    where: str  # its containers, or fields, in words
    containers: tuple[str, ...]  # their names, with what is particular to each
    note: str = ""
    pods: int = 0  # that run; 0: a manifest, or what makes pods and has none
    lost: int = 0  # of them, those that would not come back
    example: str = ""  # one of the pods
    places: tuple[Place, ...] = ()  # in files
    related: tuple[str, ...] = ()  # what else decides about it, in files
    aside: str = ""  # what else is to be known of the workload
    cluster: str = ""  # its name, in a survey of several

    @property
    def home(self) -> str:
        """The namespace; behind its cluster in a survey of several."""
        return f"{self.cluster}/{self.namespace}" if self.cluster else self.namespace


class Way(msgspec.Struct, frozen=True):
    """What to do, and the workloads that it mends."""

    fix: str
    hits: tuple[Hit, ...]


class Problem(msgspec.Struct, frozen=True):
    """What one rule says about one image or variable, everywhere."""

    rule: str
    subject: str  # the image or variable, else what is wrong
    named: bool  # whether the subject is an image or a variable
    mode: Mode  # the strictest
    findings: int  # in the unit that every format counts
    returning: int  # pods that would come back if this alone were mended
    texts: tuple[str, ...]  # why, without the subject; most workloads first
    ways: tuple[Way, ...]  # most workloads first

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The workloads that have it."""
        return tuple(hit for way in self.ways for hit in way.hits)

    @property
    def pods(self) -> int:
        """How many running pods have it."""
        return sum(hit.pods for hit in self.hits)

    @property
    def lost(self) -> int:
        """How many running pods would not come back because of this, whatever else they have."""
        return sum(hit.lost for hit in self.hits)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces of the workloads, sorted; behind their clusters in a survey of several."""
        return tuple(sorted({hit.home for hit in self.hits}))


_Key = tuple[str, str]  # rule and subject
_Found = tuple[Violation, list[Hit]]  # one finding, and the workloads that show it


def of_survey(survey: "Survey") -> tuple[Problem, ...]:
    """Return the problems in *survey*, what to do first first."""
    denied: defaultdict[int, set[_Key]] = defaultdict(set)  # by group: the problems that deny its pods
    found: list[_Found] = []
    for told in survey.findings:
        hits: list[Hit] = []
        for group, one in told.shown:
            lost = survey.loss(group) if told.violation.mode is Mode.ENFORCE else 0
            if lost:
                denied[id(group)].add(_key(told.violation))
            hits.append(
                Hit(
                    group.namespace,
                    group.component,
                    group.kind,
                    group.name,
                    group.title,
                    told.violation.mode,
                    _why(one.violation),
                    told.violation.cause.fix,
                    where(one.violation.cause.places),
                    _containers(one.violation),
                    told.violation.note,
                    pods=one.pods,
                    lost=min(one.pods, lost),
                    example=one.example,
                    aside=_aside(group.distrusted, "their"),
                    cluster=group.cluster,
                )
            )
        found.append((told.violation, hits))
    returning: Counter[_Key] = Counter()
    for group in survey.groups:
        if len(keys := denied[id(group)]) == 1:
            returning[next(iter(keys))] += survey.loss(group)
    return _problems(found, returning)


def of_outcome(outcome: Outcome) -> tuple[Problem, ...]:
    """Return the problems in *outcome*, what to do first first."""
    return _problems(
        (
            (reported.violation, [_written(workload, reported)])
            for workload in outcome.workloads
            for reported in workload.reported
        ),
        Counter(),
    )


def _written(workload: Judged, reported: Reported) -> Hit:
    violation = reported.violation
    template = f"from {workload.template}" if workload.template else ""
    return Hit(
        workload.namespace,
        workload.component,
        workload.kind,
        workload.name,
        workload.title,
        violation.mode,
        _why(violation),
        violation.cause.fix,
        where(violation.cause.places),
        _containers(violation),
        violation.note,
        places=reported.places,
        related=tuple(f"{related.place}: {related.text}" for related in reported.related),
        aside="; ".join(filter(None, (_aside(workload.distrusted, "its"), template))),
    )


def _containers(violation: Violation) -> tuple[str, ...]:
    details: dict[str, list[str]] = {}
    for place in violation.cause.places:
        known = details.setdefault(place.container, [])
        known += [place.detail] if place.detail and place.detail not in known else []
    return tuple(f"{name} ({', '.join(known)})" if known else name for name, known in details.items() if name)


def _aside(distrusted: str | None, whose: str) -> str:
    return "" if distrusted is None else f"{whose} labels say {distrusted}, which no controller vouches for"


def _why(violation: Violation) -> str:
    cause = violation.cause
    named = _NAMED.match(cause.text) if cause.image or cause.variable else None
    return cause.text[named.end() :] if named is not None else cause.text


def _key(violation: Violation) -> _Key:
    cause = violation.cause
    return violation.rule, cause.image or cause.variable or cause.text


def _problems(found: Iterable[_Found], returning: Counter[_Key]) -> tuple[Problem, ...]:
    by_key: defaultdict[_Key, list[_Found]] = defaultdict(list)
    for violation, hits in found:
        by_key[_key(violation)].append((violation, hits))
    problems = [_problem(key, ones, returning[key]) for key, ones in by_key.items()]
    return tuple(sorted(problems, key=_urgency))


def _problem(key: _Key, found: list[_Found], returning: int) -> Problem:
    rule, subject = key
    hits = [hit for _, ones in found for hit in ones]
    texts = Counter(hit.text for hit in hits)
    ways: defaultdict[str, list[Hit]] = defaultdict(list)
    for hit in hits:
        ways[hit.fix].append(hit)
    return Problem(
        rule,
        subject,
        bool(found[0][0].cause.image or found[0][0].cause.variable),
        max((hit.mode for hit in hits), key=lambda mode: mode.rank),
        len(found),
        returning,
        tuple(text for text, _ in texts.most_common()),
        tuple(
            Way(fix, tuple(sorted(ones, key=_first)))
            for fix, ones in sorted(ways.items(), key=lambda item: (-_weight(item[1]), item[0]))
        ),
    )


def _urgency(problem: Problem) -> tuple[int, int, int, int, int, str, str]:
    hits = len(problem.hits)
    return -problem.mode.rank, -problem.returning, -problem.lost, -problem.pods, -hits, problem.rule, problem.subject


def _weight(hits: list[Hit]) -> int:
    return sum(max(hit.pods, 1) for hit in hits)


def _first(hit: Hit) -> tuple[int, int, str, str]:
    return -hit.mode.rank, -hit.lost, hit.home, hit.title


def first(problems: Iterable[Problem], number: int = 3) -> Iterator[Problem]:
    """Yield the *number* problems that mend most, only the first of each image or variable: its fix mends the rest."""
    subjects: set[str] = set()
    for problem in problems:
        if problem.subject not in subjects and len(subjects) < number:
            subjects.add(problem.subject)
            yield problem
