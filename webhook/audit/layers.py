"""The four layers of the problem that airlock solves, and what one look at a cluster says about each.

There are four words: found, not found, not checked (why) and not comparable (how many). A layer that was not checked is
never "not found".
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from webhook.audit.survey import Survey
from webhook.pods.text import plural
from webhook.rules.expected_image import UNCOMPARED

_NAMED = 3  # namespaces
_SOURCES = "required-env"  # the place of remarks about variables whose source could not be read
_REFERENCES = "env-reference"  # same, about references that could not be looked at


class State(StrEnum):
    """What is to be said of a layer."""

    FOUND = "found"
    CLEAR = "not found"
    UNCHECKED = "not checked"
    INCOMPARABLE = "not comparable"


class Layer(msgspec.Struct, frozen=True):
    """One of the four causes that lay behind one message, and whether it is here."""

    name: str
    question: str
    state: State
    told: tuple[str, ...]  # what was found, else why it cannot be said; each a clause
    section: str  # of the page, where more of it is
    marks: tuple[str, ...] = ()  # what airlock's own annotations on pods say about it

    @property
    def clauses(self) -> tuple[str, ...]:
        """Everything to say: what annotations say is no reason why something cannot be said."""
        return (*self.told, *self.marks) if self.state in (State.FOUND, State.CLEAR) else self.told


def layers(survey: Survey) -> tuple[Layer, ...]:
    """Return the four layers as *survey* shows them."""
    if survey.clusters:
        by_cluster = {name: (_stale(part), _cache(part), _wall(part)) for name, part in survey.clusters.items()}
        over = (_over({name: ones[nth] for name, ones in by_cluster.items()}) for nth in range(3))
        return (*over, _callback(survey))
    return _stale(survey), _cache(survey), _wall(survey), _callback(survey)


def _over(by_cluster: dict[str, Layer]) -> Layer:
    """Return one layer over clusters: clear only where it is in each, and what was found first."""
    ranks = (State.FOUND, State.UNCHECKED, State.INCOMPARABLE, State.CLEAR)
    ordered = sorted(by_cluster.items(), key=lambda item: ranks.index(item[1].state))
    worst = ordered[0][1]
    told = tuple(f"{name}: {layer.state}: {'; '.join(layer.clauses)}" for name, layer in ordered)
    return Layer(worst.name, worst.question, worst.state, told, worst.section)


def _stale(survey: Survey) -> Layer:
    unchecked = list(_unseen(survey, "image-skew"))
    if count := len(survey.reach.mixed):
        unchecked.append(f"{plural(count, 'Airflow')} {_run(count)} two images (a rollout, or one component with two)")
    if survey.pods and not survey.reach.compared and not survey.reach.off_in("image-skew"):
        unchecked.append("no Airflow runs two components to compare")
    found = [f"{plural(len(survey.skews), 'Airflow')} out of step"] if survey.skews else []
    wrong, unclear = _workloads(survey, "expected-image"), _workloads(survey, "expected-image", unclear=True)
    found += [f"{plural(wrong, 'workload')} with another image than the release expects"] if wrong else []
    told = [f"{plural(unclear, 'workload')} could not be compared with the release"] if unclear else []
    return _layer(
        ("Stale image", "Do all parts of one Airflow run the same image?", "skew"),
        found=[*found, *_exempted(survey, "image-skew", "expected-image")],
        unchecked=unchecked,
        incomparable=[*_incomparable(survey), *told],
        clear=f"{plural(survey.reach.compared, 'Airflow')} compared, each runs one image",
    )


def _cache(survey: Survey) -> Layer:
    drifts, tags = len(survey.drifts), _workloads(survey, "mutable-tag")
    found = [f"{plural(drifts, 'tag')} {_run(drifts)} as several images"] if drifts else []
    found += [f"{plural(tags, 'workload')} with a moving tag from a node's cache"] if tags else []
    return _layer(
        ("Image cache", "Is one tag one image, on every node?", "drift"),
        found=[*found, *_exempted(survey, "mutable-tag", "image-drift")],
        unchecked=list(dict.fromkeys((*_unseen(survey, "image-drift"), *_unseen(survey, "mutable-tag")))),
        incomparable=_incomparable(survey),
        clear="no tag runs as two images, and no moving tag is served from a cache",
        marks=_marked(sum(bool(group.pinned) for group in survey.groups), "pinned to a digest by airlock"),
    )


def _wall(survey: Survey) -> Layer:
    count, lost = _workloads(survey, "required-env"), _workloads(survey, "env-reference")
    found = [f"{plural(count, 'workload')} without a declared variable, or with another value"] if count else []
    found += [f"{plural(lost, 'workload')} with a reference that cannot be resolved"] if lost else []
    unchecked = list(_unseen(survey, "required-env"))
    if sources := sum(remark.place.file == _SOURCES for remark in survey.remarks):
        unchecked.append(f"{plural(sources, 'variable')} whose source could not be read")
    if any(remark.place.file == _REFERENCES for remark in survey.remarks):
        unchecked.append("what some pods refer to could not be looked at")
    if not sources and survey.pods and not survey.reach.declared:
        basis = survey.basis.required_env
        unchecked.append(f"no variable is declared{f'; manifest: {basis}' if basis.startswith('none') else ''}")
    elif not sources and survey.pods and not survey.reach.asked:
        unchecked.append(f"{plural(survey.reach.declared, 'declared variable')}, none for what runs here")
    return _layer(
        ("Namespace wall", "Does every scheduler have its variables?", "causes"),
        found=[*found, *_exempted(survey, "required-env", "env-reference")],
        unchecked=unchecked,
        incomparable=[],
        clear=f"{plural(survey.reach.asked, 'pod')} checked, each has its declared variables",
        marks=_marked(sum(bool(group.injected) for group in survey.groups), "with variables that airlock injected"),
    )


def _callback(survey: Survey) -> Layer:
    about = ("Callback", "Does the code of the callback run?", "callbacks")
    told = survey.callbacks
    if told is None:
        return _layer(about, found=[], unchecked=["no DAG folder was given"], incomparable=[], clear="")
    seen = f"{plural(told.callbacks, 'callback')} in {plural(told.files, 'file')}"
    faults = [f"{plural(len(told.faults), 'fault')} among {seen}"] if told.faults else []
    unread = [f"{plural(len(told.unread), 'file')} could not be read"] if told.unread else []
    if not told.files and not unread:
        unread.append("the DAG folder has no DAG files")
    return _layer(about, found=faults, unchecked=unread, incomparable=[], clear=f"{seen}, none with a fault that shows")


def _layer(  # noqa: PLR0913 - what there is to say of one
    about: tuple[str, str, str],
    *,
    found: list[str],
    unchecked: list[str],
    incomparable: list[str],
    clear: str,
    marks: tuple[str, ...] = (),
) -> Layer:
    name, question, section = about
    told = {State.FOUND: found, State.UNCHECKED: unchecked, State.INCOMPARABLE: incomparable}
    state = next((state for state, clauses in told.items() if clauses), State.CLEAR)
    clauses = tuple(clause for one in told.values() for clause in one) or (clear,)
    return Layer(name, question, state, clauses, section, marks)


def _marked(count: int, what: str) -> tuple[str, ...]:
    """Return the clause on *count* workloads that bear airlock's mark: a hint, as their annotations have it."""
    return (f"{plural(count, 'workload')} {what}, as annotations say",) if count else ()


def _unseen(survey: Survey, rule: str) -> Iterator[str]:
    """Yield why *rule* says nothing about some of what was asked for, or about any of it."""
    if survey.is_unread:
        yield "the cluster could not be read"
        return
    if not survey.pods:
        yield "no running Airflow pods were seen"
    if unseen := sum(not remark.usable for remark in survey.remarks):
        yield f"{plural(unseen, 'thing')} could not be seen"
    if notes := sum(remark.note for remark in survey.remarks):
        yield f"{plural(notes, 'workload')} that may be Airflow's {'was' if notes == 1 else 'were'} not judged"
    if not survey.pods:
        return
    if namespaces := survey.reach.off_in(rule):
        where = f" in {', '.join(namespaces[:_NAMED])}{' and more' if len(namespaces) > _NAMED else ''}"
        yield f"the policy turns {rule} off{where if len(namespaces) < survey.reach.namespaces else ''}"


def _incomparable(survey: Survey) -> list[str]:
    return [f"{plural(survey.incomparable, 'image')} could not be compared"] if survey.incomparable else []


def _exempted(survey: Survey, *rules: str) -> list[str]:
    count = sum(any(one.exempted.rule in rules for one in group.lifted) for group in survey.groups)
    return [f"{plural(count, 'workload')} exempted"] if count else []


def _workloads(survey: Survey, *rules: str, unclear: bool = False) -> int:
    """Return how many workloads have a finding of one of *rules*; *unclear*: one that only says it cannot tell."""
    return sum(
        any(one.violation.rule in rules and (one.violation.cause.brief == UNCOMPARED) is unclear for one in group.found)
        for group in survey.groups
    )


def _run(count: int) -> str:
    return "runs" if count == 1 else "run"
