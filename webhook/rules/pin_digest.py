"""pin-digest: workers and tasks get the digest that their scheduler runs, so that a tag cannot give them another image.

`/mutate` does this when a Pod is created, if the policy says so: the mode is `off` until `rules.pin-digest` sets
another one, whatever `mode` says. `enforce` and `warn` pin, `audit` only reports what would be pinned. airlock pins an
image of a worker or task pod that is exactly the scheduler's repository and tag, if that tag is mutable, within the
release that the pod's labels name; it does not change a pod without such a label. The digest is one that a node reports
for that repository and that the controller has seen, so airlock asks no registry. While the schedulers of the release
run two images, as in a rollout, it pins nothing, and warns. If nodes have several platforms, it uses only a digest that
is known to be an index. It changes only pods, so GitOps sees no difference. The annotation `airlock/pinned` names the
containers.

Passes, while the scheduler runs main as sha256:1111... (airlock turns the first into the second)::

    containers: [{name: base, image: "apache/airflow:main"}]
    containers: [{name: base, image: "apache/airflow@sha256:1111..."}]

Fails, while the schedulers run main as two digests::

    containers: [{name: base, image: "apache/airflow:main"}]
"""

from collections.abc import Iterator

from pydantic import Field

from webhook.pods.image import ImageError, parse
from webhook.pods.pin import Pin
from webhook.pods.sighting import short
from webhook.pods.text import printable, quote
from webhook.pods.workload import ImagePlace, Workload
from webhook.rules import advice
from webhook.rules.finding import Finding, Mode
from webhook.rules.rule import Rule, RuleOptions, Stage, Subject

_FIX = "wait until the rollout of the scheduler has ended, and recreate the pod; or give each image a tag of its own"
_PATCHED = frozenset({"containers", "initContainers"})
_REASON = 120


class PinDigestOptions(RuleOptions):
    """The options of pin-digest."""

    mode: Mode = Field(default=Mode.OFF)
    """enforce and warn pin, audit only says what would be pinned; the policy's own mode does not switch it on."""


def check(subject: Subject, options: PinDigestOptions) -> Iterator[Finding]:
    """Yield a finding for each image of a new pod that is not pinned, though it should be."""
    pin = subject.pin
    if pin is None or subject.stage is not Stage.POD:
        return
    for place in places(subject.workload, pin):
        if pin.why:
            text = f"{quote(place.image)} is not pinned: {printable(pin.why, _REASON)}"
            brief = "is not pinned to the scheduler's digest"
        elif options.mode is Mode.AUDIT:
            text = f"{quote(place.image)} would be pinned to {short(pin.digest)}, which the scheduler runs"
            brief = "would be pinned to the scheduler's digest"
        else:
            text = f"{quote(place.image)} was not pinned to {short(pin.digest)}, which the scheduler runs"
            brief = "was not pinned to the scheduler's digest"
        fix = advice.LEFT_OUT_FIX if subject.left_out and not pin.why else _FIX
        yield Finding(place.path, text, fix, place.container, pin.image, Mode.WARN, brief=brief)


def places(workload: Workload, pin: Pin) -> Iterator[ImagePlace]:
    """Yield the places of *workload* whose image is exactly that of *pin*, which has no digest."""
    for place in workload.images:
        try:
            if place.field in _PATCHED and str(parse(place.image)) == pin.image:
                yield place
        except ImageError:
            continue


RULE = Rule(
    name="pin-digest",
    options=PinDigestOptions,
    images=True,
    places=("containers", "initContainers"),
    check=check,
    new=True,
)
