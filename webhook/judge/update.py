"""What to judge when a pod changes, and in which role: by its old or its new labels, whichever is stricter."""

from collections.abc import Callable
from itertools import islice

import msgspec

from webhook.judge.bounds import MOST_PLACES
from webhook.judge.request import Request
from webhook.judge.trust import Trust
from webhook.judge.verdict import Verdict
from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.workload import ImagePlace, Workload
from webhook.rules.finding import Mode

_SEPARATELY = 100  # containers and volumes

# The verdict on some images of a workload in a role.
Judge = Callable[[Role, Workload, tuple[ImagePlace, ...]], Verdict]


class Strictest(msgspec.Struct, frozen=True):
    """The strictest verdict on a pod that changes, and the role that it is for."""

    role: Role
    images: tuple[ImagePlace, ...]
    verdict: Verdict
    distrusted: Component | None  # what its labels claim, where it is judged as something else


def strictest(trust: Trust, request: Request, workload: Workload, judge: Judge) -> Strictest | None:
    """Return the strictest verdict over every role that the pod *workload* may be, None when it is not Airflow's.

    It may be what it claims before the change or after it, and it may be a task.
    """
    before = () if request.old is None else trust.suspected(request, request.old)
    after = trust.suspected(request, workload)
    roles = tuple(dict.fromkeys((*after, *before)))
    if not roles:
        return None
    images = tuple(_new(request, workload, before, after, judge))
    judged = [(role, judge(role, workload, images)) for role in roles]
    role, verdict = max(judged, key=lambda pair: (pair[1].mode.rank, len(pair[1].violations)))
    distrusted = None if role.component is roles[0].component else roles[0].component
    return Strictest(role, images, verdict, distrusted)


def _new(
    request: Request, workload: Workload, before: tuple[Role, ...], after: tuple[Role, ...], judge: Judge
) -> list[ImagePlace]:
    """Return the images that are new to the rules.

    An image that changed is new, so that labels, finalizers and adoption always pass. Where the labels make the pod
    another component, or Airflow's at all, every image is new that its old labels let through more mildly.
    """
    old = {(place.field, place.container): place.image for place in request.old.images} if request.old else {}
    # To judge each by itself takes too long for more than any real pod has: then all are new.
    many = workload.size > _SEPARATELY
    relabelled = bool(after) and (not before or _kind(after[0]) != _kind(before[0]))

    def is_new(place: ImagePlace) -> bool:
        if old.get((place.field, place.container)) != place.image:
            return True
        return relabelled and (
            many or any(judge(role, workload, (place,)).mode.rank > was(place).rank for role in after)
        )

    def was(place: ImagePlace) -> Mode:
        if not before or request.old is None:
            return Mode.OFF
        mode = judge(before[0], request.old, (place,)).mode
        return mode.capped(Mode.WARN) if is_managed(before[0]) else mode

    return list(islice(filter(is_new, workload.images), MOST_PLACES))


def _kind(role: Role) -> tuple[Component, bool]:
    return role.component, is_managed(role)


def is_managed(role: Role) -> bool:
    """Return whether a managed service makes pods of *role*, so that nobody can change them."""
    return role.chart is Chart.COMPOSER and role.component is not Component.TASK
