"""What would create pods but has none with the same fault: scaled to zero, refused, or the executor's template."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from webhook.audit.coverage import Coverage
from webhook.audit.group import Found, Group, Lifted
from webhook.audit.survey import Survey
from webhook.judge.verdict import Exempted, T, Violation, Where, at
from webhook.manifests.objects import Manifest
from webhook.manifests.outcome import Judged, Outcome
from webhook.pods.airflow import Component
from webhook.pods.sighting import airflow_in

_Told = tuple[str, str, str]  # rule, container, and what is wrong there


def with_templates(survey: Survey, outcome: Outcome, manifests: Iterable[Manifest], coverage: Coverage) -> Survey:
    """Return *survey* with a group for each object in *outcome* that has a finding which its running pods have not.

    *manifests* are those that *outcome* is about.
    """
    by_place = {manifest.file: manifest for manifest in manifests}
    told: dict[tuple[str, str], list[tuple[Group, set[_Told]]]] = {}
    for group in survey.groups:
        every: list[Violation | Exempted] = [one.violation for one in group.found]
        every += [one.exempted for one in group.lifted]
        found = {_told(one, place) for one in every for place in one.cause.places}
        for kind in {group.kind, "Task" if group.component is Component.TASK else group.kind}:
            told.setdefault((group.namespace, kind), []).append((group, found))
    fresh = (
        _group(judged, by_place[judged.place.file], _by_pods(judged, told), coverage) for judged in outcome.workloads
    )
    noted = {remark.place for remark in survey.remarks if remark.note}
    remarks = (*survey.remarks, *(one for one in outcome.remarks if not (one.note and one.place in noted)))
    groups = sorted(
        (*survey.groups, *(one for one in fresh if one is not None)),
        key=lambda one: (one.namespace, one.component, one.name, one.kind),
    )
    return replace(survey, groups=tuple(groups), remarks=remarks)


def _told(one: Violation | Exempted, place: Where) -> _Told:
    # The path differs between a pod and its template, and a pod's text may have more evidence.
    return one.rule, place.container, one.cause.image or one.cause.variable or one.cause.text


def _by_pods(judged: Judged, told: Mapping[tuple[str, str], list[tuple[Group, set[_Told]]]]) -> set[_Told]:
    """Return what the running pods of the object *judged* tell."""
    return {one for group, found in _running(judged, told) for one in found if group.pods}


def _running(
    judged: Judged, told: Mapping[tuple[str, str], list[tuple[Group, set[_Told]]]]
) -> Iterator[tuple[Group, set[_Told]]]:
    if judged.key:  # the executor's pods name no owner
        yield from told.get((judged.namespace, "Task"), ())
        return
    yield from (one for one in told.get((judged.namespace, judged.kind), ()) if one[0].name == judged.name)
    if judged.kind == "CronJob":  # whose Jobs are called after it and a time
        jobs = told.get((judged.namespace, "Job"), ())
        yield from (one for one in jobs if one[0].name.rpartition("-")[0] == judged.name)


def _group(judged: Judged, manifest: Manifest, by_pods: set[_Told], coverage: Coverage) -> Group | None:
    fresh = tuple(_unseen((one.violation for one in judged.reported), by_pods))
    lifted = tuple(_unseen((one.exempted for one in judged.spared), by_pods))
    if not fresh and not lifted:
        return None
    labels = {key: value for key, value in manifest.labels.items() if isinstance(value, str)}
    return Group(
        namespace=judged.namespace,
        kind=judged.kind,
        name=f"{judged.name} ({judged.key})" if judged.key else judged.name,
        component=judged.component,
        chart=judged.chart,
        airflow=airflow_in(manifest.namespace, labels),
        pods=0,
        lost=0,
        admission=coverage.sees(judged.namespace),
        nodes=(),
        images=(),
        found=tuple(Found(violation, 0, "") for violation in fresh),
        lifted=tuple(Lifted(exempted, 0) for exempted in lifted),
        distrusted=judged.distrusted,
    )


def _unseen(every: Iterable[T], by_pods: set[_Told]) -> Iterator[T]:
    """Yield each of *every* at those of its places that running pods do not tell of."""
    for one in every:
        if places := [place for place in one.cause.places if _told(one, place) not in by_pods]:
            yield at(one, places)
