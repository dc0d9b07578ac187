"""What the API server's registration says: whether it is whole, whom it trusts, and what passes without airlock."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from certs.plan import Leaf
from webhook.audit.coverage import Selector
from webhook.status.line import BUNDLE, FAILS_OPEN, REGISTRATION, Line, State, Unseen

MUTATING, VALIDATING = "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"
CREATES = "`helm upgrade --install` creates it (docs/install.md)"  # whether or not airlock was ever there
PATHS = {MUTATING: "/mutate", VALIDATING: "/validate"}
NEW = "CREATE pods"


class Hook(msgspec.Struct, frozen=True):
    """One entry that calls airlock."""

    name: str
    path: str
    asks: frozenset[str]  # what it is asked about of pods, an operation and a resource each: "UPDATE pods"
    ignores_failures: bool
    trusts: frozenset[str]  # the marks of the authorities that are valid now
    by_labels: bool = False  # whether it leaves objects out by their labels
    selector: Selector = Selector()  # of namespaces
    conditions: frozenset[str] = frozenset()  # the names of its matchConditions

    @property
    def new_pods(self) -> bool:
        """Whether it is asked about pods that are made."""
        return NEW in self.asks


class Registered(msgspec.Struct, frozen=True):
    """A webhook configuration that should call airlock; None for *hooks* when it does not exist."""

    kind: str
    name: str
    hooks: tuple[Hook, ...] | Unseen | None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def known(self) -> tuple[Hook, ...]:
        """The entries that were seen."""
        return self.hooks if isinstance(self.hooks, tuple) else ()


class Served(msgspec.Struct, frozen=True):
    """A certificate that replicas serve: *place* says where it was seen."""

    place: str
    leaf: Leaf


def registration(found: Iterable[Registered]) -> Iterator[Line]:
    """Yield a line for each of the configurations *found*."""
    for each in found:
        if each.hooks is None:
            text = f"{each} does not exist: the API server does not ask airlock; {CREATES}"
            yield Line(REGISTRATION, State.WRONG, text, str(each))
        elif isinstance(each.hooks, Unseen):
            yield Line(REGISTRATION, State.UNKNOWN, f"{each}: {each.hooks.why}", str(each))
        elif not any(hook.path == PATHS[each.kind] and hook.new_pods for hook in each.hooks):
            text = f"{each} has no entry that asks {PATHS[each.kind]} about new pods; `helm upgrade` completes it"
            yield Line(REGISTRATION, State.WRONG, text, str(each))
        elif some := [hook.name for hook in each.hooks if hook.by_labels]:
            text = f"{each} skips objects by their labels, and anyone who creates one chooses those"
            yield Line(
                REGISTRATION, State.WRONG, f"{text}: take out the objectSelector of {', '.join(some)}", str(each)
            )
        else:
            names = ", ".join(hook.name for hook in each.hooks)
            yield Line(REGISTRATION, State.OK, f"{each} asks airlock: {names}", str(each))


def misfits(found: Iterable[Registered], served: Iterable[Served], now: datetime) -> list[str]:
    """Return why the API server does not believe what is *served*, a sentence for each configuration and place."""
    told: dict[str, None] = {}
    places = list(served)
    for one in places:
        if fault := one.leaf.fault(now):
            told[f"the certificate of {one.place} is of no use: {fault}"] = None
    for each in found:
        blind = [hook.name for hook in each.known if not hook.trusts]
        if blind:
            told[f"{each} trusts nobody: no valid caBundle for {', '.join(blind)}"] = None
        for one in places:
            names = [hook.name for hook in each.known if hook.trusts and one.leaf.issuer not in hook.trusts]
            if names:
                told[f"{each} does not trust what {one.place} serves: caBundle of {', '.join(names)}"] = None
    return list(told)


def bundle(found: Iterable[Registered], served: tuple[Served, ...] | Unseen, now: datetime) -> Iterator[Line]:
    """Yield the lines on whether the caBundles trust what is *served*."""
    configurations = list(found)
    places = served if isinstance(served, tuple) else ()
    wrong = misfits(configurations, places, now)
    yield from (Line(BUNDLE, State.WRONG, text) for text in wrong)
    hooks = [hook for each in configurations for hook in each.known]
    if not hooks:
        yield from _blind(configurations, BUNDLE)
    if wrong or not hooks:
        return
    if isinstance(served, Unseen):
        yield Line(BUNDLE, State.UNKNOWN, f"what the replicas serve: {served.why}")
    elif served:
        ends = min(one.leaf.not_after for one in served)
        where = ", ".join(one.place for one in served)
        text = f"all {len(hooks)} entries trust what is served ({where}), valid until {ends:%Y-%m-%d %H:%M} UTC"
        yield Line(BUNDLE, State.OK, text)


def fails_open(found: Iterable[Registered], *, enforces: bool | None) -> Iterator[Line]:
    """Yield what passes unjudged while no replica answers; *enforces*: whether the policy does, None if unknown.

    That is a note: somebody chose it. Where no entry judges new pods, the registration's lines say so.
    """
    configurations = [each for each in found if each.kind == VALIDATING]
    judging = [hook for each in configurations for hook in each.known if hook.new_pods]
    ignoring = [hook.name for hook in judging if hook.ignores_failures]
    words = {True: "the policy enforces", False: "the policy enforces nothing", None: "the policy is not known"}
    if ignoring:
        text = f"while no replica answers, pods pass unjudged that {' and '.join(ignoring)} would ask about"
        yield Line(FAILS_OPEN, State.NOTE, f"{text}: failurePolicy is Ignore, and {words[enforces]}")
    elif judging:
        yield Line(FAILS_OPEN, State.OK, "nothing: failurePolicy is Fail wherever new pods are judged")
    else:
        yield from _blind(configurations, FAILS_OPEN)


def _blind(found: Iterable[Registered], subject: str) -> Iterator[Line]:
    """Yield a line where *subject* cannot be known, since the configurations could not be read."""
    for each in found:
        if isinstance(each.hooks, Unseen):
            yield Line(subject, State.UNKNOWN, f"{each}: {each.hooks.why}")
            return
