"""From findings to a patch: what would make each go, by the pull policy, or by the digests that run."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from webhook.judge.message import problem
from webhook.judge.verdict import Cause, Violation
from webhook.manifests.outcome import Outcome
from webhook.pods.airflow import Chart
from webhook.pods.image import ImageError, parse
from webhook.report.patch import Change, Patch
from webhook.rules.keys import Keys

if TYPE_CHECKING:
    from webhook.audit.group import Group
    from webhook.audit.survey import Survey

_SETTABLE = frozenset({"Deployment", "StatefulSet", "DaemonSet", "CronJob", "ReplicaSet"})  # of kubectl set image
_OBJECT = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_CHARTS = frozenset({Chart.OFFICIAL, Chart.COMMUNITY, Chart.BITNAMI})  # with values of their own
_SUBCHART = "subchart's name, if it is one"


class _Pin(msgspec.Struct, frozen=True):
    """One image of a workload, and the digest it runs as."""

    container: str
    repository: str
    digest: str


def of_files(outcome: Outcome) -> Patch:
    """Return the patch for the findings of a check."""
    found = [(workload.title, one.violation) for workload in outcome.workloads for one in workload.reported]
    charts = _charts((workload.chart, one.violation) for workload in outcome.workloads for one in workload.reported)
    return replace(_patch(found, []), caution=_caution(not outcome.unusable, bool(outcome.workloads)), charts=charts)


def of_cluster(survey: "Survey", *, pin: bool) -> Patch:
    """Return the patch for the findings of an audit; with *pin* by the digests that run, where there is one."""
    told = [(group, one.violation) for group in survey.groups for one in group.found]
    said, charts = caution(survey), _charts((group.chart, violation) for group, violation in told)
    if not pin:
        patch = _patch([(group.title, violation) for group, violation in told], [])
        return replace(patch, caution=said, charts=charts)
    pinned: list[Change] = []
    rest: list[tuple[str, Violation]] = []
    unpinned: list[str] = []
    for group, violation in told:
        changes = list(_pinned(group, violation))
        pinned += changes
        if changes:
            continue
        rest.append((group.title, violation))
        if violation.cause.keys is not None:
            unpinned.append(f"{group.title}: {_unpinned(group, violation.cause)}")
    return replace(_patch(rest, pinned), unpinned=tuple(unpinned), caution=said, charts=charts)


def caution(survey: "Survey") -> str:
    """Return what *survey* did not look at, in a line; "" if it saw what was asked for."""
    return _caution(survey.complete, bool(survey.groups))


def _caution(complete: bool, seen: bool) -> str:  # noqa: FBT001 - two facts
    if not complete:
        return "This is incomplete: not everything could be read, and the messages of airlock fix say what."
    return "" if seen else "No workload of Airflow was seen, so nothing was checked."


def set_image(survey: "Survey") -> tuple[list[str], list[str]]:
    """Return a line of `kubectl set image` for each workload whose images run as one digest, and what has none."""
    lines: list[str] = []
    rest: list[str] = []
    for group in survey.groups:
        for violation in (one.violation for one in group.found if one.violation.cause.image):
            pins = list(_pins(group, violation.cause))
            if group.kind not in _SETTABLE or not pins or not _are_names(group, pins):
                rest.append(f"{group.title}: {_why_not(group, violation.cause)}; fix: {violation.cause.fix}")
                continue
            images = " ".join(f"{pin.container}={pin.repository}@{pin.digest}" for pin in pins)
            lines.append(f"kubectl -n {group.namespace} set image {group.kind.lower()}/{group.name} {images}")
    return lines, rest


def _are_names(group: "Group", pins: Iterable[_Pin]) -> bool:
    """Return whether all that would stand in a command is a name as the API server takes them: a dump is a file."""
    return all(map(_OBJECT.fullmatch, (group.namespace, group.name, *(pin.container for pin in pins))))


def _patch(found: Iterable[tuple[str, Violation]], changes: list[Change]) -> Patch:
    rest: list[str] = []
    placed = True
    for title, violation in found:
        cause, keys = violation.cause, violation.cause.keys
        placed = placed and _SUBCHART not in cause.fix
        if keys is None or not keys.policy:
            rest.append(f"{title}: {problem(violation)}; fix: {cause.fix}")
        else:
            others = cause.fix.replace(f", or {keys.policy}: Always", "")  # which is what stands below
            changes.append(Change(keys.policy, "Always", f"{_reason(violation)}; or {others}", title))
    return Patch(tuple(changes), tuple(rest), placed and not _unplaced(changes))


def _reason(violation: Violation) -> str:
    """Return what is wrong, without the containers: it is the same in all of them."""
    return f"{violation.rule}: {violation.cause.text}"


def _charts(found: Iterable[tuple[Chart, Violation]]) -> tuple[str, ...]:
    """Return the charts whose values the fixes of *found* set."""
    kept = {chart for chart, violation in found if violation.cause.keys is not None and chart in _CHARTS}
    return tuple(sorted(str(chart) for chart in kept))


def _unplaced(changes: Iterable[Change]) -> bool:
    return any(_SUBCHART in change.why for change in changes)


def _pinned(group: "Group", violation: Violation) -> Iterator[Change]:
    keys = violation.cause.keys
    pins = {(pin.repository, pin.digest) for pin in _pins(group, violation.cause)}
    if keys is None or len(pins) != 1:
        return
    ((repository, digest),) = pins
    why = f"it runs {repository} as this; {_reason(violation)}; or {violation.cause.fix}"
    yield from _values(keys, repository, digest, why, group.title)


def _unpinned(group: "Group", cause: Cause) -> str:
    """Return why no value pins the image of *cause* to a digest."""
    found = len(_digests(group, cause))
    if found == 1:
        return "its chart has no value for a digest"
    return f"it runs as {found} digests" if found else "no digest of it is known"


def _digests(group: "Group", cause: Cause) -> set[str]:
    return {digest for use in group.images if use.container in cause.containers for digest in use.digests}


def _values(keys: Keys, repository: str, digest: str, why: str, whose: str) -> Iterator[Change]:
    if keys.digest:
        yield Change(keys.digest, digest, why, whose)
    elif keys.halves:
        first, second = keys.halves
        algorithm, _, digits = digest.partition(":")
        yield Change(first, f"{repository}@{algorithm}", why, whose)
        yield Change(second, digits, "the other half of the digest")


def _pins(group: "Group", cause: Cause) -> Iterator[_Pin]:
    """Yield the digest of each container that *cause* is about; none where one runs as several, or none is known."""
    found = [
        (use.container, use.digests)
        for use in group.images
        if use.container in cause.containers and _name(use.image) == _name(cause.image)
    ]
    for container, digests in found:
        if len(digests) == 1 and sum(name == container for name, _ in found) == 1:
            yield _Pin(container, parse(cause.image).repository, digests[0])


def _why_not(group: "Group", cause: Cause) -> str:
    if len(digests := _digests(group, cause)) > 1:
        return f"it runs as {len(digests)} digests"
    return "kubectl set image does not reach it" if group.kind not in _SETTABLE else "no digest of it is known"


def _name(text: str) -> str:
    try:
        return str(parse(text))
    except ImageError:
        return text
