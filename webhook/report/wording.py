"""The words that all formats share."""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from webhook.judge.verdict import Exempted, Violation
from webhook.manifests.outcome import Judged, Outcome
from webhook.pods.sighting import Airflow
from webhook.pods.text import plural, printable
from webhook.rules.finding import Mode

if TYPE_CHECKING:
    from webhook.audit.survey import Survey

_HOURS, _DAYS = 2, 2  # from where on an age is told in them
_LONGEST = 1000  # characters of a file's name, or of a remark

MODES = (Mode.ENFORCE, Mode.WARN, Mode.AUDIT)


class Options(msgspec.Struct, frozen=True):
    """What is told, and what counts as a failure."""

    fail_on: Mode = Mode.WARN
    fixes: bool = True  # whether the table says what to do
    summary: bool = False  # whether the table is one screen
    exempted: bool = False


def shown(text: object) -> str:
    """Return *text*, a file's name or a remark, on one printable line."""
    return printable(str(text), _LONGEST)


def age(span: timedelta) -> str:
    """Return how long *span* is, in the two digits that people remember.

    >>> age(timedelta(minutes=90)), age(timedelta(hours=5)), age(timedelta(days=12))
    ('90 minutes', '5 hours', '12 days')
    """
    minutes = max(int(span.total_seconds() // 60), 0)
    if minutes < _HOURS * 60:
        return plural(minutes, "minute")
    if minutes < _DAYS * 24 * 60:
        return plural(minutes // 60, "hour")
    return plural(minutes // (24 * 60), "day")


def instant(moment: datetime) -> str:
    """Return *moment*, in UTC, for people."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def summary(outcome: Outcome) -> str:
    """Return the last line: how many objects, workloads and findings, and what was not looked at."""
    counts = outcome.counts
    by_mode = ", ".join(f"{counts[mode]} {mode}" for mode in MODES)
    parts = [
        plural(outcome.objects, "object"),
        plural(len(outcome.workloads), "Airflow workload"),
        f"{plural(sum(counts.values()), 'finding')} ({by_mode})",
        f"{outcome.exempted} exempted" if outcome.exempted else "",
        f"{len(outcome.notes)} not judged" if outcome.notes else "",
        f"{len(outcome.skipped)} skipped" if outcome.skipped else "",
        f"{len(outcome.unusable)} unusable" if outcome.unusable else "",
    ]
    return ", ".join(part for part in parts if part)


class Tone(StrEnum):
    """How an audit's headline is meant: never good while there are findings, or what was asked for was not seen."""

    BAD = "bad"
    DOUBTFUL = "doubtful"
    GOOD = "good"


def tone(survey: "Survey") -> Tone:
    """Return how the headline of *survey* is meant."""
    if survey.lost:
        return Tone.BAD
    faults = survey.callbacks is not None and survey.callbacks.faults
    unsure = not survey.complete or any(remark.note for remark in survey.unseen)
    everywhere = survey.pods and not empty_clusters(survey) and not _unjudged(survey)
    clear = everywhere and not survey.counts.total() and not faults and not unsure
    return Tone.GOOD if clear else Tone.DOUBTFUL


def headline(survey: "Survey") -> str:
    """Return what an audit says first; where the policy denies nothing, also what enforcing would deny."""
    unjudged, empty = _unjudged(survey), empty_clusters(survey)
    told = f"{unjudged}; {_headline(survey)}" if unjudged else _headline(survey)
    if not survey.pods and survey.is_unread:
        return told
    unread = [name for name in empty if survey.clusters[name].is_unread]
    blind = [name for name in empty if name not in unread and survey.clusters[name].is_blind]
    bare = [name for name in empty if name not in (*unread, *blind)] if survey.pods else []
    told += f"; no running Airflow pods were seen in {', '.join(map(shown, bare))}" if bare else ""
    told += f"; not all could be seen in {', '.join(map(shown, blind))}" if blind else ""
    return told + (f"; {', '.join(map(shown, unread))} could not be read" if unread else "")


def empty_clusters(survey: "Survey") -> tuple[str, ...]:
    """Return the names of the clusters of *survey*, of several, in which no pods of Airflow were seen."""
    return tuple(name for name, part in survey.clusters.items() if not part.pods)


def _unjudged(survey: "Survey") -> str:
    """Say where airlock's documents are, and nobody is registered to apply them; "" for nowhere."""
    left = [name for name, part in survey.clusters.items() if part.basis.left]
    where = f"in {', '.join(map(shown, left))}" if left else "here" if survey.basis.left else ""
    return f"airlock judges nothing {where}: no webhook configuration is registered" if where else ""


def _headline(survey: "Survey") -> str:
    if not survey.pods:
        unseen = sum(not remark.usable for remark in survey.remarks)
        besides = f"; {plural(unseen, 'thing')} could not be seen" if unseen and not survey.clusters else ""
        return "no cluster could be read" if survey.is_unread else f"no running Airflow pods were seen{besides}"
    if survey.lost:
        return f"{survey.lost} of {plural(survey.pods, 'running pod')} would not come back"
    if survey.enforced:
        return f"none would be denied by this policy; {survey.enforced} of {survey.pods} under `mode: enforce`"
    seen = "" if survey.complete else " that could be seen"
    told = f"{survey.pods} of {plural(survey.pods, 'running pod')}{seen} would come back"
    found = survey.counts.total()
    return f"{told}; {plural(found, 'finding')}" if found else told


def audit_summary(survey: "Survey") -> str:
    """Return the last line of an audit: how many of everything, and whether all could be seen."""
    parts = [
        f"{plural(survey.seen, 'pod')} looked at",
        f"{survey.pods} of Airflow in {plural(len(survey.groups), 'workload')}",
        f"{survey.lost} would not come back",
        _findings(survey),
        f"{plural(len(survey.drifts), 'reference')} with several images" if survey.drifts else "",
        f"{plural(len(survey.skews), 'Airflow')} out of step" if survey.skews else "",
        *_besides(survey),
    ]
    return ", ".join(part for part in parts if part)


def short_summary(survey: "Survey") -> str:
    """Return how many findings there are, and what is not among them."""
    return ", ".join(part for part in (_findings(survey), *_besides(survey)) if part)


def _findings(survey: "Survey") -> str:
    counts = survey.counts
    return f"{plural(counts.total(), 'finding')} ({', '.join(f'{counts[mode]} {mode}' for mode in MODES)})"


def _besides(survey: "Survey") -> tuple[str, ...]:
    exempted = len(survey.exempted)
    outside = sum(survey.bypassed.values())
    unseen = sum(not remark.usable for remark in survey.remarks)
    notes = sum(remark.note for remark in survey.unseen)
    faults = survey.callbacks.faults if survey.callbacks is not None else ()
    return (
        f"{exempted} exempted" if exempted else "",
        f"{plural(outside, 'pod')} outside admission" if outside else "",
        f"{plural(len(faults), 'fault')} of callbacks" if faults else "",
        f"{plural(notes, 'workload')} not judged" if notes else "",
        f"{plural(unseen, 'thing')} could not be seen" if unseen else "",
    )


def release(airflow: Airflow) -> str:
    """Return *airflow* in words."""
    name = f"release {shown(airflow.release)} in " if airflow.release else "the Airflow in "
    where = f"{airflow.cluster}/{airflow.namespace}" if airflow.cluster else airflow.namespace
    return f"{name}{shown(where)}"


def fingerprints(workload: Judged, found: Iterable[Violation | Exempted]) -> list[str]:
    """Return for each of *found* in *workload* what stays the same while lines move, and containers come and go.

    That is the rule with the image or variable. Where a rule says two things of one, as of containers with different
    fixes, the later ones are told apart by their containers.
    """
    whose = (
        workload.place.file, workload.api_version, workload.kind, workload.namespace, workload.name, workload.key,
        *filter(None, [workload.place.cluster]),
    )  # fmt: skip
    marks: list[str] = []
    known: set[tuple[str, ...]] = set()
    for one in found:
        cause = one.cause
        what: tuple[str, ...] = (one.rule, cause.image or cause.variable or cause.text)
        if what in known:
            what = (*what, *sorted(cause.containers))
        known.add(what)
        mark = hashlib.sha256("\0".join((*whose, *what)).encode(errors="backslashreplace"))
        marks.append(mark.hexdigest()[:32])
    return marks
