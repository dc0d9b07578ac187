"""What of pods nobody asks airlock about, by the registration: changes, pods by their conditions, whole namespaces.

The chart's entries for pods come in two halves, since failurePolicy belongs to an entry: a pod is one half's or the
other's by a matchCondition of theirs, so what only one half is asked about is asked about in part.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from webhook.audit.coverage import Selector
from webhook.pods.text import quote
from webhook.status.line import FAILS_OPEN, Line, State, Unseen
from webhook.status.registration import MUTATING, NEW, PATHS, VALIDATING, Hook, Registered

WANTED = {MUTATING: (NEW,), VALIDATING: (NEW, "UPDATE pods", "UPDATE pods/ephemeralcontainers")}
NAMESPACES = "namespaces"  # the name of the line on them
_HALVES = ("tries-again", "does-not-try-again")
_CONDITIONS = frozenset({"not-a-mirror-pod", "something-to-add", "images-or-labels-change", *_HALVES})
_DOES = {MUTATING: "changes", VALIDATING: "judges"}
_NAMED = 5  # namespaces in one sentence
_BROAD = ("In", "Exists")  # what these leave out is all other namespaces


class Outside(msgspec.Struct, frozen=True):
    """The namespaces that some selector leaves out, with their labels, and the kinds whose selectors find none."""

    labels: Mapping[str, Mapping[str, str]]
    nowhere: frozenset[str] = frozenset()


def unasked(found: Iterable[Registered]) -> Iterator[Line]:
    """Yield a line for each of the configurations *found* that is asked about new pods, and not about all it should."""
    for each in found:
        hooks = _hooks([each], each.kind)
        if not hooks:
            continue  # the registration's line says so
        absent = [one for one in WANTED[each.kind] if _halves_without(_asked(hooks, one)) == _HALVES]
        part = {one: half for one in WANTED[each.kind] for half in _half(_asked(hooks, one))}
        told = [f"asks nobody about {', '.join(absent)}"] if absent else []
        told += [f"asks about {one} only where its matchCondition {half} holds" for one, half in part.items()]
        if told:
            yield Line(FAILS_OPEN, State.WRONG, f"{each} {'; '.join(told)}; `helm upgrade` completes it", str(each))
        for hook in hooks:
            if strange := sorted(hook.conditions - _CONDITIONS):
                names = ", ".join(map(quote, strange))
                text = f"{each}: {hook.name} asks only where {names} holds, a matchCondition that is not the chart's"
                yield Line(FAILS_OPEN, State.NOTE, text, hook.name)


def doubtful(found: Iterable[Registered]) -> dict[str, list[Selector]]:
    """Return selectors by kind: where new pods are not asked about, or not all of them, one of these fits not.

    That is one for each half, the one that leaves out the fewest.
    """
    known = list(found)
    return {
        kind: [min((hook.selector for hook in group), key=_breadth) for group in _groups(hooks)]
        for kind in WANTED
        if (hooks := _hooks(known, kind))
    }


def namespaces(found: Iterable[Registered], outside: Outside | Unseen, exempt: frozenset[str]) -> Iterator[Line]:
    """Yield a line on the namespaces *outside*, by the configurations *found*; *exempt* ones are never checked."""
    known = list(found)
    by_kind = {kind: hooks for kind in WANTED if (hooks := _hooks(known, kind))}
    if not by_kind:
        return
    if isinstance(outside, Unseen):
        yield Line(FAILS_OPEN, State.UNKNOWN, f"which namespaces no entry selects: {outside.why}", NAMESPACES)
        return
    if nowhere := [kind for kind in by_kind if kind in outside.nowhere]:
        text = f"airlock {' and '.join(_DOES[kind] for kind in nowhere)} new pods in no namespace"
        yield Line(FAILS_OPEN, State.WRONG, f"{text}: the namespaceSelector of no entry selects one", NAMESPACES)
        return
    told: dict[str, list[str]] = {}
    for name, labels in sorted(outside.labels.items()):
        if name not in exempt and (missed := _missed(by_kind, labels)):
            told.setdefault(missed, []).append(name)
    if not told:
        text = "new pods are asked about in every namespace that the break-glass label does not exclude"
        yield Line(FAILS_OPEN, State.OK, f"{text}, except kube-system and airlock's own", NAMESPACES)
        return
    text = "; ".join(f"airlock {missed} new pods in {_listed(names)}" for missed, names in told.items())
    yield Line(FAILS_OPEN, State.NOTE, f"{text}: the namespaceSelectors leave them out", NAMESPACES)


def _missed(by_kind: Mapping[str, list[Hook]], labels: Mapping[str, str]) -> str:
    """Return what airlock does not do with new pods in a namespace with *labels*; "" where it does everything."""
    left = {
        kind: _halves_without([hook for hook in _asked(hooks, NEW) if hook.selector.matches(labels)])
        for kind, hooks in by_kind.items()
    }
    none = [_DOES[kind] for kind in (VALIDATING, MUTATING) if left.get(kind) == _HALVES]
    some = [_DOES[kind] for kind in (VALIDATING, MUTATING) if len(left.get(kind, ())) == 1]
    return " and ".join([*([f"{' and '.join(none)} no"] if none else []), *(f"{one} only some" for one in some)])


def _hooks(found: Iterable[Registered], kind: str) -> list[Hook]:
    """Return the entries of *kind* that call its path; empty if none of them is asked about new pods."""
    hooks = [hook for each in found if each.kind == kind for hook in each.known if hook.path == PATHS[kind]]
    return hooks if any(hook.new_pods for hook in hooks) else []


def _asked(hooks: Iterable[Hook], what: str) -> list[Hook]:
    return [hook for hook in hooks if what in hook.asks]


def _groups(hooks: Iterable[Hook]) -> list[list[Hook]]:
    """Return for each half the entries that are asked about its new pods, where there are any."""
    asked = _asked(hooks, NEW)
    groups = ([hook for hook in asked if not hook.conditions & {*_HALVES} - {half}] for half in _HALVES)
    return [group for group in groups if group]


def _halves_without(hooks: Iterable[Hook]) -> tuple[str, ...]:
    """Return the halves whose pods none of *hooks* is asked about."""
    known = list(hooks)
    return tuple(half for half in _HALVES if not any(not hook.conditions & {*_HALVES} - {half} for hook in known))


def _half(hooks: Iterable[Hook]) -> tuple[str, ...]:
    """Return the half that *hooks* are asked about, if that is only one."""
    left = _halves_without(hooks)
    return tuple(half for half in _HALVES if half not in left) if len(left) == 1 else ()


def _breadth(selector: Selector) -> int:
    return sum(operator in _BROAD for _, operator, _ in selector.expressions)


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    named = ", ".join(names[:_NAMED])
    return f"namespace{'s' if len(names) > 1 else ''} {named}{f' and {more} more' if more > 0 else ''}"
