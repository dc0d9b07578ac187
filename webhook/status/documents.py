"""What the documents say: the policy's modes in short, whether it enforces, and the ConfigMaps that `from` names."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from webhook.documents.policy import Policy
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Mode
from webhook.status.line import BREAK_GLASS, POLICY, SOURCE, Line, State, Unseen
from webhook.variables.known import Absence


def enforces(policy: Policy) -> bool:
    """Whether any rule enforces in any namespace."""
    return any(
        policy.mode_by(name, entry) is Mode.ENFORCE
        for name, rule in RULES.items()
        if not rule.live
        for entry in (None, *policy.namespaces)
    )


def modes(policy: Policy) -> str:
    """Return the modes of *policy* in short: its rules by mode, then what differs in namespaces of their own entry."""
    usual = {name: policy.mode_by(name, None) for name in RULES}
    parts = [_by_mode(usual)]
    for entry in policy.namespaces:
        own = {name: mode for name in RULES if (mode := policy.mode_by(name, entry)) is not usual[name]}
        if own:
            parts.append(f"in {', '.join(map(str, entry.names))}: {_by_mode(own)}")
    return "; ".join(parts)


def policy_line(policy: Policy, words: str, warning: str, *, unread: bool) -> Line:
    """Return the line on *policy*, which is *words*; *warning* says why it may not be the one in force."""
    if warning:
        return Line(POLICY, State.UNKNOWN if unread else State.WRONG, warning)
    return Line(POLICY, State.OK, f"{words}: {modes(policy)}")


def break_glass(found: Mapping[str, str] | Unseen, label: str) -> Iterator[Line]:
    """Yield a line for each namespace *found* with the label *label*, and its value."""
    if isinstance(found, Unseen):
        yield Line(BREAK_GLASS, State.UNKNOWN, found.why)
    elif not found:
        yield Line(BREAK_GLASS, State.OK, f"no namespace has the label {label}")
    else:
        for name, value in sorted(found.items()):
            text = f"namespace {name} has the label {label}={value}: airlock judges and changes nothing there"
            yield Line(BREAK_GLASS, State.NOTE, text, name)


# What is known of a ConfigMap that `from` names: the keys that it lacks, or why it cannot be had.
Seen = frozenset[str] | Absence | Unseen


def sources_of(
    warning: str, found: Mapping[tuple[str, str], Seen], tallies: Iterable[Mapping[str, int]], *, unread: bool
) -> Iterator[Line]:
    """Yield the lines on the manifest's sources *found*; *warning* says why that may not be the manifest in force.

    Where another one stands in for it, that it reads nothing says nothing of the one that somebody wrote.
    """
    if warning:
        yield Line(SOURCE, State.UNKNOWN if unread else State.WRONG, warning)
    if found or not warning:
        yield from sources(found, tallies)


def sources(found: Mapping[tuple[str, str], Seen], tallies: Iterable[Mapping[str, int]]) -> Iterator[Line]:
    """Yield a line for each ConfigMap *found*; *tallies* are the replicas' counts of them by state.

    Replicas have rights of their own, so that what they could not read is wrong even if the caller can.
    """
    counts = list(tallies)
    whole = bool(counts) and all(each.get("read", 0) == len(found) for each in counts)
    if not found:
        yield Line(SOURCE, State.OK, "the manifest reads no variable from a ConfigMap")
    told = Counter(seen.word for seen in found.values() if isinstance(seen, Absence))
    for (namespace, name), seen in sorted(found.items()):
        yield replace(_source(f"ConfigMap {namespace}/{name}", seen, whole=whole), name=f"{namespace}/{name}")
    for state in sorted({state for each in counts for state in each} - {"read"}):
        most = max(each.get(state, 0) for each in counts)
        if most > told[state]:
            text = f"a replica says that {most} of {len(found)} ConfigMaps of the manifest are {state}"
            yield Line(SOURCE, State.WRONG, text)


def word(seen: Seen) -> str:
    """Return what is known of a ConfigMap as a label: read, keyless, unknown, or the word of its absence."""
    if isinstance(seen, Absence):
        return seen.word
    if isinstance(seen, Unseen):
        return "unknown"
    return "keyless" if seen else "read"


def _source(label: str, seen: Seen, *, whole: bool) -> Line:
    if whole and (isinstance(seen, Unseen) or seen is Absence.FORBIDDEN):  # only the reader may not see it
        return Line(SOURCE, State.OK, f"{label} was read by every replica that answers")
    if isinstance(seen, Absence):
        return Line(SOURCE, State.WRONG, f"{label} {seen.value}")
    if isinstance(seen, Unseen):
        return Line(SOURCE, State.UNKNOWN, f"{label}: {seen.why}")
    if seen:
        return Line(SOURCE, State.WRONG, f"{label} has no key {', '.join(sorted(seen))}")
    return Line(SOURCE, State.OK, f"{label} {'was read by every replica that answers' if whole else 'exists'}")


def _by_mode(rules: Mapping[str, Mode]) -> str:
    by_mode = ((mode, [name for name, one in rules.items() if one is mode]) for mode in reversed(Mode))
    return ", ".join(f"{mode.value} {' '.join(names)}" for mode, names in by_mode if names)
