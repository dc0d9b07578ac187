"""image-skew: a component that runs a different image than the rest of its Airflow.

Scheduler, workers and the other components read the same DAGs and plugins, so they must run the same code. Within one
Helm release in one namespace, the rule compares each component's own container with the scheduler's or, without a
scheduler, with the API server's, webserver's, DAG processor's, triggerer's or worker's, in this order. It compares
digests if it can, else references. A rollout changes one component after another, so both must have run for longer than
`graceMinutes`. The executor's task pods are always new: for them only the scheduler must have run that long, and an
image from another repository counts as a `pod_override`. Pods of the KubernetesPodOperator, jobs and support can run
any image. Only an audit finds this, so the rule never denies.

Passes::

    scheduler: apache/airflow:2.10.5, worker: apache/airflow:2.10.5

Fails::

    scheduler: apache/airflow:2.10.5, worker: apache/airflow:2.10.4
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from webhook.pods.airflow import Chart, Component
from webhook.pods.fleet import LEADERS, Fleet, Live
from webhook.pods.image import LONGEST, ImageError, familiar, parse
from webhook.pods.sighting import Part, airflow_of, short
from webhook.pods.text import quote
from webhook.pods.workload import ImagePlace
from webhook.rules.finding import Finding, Mode
from webhook.rules.rule import Rule, RuleOptions, Subject

_FIX = "roll out the whole release with one image, workers and executor pods included, and restart what was left behind"


class ImageSkewOptions(RuleOptions):
    """The options of image-skew."""

    grace_minutes: Annotated[int, Field(ge=0, le=7 * 24 * 60)] = 15
    """For how many minutes two images may run beside each other, as in a rollout."""

    components: tuple[Component, ...] = (*LEADERS, Component.TASK)
    """Components that are compared."""


def check(subject: Subject, options: ImageSkewOptions) -> Iterator[Finding]:
    """Yield a finding for the own container of a running pod whose image is not that of the rest of its Airflow."""
    live, role = subject.live, subject.role
    if live is None or live.pod.ended or role.chart is Chart.OPERATOR or role.component not in options.components:
        return
    place = next((one for one in subject.images if (one.field, one.container) == ("containers", role.main)), None)
    own = None if place is None else part_of(live, place, role.component)
    if place is None or own is None:
        return
    leader = leader_of(own, live.fleet, options)
    if leader is None:
        return
    apart = leader.first if role.component is Component.TASK else max(leader.first, own.first)
    if live.now - apart <= timedelta(minutes=options.grace_minutes):
        return
    told = f"the {leader.component} of this Airflow runs {quote(familiar(parse(leader.image)), LONGEST)}{_as(leader)}"
    yield Finding(
        place.path,
        f"{quote(place.image, LONGEST)}: {told}, {_since(apart)}",
        _FIX,
        place.container,
        own.image,
        Mode.WARN,
        brief=f"is not the image of the {leader.component}",
        detail=f"as {short(own.digest)}" if own.digest else "",
        reason=told,  # for every spelling of the reference and every digest it runs as
    )


def leader_of(own: Part, fleet: Fleet, options: ImageSkewOptions) -> Part | None:
    """Return the part whose image *own* should run and does not; None when it runs it, or nothing says what it should.

    Of several images of the leading component it is the newest, which the others are to follow.
    """
    if own.component not in options.components:
        return None
    leaders = [part for part in fleet.leader(own.airflow) if part.component in options.components]
    if not leaders or any(leader.is_image_of(own) for leader in leaders):
        return None
    leader = leaders[-1]
    return None if is_meant(own, leaders) or leader.component is own.component else leader


def is_meant(own: Part, leaders: Sequence[Part]) -> bool:
    """Return whether *own* is a task whose image another repository gives: that is taken for a `pod_override`."""
    return own.component is Component.TASK and bool(leaders) and leaders[-1].repository != own.repository


def part_of(live: Live, place: ImagePlace, component: Component) -> Part | None:
    """Return what the container at *place* of the pod runs, as a part of its Airflow; None when it never started."""
    run = live.pod.images.get((place.field, place.container))
    try:
        image = parse(place.image)
    except ImageError:
        return None
    if run is None or run.since is None:
        return None
    digest = live.nodes.canonical(run.digest) if run.digest else image.digest
    airflow, group = airflow_of(live.pod), live.nodes.group(live.pod.node)
    for part in live.fleet.of(airflow, component):
        if (part.image, part.group, part.digest) == (str(image), group, digest):
            return part
    return None


def _as(part: Part) -> str:
    return f" ({short(part.digest)})" if part.digest else ""


def _since(moment: datetime) -> str:
    return f"since {moment:%Y-%m-%d %H:%M} UTC"


RULE = Rule(
    name="image-skew",
    options=ImageSkewOptions,
    images=True,
    places=("containers",),
    live=True,
    check=check,
)
