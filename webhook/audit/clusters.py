"""One survey of several clusters: what each shows stays apart, and is named after its cluster."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from webhook.audit.group import Group
from webhook.audit.survey import CLUSTER, Basis, Reach, Skew, Survey
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods.sighting import Airflow, Part

_UNKNOWN = "not known"  # what stands for an unread cluster


def together(surveys: Mapping[str, Survey]) -> Survey:
    """Return *surveys*, at least one, by the names of their clusters, as one survey: a finding is one cluster's."""
    clusters = {name: _named(name, survey) for name, survey in surveys.items()}
    parts = tuple(clusters.values())
    inconclusive: Counter[str] = Counter()
    for part in parts:
        inconclusive.update(dict(part.inconclusive))
    return Survey(
        _basis(clusters),
        max(part.taken for part in parts),
        sum(part.seen for part in parts),
        tuple(group for part in parts for group in part.groups),
        tuple(drift for part in parts for drift in part.drifts),
        tuple(skew for part in parts for skew in part.skews),
        tuple(sorted(inconclusive.items())),
        tuple(remark for part in parts for remark in part.remarks),
        Reach(across=tuple(sorted({image for part in parts for image in part.reach.across}))),
        enforced=_enforced(parts),
        clusters=clusters,
    )


def unread(source: str, why: str, now: datetime) -> Survey:
    """Return the survey of a cluster that could not be read: it shows nothing, and is not complete."""
    remark = Remark(Place(CLUSTER, 0), why)
    return Survey(Basis(source, _UNKNOWN, _UNKNOWN, installed=None), now, 0, (), remarks=(remark,))


def _named(name: str, survey: Survey) -> Survey:
    return replace(
        survey,
        groups=tuple(_group(name, group) for group in survey.groups),
        drifts=tuple(replace(drift, cluster=name) for drift in survey.drifts),
        skews=tuple(_skew(name, skew) for skew in survey.skews),
        remarks=tuple(replace(one, place=replace(one.place, cluster=name)) for one in survey.remarks),
    )


def _group(name: str, group: Group) -> Group:
    return replace(group, cluster=name, airflow=_airflow(name, group.airflow))


def _airflow(name: str, airflow: Airflow) -> Airflow:
    return replace(airflow, cluster=name)


def _skew(name: str, skew: Skew) -> Skew:
    def parts(ones: Iterable[Part]) -> tuple[Part, ...]:
        return tuple(replace(one, airflow=_airflow(name, one.airflow)) for one in ones)

    return Skew(_airflow(name, skew.airflow), parts(skew.leader), parts(skew.behind))


def _basis(clusters: Mapping[str, Survey]) -> Basis:
    installed = {part.basis.installed for part in clusters.values()}
    return Basis(
        "; ".join(part.basis.source for part in clusters.values()),
        _words(clusters, lambda basis: basis.policy),
        _words(clusters, lambda basis: basis.required_env),
        installed=installed.pop() if len(installed) == 1 else None,
    )


def _words(clusters: Mapping[str, Survey], get: Callable[[Basis], str]) -> str:
    """Return what *get* says of all, once where all say the same."""
    told = {name: get(part.basis) for name, part in clusters.items()}
    same = set(told.values())
    return same.pop() if len(same) == 1 else "; ".join(f"{name}: {words}" for name, words in told.items())


def _enforced(parts: Iterable[Survey]) -> int | None:
    """Return how many pods enforcing would deny; None where some are denied already, or nothing was found."""
    parts = list(parts)
    if any(part.lost for part in parts) or all(part.enforced is None for part in parts):
        return None
    return sum(part.enforced or 0 for part in parts)
