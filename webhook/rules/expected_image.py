"""expected-image: a component that runs, or would run, a different image than the release declares.

The release manifest (kind Release) says which image a component must run, by digest, tag or revision, and since when.
A delivery pipeline writes it before it rolls out. The rule looks at the component's own container. For a while after
`since`, the previous image is right as well. A revision is found in the tag, or in the image's label
`org.opencontainers.image.revision`, which the controller reads from the registry beforehand.

A scheduler's variables for `worker_container_repository` and `worker_container_tag` are checked too: they name the
image that the executor starts next, so a new scheduler with old workers shows before a task runs. `airlock check` and
`airlock audit` also read these settings, and the pod template, from ConfigMaps. A task on another repository counts as
a deliberate `pod_override`, and pods of the KubernetesPodOperator may run anything. An image that cannot be compared is
a finding of mode `audit`.

Passes, with `images: [{repository: registry.example.com/airflow, tag: 2.10.5-4f2c9d1}]` in the release::

    containers: [{name: scheduler, image: "registry.example.com/airflow:2.10.5-4f2c9d1"}]

Fails::

    containers: [{name: scheduler, image: "registry.example.com/airflow:2.10.5-9e107d9"}]
"""

from collections.abc import Iterator

from webhook.pods.airflow import Chart, Component
from webhook.pods.image import LONGEST, Image, ImageError, parse
from webhook.pods.sighting import short
from webhook.pods.text import quote
from webhook.pods.workload import Container, ImagePlace
from webhook.rules import advice
from webhook.rules.expectation import Comparison, Expectation, Match
from webhook.rules.finding import Finding, Mode
from webhook.rules.rule import Rule, RuleOptions, Stage, Subject

# As the KubernetesExecutor reads them: today's section before the one of Airflow until 2.5 (kube_config.py).
_SECTIONS = ("KUBERNETES_EXECUTOR", "KUBERNETES")
_REPOSITORY, _TAG = "WORKER_CONTAINER_REPOSITORY", "WORKER_CONTAINER_TAG"
# What a first line says of an image, and its text as well: of one about which not enough is known, and of a wrong one.
UNCOMPARED, _OTHER = "cannot be compared", "is not what the release expects"
VARIABLES = frozenset(f"AIRFLOW__{section}__{name}" for section in _SECTIONS for name in (_REPOSITORY, _TAG))


class ExpectedImageOptions(RuleOptions):
    """The options of expected-image; what is expected stands in the release manifest."""


def check(subject: Subject, _options: ExpectedImageOptions) -> Iterator[Finding]:
    """Yield a finding for the own container of *subject* if its image is not the release's, and for the executor's."""
    live, role = subject.live, subject.role
    if role.chart is Chart.OPERATOR or (live is not None and live.pod.ended):
        return
    expected = subject.expected.get(role.component)
    if expected is not None:
        yield from _judge_own(subject, expected)
    tasks = subject.expected.get(Component.TASK)
    if role.component is Component.SCHEDULER and tasks is not None and subject.stage is not Stage.UPDATE:
        yield from _judge_executor(subject, tasks)


def _judge_own(subject: Subject, expected: Expectation) -> Iterator[Finding]:
    role, live = subject.role, subject.live
    place = next((one for one in subject.images if (one.field, one.container) == ("containers", role.main)), None)
    if place is None:
        if role.main is None and subject.images and subject.stage is not Stage.UPDATE:
            text = f"it is not known which container is the {role.component}'s own, so no image was compared"
            yield Finding(subject.workload.prefix, text, advice.HOME_FIX, ceiling=Mode.AUDIT, brief=UNCOMPARED)
        return
    try:
        image = parse(place.image)
    except ImageError:
        return  # mutable-tag says so
    repository = expected.current.repository
    if role.component is Component.TASK and repository is not None and repository != image.repository:
        return
    run = live.pod.images.get((place.field, place.container)) if live is not None else None
    running = live.nodes.canonical(run.digest) if live is not None and run is not None and run.digest else None
    found = expected.compare(image, running, subject.observed)
    yield from _finding(found, expected, place.path, _named(place, running), (place.container, str(image)))


def _judge_executor(subject: Subject, expected: Expectation) -> Iterator[Finding]:
    """Yield a finding for the image that the executor would start, by the variables of the scheduler's container."""
    for index, container in enumerate(subject.workload.spec.containers or ()):
        if container.name != subject.role.main:
            continue
        image, path = _started(container, f"{subject.workload.prefix}.containers[{index}]")
        if image is None:
            continue
        found = expected.compare(image, None, subject.observed)
        what = f"the executor would start {quote(str(image), LONGEST)}, which"
        yield from _finding(found, expected, path, what, (container.name, str(image)))


def _started(container: Container, prefix: str) -> tuple[Image | None, str]:
    """Return the image that the variables of *container* give to tasks, and where the tag stands; None without one."""
    values: dict[str, tuple[str, int]] = {}
    for index, variable in enumerate(container.env or ()):
        if variable.name in VARIABLES:  # the last of a name counts, also if its value stands elsewhere
            values[variable.name] = variable.value or "", index
    found = [
        next((values[key] for section in _SECTIONS if (key := f"AIRFLOW__{section}__{name}") in values), None)
        for name in (_REPOSITORY, _TAG)
    ]
    repository, tag = found
    if repository is None or tag is None or not repository[0] or not tag[0]:
        return None, ""
    try:
        return parse(f"{repository[0]}:{tag[0]}"), f"{prefix}.env[{tag[1]}]"
    except ImageError:
        return None, ""


def _finding(
    found: Comparison, expected: Expectation, path: str, what: str, about: tuple[str, str]
) -> Iterator[Finding]:
    if found.match is Match.SAME:
        return
    current = expected.current
    since = f" since {current.since:%Y-%m-%d %H:%M} UTC" if current.since is not None else ""
    wanted = f"{current.words}{since}"
    if found.match is Match.UNKNOWN:
        why = f" ({found.why})" if found.why else ""
        text, brief, ceiling = f"{what} {UNCOMPARED}{why}; the release expects {wanted}", UNCOMPARED, Mode.AUDIT
    else:
        why = f"; {found.why}" if found.why else ""
        text, brief, ceiling = f"{what} {_OTHER}: {wanted}{why}", _OTHER, Mode.ENFORCE
    yield Finding(path, text, advice.RELEASE_FIX, about[0], about[1], ceiling, brief=brief)


def _named(place: ImagePlace, running: str | None) -> str:
    return quote(place.image, LONGEST) + (f" ({short(running)})" if running else "")


RULE = Rule(
    name="expected-image",
    options=ExpectedImageOptions,
    images=True,
    places=("containers",),
    check=check,
    new=True,
)
