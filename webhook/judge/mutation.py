"""What `/mutate` adds to a new Pod: variables that it lacks, digests of its release, and annotations that say so."""

from collections.abc import Iterator

import msgspec

from webhook.judge.decision import Mutation
from webhook.judge.marks import marks
from webhook.pods.image import parse
from webhook.pods.marks import INJECTED, PINNED
from webhook.pods.workload import ImagePlace
from webhook.rules import pin_digest, required_env
from webhook.rules.rule import Subject
from webhook.variables.injection import State, operations
from webhook.variables.patch import Operation, pointer, replace


class Completed(msgspec.Struct, frozen=True):
    """What becomes of a Pod."""

    outcome: Mutation
    patch: list[Operation]
    hints: tuple[str, ...] = ()


def completed(subject: Subject, *, injects: bool, pins: bool) -> Completed:
    """Return what becomes of the Pod *subject*; *injects* and *pins* say what the policy wants."""
    asked = subject.needs
    patch = operations(asked)
    outcome = Mutation.UNCHANGED
    if patch:
        outcome = Mutation.WITHHELD if subject.workload.unreadable or not injects else Mutation.INJECTED
    elif any(need.state in (State.UNAVAILABLE, State.HOMELESS) for need in asked):
        outcome = Mutation.UNAVAILABLE
    if not patch and not pins:
        return Completed(outcome, patch)
    injected = outcome is Mutation.INJECTED
    pinned = list(_pinned(subject)) if pins and not subject.workload.unreadable else []
    names = {
        INJECTED: {need.variable.name for need in asked if injected and need.is_met_by_injection and need.entry},
        PINNED: {place.container for place, _ in pinned},
    }
    whole = [*(patch if injected else ()), *(operation for _, operation in pinned)]
    if whole:
        whole += marks(subject.workload.metadata, names)
    return Completed(outcome, whole, tuple(required_env.hints(asked)) if injected else ())


def _pinned(subject: Subject) -> Iterator[tuple[ImagePlace, Operation]]:
    """Yield each image that gets the digest of the pod's release, and the operation."""
    pin = subject.pin
    if pin is None or not pin.digest:
        return
    for place in pin_digest.places(subject.workload, pin):
        image = f"{parse(place.image).repository}@{pin.digest}"
        yield place, replace(pointer("spec", place.field, place.index, "image"), image)
