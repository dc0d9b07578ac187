"""What would make pods and has none with the same fault: scaled to zero, refused, or the executor's template."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from webhook.audit.coverage import Coverage
from webhook.audit.survey import Found, Group, Lifted, Survey
from webhook.judge.verdict import Violation
from webhook.manifests.objects import Manifest
from webhook.manifests.outcome import Judged, Outcome
from webhook.pods.airflow import Component
from webhook.pods.sighting import airflow_in
from webhook.rules.finding import Finding

_Told = tuple[str, str, str]  # rule, container, and what is wrong there


def with_templates(survey: Survey, outcome: Outcome, manifests: Iterable[Manifest], coverage: Coverage) -> Survey:
    """Return *survey* with a group for each object in *outcome* that has a finding which its running pods have not.

    *manifests* are those that *outcome* is about.
    """
    by_place = {manifest.file: manifest for manifest in manifests}
    told: dict[tuple[str, str], list[tuple[Group, set[_Told]]]] = {}
    for group in survey.groups:
        found = {_told(one.violation.rule, one.violation.finding) for one in group.found}
        found |= {_told(one.exempted.rule, one.exempted.finding) for one in group.lifted}
        for kind in {group.kind, "Task" if group.component is Component.TASK else group.kind}:
            told.setdefault((group.namespace, kind), []).append((group, found))
    fresh = (
        _group(judged, by_place[judged.place.file], _by_pods(judged, told), coverage) for judged in outcome.workloads
    )
    groups = sorted(
        (*survey.groups, *(one for one in fresh if one is not None)),
        key=lambda one: (one.namespace, one.component, one.name, one.kind),
    )
    return replace(survey, groups=tuple(groups), remarks=(*survey.remarks, *outcome.remarks))


def _told(rule: str, finding: Finding) -> _Told:
    # The path differs between a pod and its template, and a pod's text may have more evidence.
    return rule, finding.container, finding.image or finding.text


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
    found = _first(one.violation for one in judged.reported)
    fresh = [violation for told, violation in found.items() if told not in by_pods]
    spared = {_told(one.exempted.rule, one.exempted.finding): one.exempted for one in judged.spared}
    lifted = [exempted for told, exempted in spared.items() if told not in by_pods]
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


def _first(violations: Iterable[Violation]) -> dict[_Told, Violation]:
    found: dict[_Told, Violation] = {}
    for violation in violations:
        found.setdefault(_told(violation.rule, violation.finding), violation)
    return found
