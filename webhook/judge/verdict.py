"""The outcome of the rules' findings: violations, exempted ones, and the verdict on both.

One cause is one finding: what one rule says about one workload, with one image or variable, one reason and one fix,
is one `Violation` with a list of places. `merged` makes it so; every answer, Event, report and metric counts its
results. An audit merges again by the same `key`: over the pods of one workload, and, for a rule that is `shared`,
over all.
"""

from collections.abc import Iterable
from contextlib import suppress
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from webhook.pods.image import ImageError, parse
from webhook.rules.finding import Finding, Mode
from webhook.rules.keys import Keys

Key = tuple[str, ...]


class Where(msgspec.Struct, frozen=True):
    """One place of a workload that shows a cause."""

    path: str  # the field: spec.containers[0].image
    container: str = ""  # the container's (or image volume's) name; "" when none is concerned
    detail: str = ""  # what is particular to this place: as sha256:0123456789ab


class Cause(msgspec.Struct, frozen=True):
    """What is wrong and why, what to do, and every place where it shows."""

    text: str  # what is wrong, without places and fix
    fix: str
    places: tuple[Where, ...]  # at least one, each once, in object order
    image: str = ""  # the normalised image reference; "" when none is concerned or it cannot be parsed
    variable: str = ""  # the variable's name; "" when none is concerned
    brief: str = ""  # half of the condition, for a first line, said after the image or variable: is missing
    reason: str = ""  # what tells causes apart in place of the text; "" when the text does
    keys: Keys | None = None  # the values of a chart that decide about the image

    @property
    def key(self) -> Key:
        """What findings of one rule have in common that have one cause: subject, reason and fix."""
        return _one_name(self.image), self.variable, self.reason or self.text, self.fix

    @property
    def containers(self) -> tuple[str, ...]:
        """The names of the containers (or image volumes) where it shows, each once, in object order."""
        return tuple(dict.fromkeys(place.container for place in self.places if place.container))


def _one_name(image: str) -> str:
    """Return *image* with the tag that is meant when it has none."""
    with suppress(ImageError):
        if image and (read := parse(image)).tag is None and read.digest is None:
            return f"{image}:{read.effective_tag}"
    return image


def cause_of(finding: Finding) -> Cause:
    """Return the cause of one *finding*, at its one place."""
    return Cause(
        text=finding.text,
        fix=finding.fix,
        places=(Where(finding.path, finding.container, finding.detail),),
        image=finding.image,
        variable=finding.variable,
        brief=finding.brief,
        reason=finding.reason,
        keys=finding.keys,
    )


class Violation(msgspec.Struct, frozen=True):
    """A cause that *rule* found and that counts, and what it does."""

    rule: str
    mode: Mode
    cause: Cause
    note: str = ""  # said after the finding, such as an exemption that has expired
    pods: Mode | None = None  # of a template: the mode that its Pods will meet

    @property
    def key(self) -> Key:
        """What two violations have in common that are one finding."""
        return self.rule, self.mode, self.pods or "", self.note, *self.cause.key


class Exempted(msgspec.Struct, frozen=True):
    """A cause that *rule* found and that does not count because of the exemption named *exemption*."""

    rule: str
    exemption: str
    cause: Cause

    @property
    def key(self) -> Key:
        """What two of them have in common that are one finding."""
        return self.rule, self.exemption, *self.cause.key


T = TypeVar("T", Violation, Exempted)


def merged(found: Iterable[T]) -> tuple[T, ...]:
    """Return *found* with one for each key, which has the places of all; in the order of their first places."""
    by_key: dict[Key, list[T]] = {}
    for one in found:
        by_key.setdefault(one.key, []).append(one)
    return tuple(ones[0] if len(ones) == 1 else _at_all(ones) for ones in by_key.values())


def _at_all(ones: list[T]) -> T:
    return at(ones[0], dict.fromkeys(place for one in ones for place in one.cause.places))


def at(one: T, places: Iterable[Where]) -> T:
    """Return *one* with other *places*."""
    return replace(one, cause=replace(one.cause, places=tuple(places)))


class Verdict(msgspec.Struct, frozen=True):
    """The whole answer to one request: violations in object order, and what was exempted."""

    violations: tuple[Violation, ...] = ()
    exempted: tuple[Exempted, ...] = ()

    @property
    def mode(self) -> Mode:
        """The strictest mode among the violations; `off` when there is none."""
        if not self.violations:  # the usual case
            return Mode.OFF
        return max((violation.mode for violation in self.violations), key=lambda mode: mode.rank)

    @property
    def allowed(self) -> bool:
        """Whether the request is admitted."""
        return self.mode is not Mode.ENFORCE


CLEAN = Verdict()
