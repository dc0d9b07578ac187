"""The sentences that denials, admission warnings, Events and reports share.

The first line alone says what is wrong with which object; then each finding has a line. Nothing that fits is cut: where
room is short, what to do gives way first, then the whole reason, and last of all a finding.
"""

import re
from collections.abc import Callable, Iterable, Sequence

from webhook.judge.decision import Decision
from webhook.judge.verdict import Exempted, Violation
from webhook.judge.wording import where
from webhook.pods.image import ImageError, familiar, parse
from webhook.pods.text import printable, quote
from webhook.rules.finding import Mode

FIRST = 200  # characters of a first line: `kubectl get events`, Slack and Airflow's "Extra info" show no more
WARNINGS = 4096  # characters of all warnings; beyond, the API server cuts each to 256 (filters/warning.go)
NOTE = 1024  # bytes of an Event's note (pkg/apis/core/validation/events.go)
DENIAL = 16_384  # characters of a denial: nobody reads more, and the executor logs all of it

_NAME = 253
_LONGEST = 512  # characters of one name: a namespace and a name, a DAG's id
_BRIEF = 80  # characters of half a condition
# Characters to which names are cut, one after the other, until a first line holds a finding; 0: they are whole.
_SIZES = (0, 120, 80, 60, 45, 32, 24, 16)

# A long text that is no image reference gives way to what is said of it.
_NOT_AN_IMAGE = re.compile(r"^('.{24}).*(' is not an image reference)")

# Texts that make an executor try a denied pod again; images, DAG ids and reasons are other people's text.
_RETRIED = re.compile(r"(exceeded) (quota)|(object has) (been modified)", re.IGNORECASE)

_BECOMES = {
    None: "it is admitted",
    Mode.ENFORCE: "its Pods will be denied",
    Mode.WARN: "its Pods will be admitted with a warning",
    Mode.AUDIT: "its Pods will be admitted and reported",
    Mode.OFF: "its Pods will be admitted",
}

_FATE = {
    None: "admitted",
    Mode.ENFORCE: "Pods denied",
    Mode.WARN: "Pods warned",
    Mode.AUDIT: "Pods reported",
    Mode.OFF: "Pods admitted",
}

_Told = Violation | Exempted


def sentence(told: _Told) -> str:
    """Return what is wrong, where, and what to do: `rule: what is wrong; in container 'x'; fix: ...`."""
    return _line(told, f"; fix: {told.cause.fix}")


def problem(told: _Told) -> str:
    """Return what is wrong and where, as `sentence` says it, without what to do."""
    return _line(told, "")


def _line(told: _Told, fix: str) -> str:
    note = f"; {told.note}" if isinstance(told, Violation) and told.note else ""
    places = where(told.cause.places)
    if not told.cause.containers:  # a field: a reader needs it first
        return f"{told.rule}: {places}: {told.cause.text}{fix}{note}"
    return f"{told.rule}: {told.cause.text}; {places}{fix}{note}"


def brief(told: _Told, size: int = 0) -> str:
    """Return *told* in a few words: its rule, image or variable, and half of the condition.

    With a *size*, the image (its end tells most) or variable has at most that many characters.
    """
    cause = told.cause
    if cause.image:
        subject = _end(_familiar(cause.image), size)
    elif cause.variable:
        subject = _start(cause.variable, size)
    else:
        places = "" if cause.containers else f"{_end(where(cause.places), size)}: "
        text = cause.text if len(cause.text) <= _BRIEF else _NOT_AN_IMAGE.sub(r"\1…\2", cause.text)
        return f"{told.rule}: {places}{printable(text, _BRIEF)}"
    half = printable(cause.brief, _BRIEF)
    return f"{told.rule}: {quote(subject, len(subject))}{half and ' '}{half}"


def _first(decision: Decision, told: Sequence[_Told]) -> tuple[str, bool]:
    """Return the first line, and whether the names of the object are whole in it."""
    line = ""
    for size in _SIZES:
        who = _who(decision, size)
        shown = [brief(one, size) for one in told]
        for count in range(len(shown), 0, -1):
            more = f"; and {len(shown) - count} more" if count < len(shown) else ""
            line = f"{who}: {'; '.join(shown[:count])}{more}"
            if len(line) <= FIRST:
                return line, not size or who == _who(decision, 0)
    return printable(line, FIRST), False


def _who(decision: Decision, size: int) -> str:
    """Return the object in words, each of its names in at most *size* characters; 0 for whole names."""
    ref, task = decision.regarding, decision.task
    name = _start(f"{ref.namespace}/{ref.name}" if ref.namespace else ref.name, size)
    if task is None:
        return f"{decision.component or 'workload'} {ref.kind} {quote(name, len(name))}"
    dag_id, task_id = _start(task.dag_id, size), _start(task.task_id, size)
    work = f"task {quote(task_id, len(task_id))}" if task_id else "task"
    return f"{work} of DAG {quote(dag_id, len(dag_id))}, {ref.kind} {quote(name, len(name))}"


def denial(decision: Decision) -> str:
    """Return the text of a denial: every violation that enforces or warns, those that enforce first."""
    return _text(decision, _told(decision), DENIAL, len, "(warning) ")


def headline(decision: Decision) -> str:
    """Return the first line of the text of a denial: component and object, or task and DAG, and what is wrong."""
    line, _ = _first(decision, _told(decision))
    return line


def _told(decision: Decision) -> list[Violation]:
    shown = (violation for violation in decision.verdict.violations if violation.mode is not Mode.AUDIT)
    return sorted(shown, key=lambda violation: -violation.mode.rank)


def note(decision: Decision) -> str:
    """Return the note of an Event, at most 1,024 bytes of UTF-8: every violation, the strictest first."""
    return _text(decision, decision.verdict.violations, NOTE, _bytes, "")


def _text(
    decision: Decision, violations: Iterable[Violation], room: int, size: Callable[[str], int], aside: str
) -> str:
    """Return the first line and a line for each of *violations*, in *room* as *size* measures it.

    What does not enforce has *aside* before it.
    """
    told = sorted(violations, key=lambda violation: -violation.mode.rank)
    line, whole = _first(decision, told)
    head = [line] if whole else [line, f"in full: {_who(decision, 0)}"]
    left = room - sum(size(each) + 1 for each in head)
    if not whole and left < room // 2:  # the findings matter more
        head, left = [line], room - size(line) - 1
    lines = (_choices(one, f"- {'' if one.mode is Mode.ENFORCE else aside}") for one in told)
    return broken_up("\n".join([*head, *_fitting(list(lines), left, size, "- and {} more")]))


def warnings(decision: Decision) -> list[str]:
    """Return the admission warnings: one a violation in `warn`, each whole as long as all fit.

    Each names the workload, since kubectl shows those of several objects together, and what its Pods will meet.
    """
    told = [violation for violation in decision.verdict.violations if violation.mode is Mode.WARN]
    if not told:
        return []
    who, ref = _who(decision, 0), decision.regarding
    lines = [
        (*_choices(one, f"airlock: {who}: {_BECOMES[one.pods]}: "), _few(one, f"{ref.kind} {quote(ref.name, _NAME)}"))
        for one in told
    ]
    return _fitting(lines, WARNINGS, len, f"airlock: {_who(decision, _SIZES[-1])}: and {{}} more")


def hints(decision: Decision) -> list[str]:
    """Return the admission warnings of `/mutate`: what somebody should know about a variable that was added."""
    if not decision.hints:
        return []
    who = _who(decision, 0)
    lines: list[tuple[str, ...]] = [
        (broken_up(printable(f"airlock: {who}: {one}", WARNINGS)),) for one in decision.hints
    ]
    return _fitting(lines, WARNINGS, len, f"airlock: {_who(decision, _SIZES[-1])}: and {{}} more")


def _few(told: Violation, who: str) -> str:
    return broken_up(printable(f"airlock: {who}: {_FATE[told.pods]}: {brief(told)}", WARNINGS))


def _choices(told: Violation, before: str) -> tuple[str, ...]:
    """Return the line on *told* whole, without its fix, and in a few words."""
    lines = (sentence(told), problem(told), brief(told))
    return tuple(broken_up(printable(f"{before}{line}", WARNINGS)) for line in lines)


def _fitting(choices: list[tuple[str, ...]], room: int, size: Callable[[str], int], rest: str) -> list[str]:
    """Return a line of each of *choices*, as long as all can be in *room*; the later ones are shortened first.

    Each line takes one more than its size. Where even the shortest do not fit, the last line is *rest* with a number.
    """
    lines = [choice[0] for choice in choices]
    used = sum(size(line) + 1 for line in lines)
    for shorter in range(1, max(map(len, choices), default=0)):
        for nth in reversed(range(len(lines))):
            if used <= room:
                return lines
            used += size(choices[nth][shorter]) - size(lines[nth])
            lines[nth] = choices[nth][shorter]
    if used <= room:
        return lines
    room -= size(rest.format(len(lines))) + 1
    kept: list[str] = []
    for line in lines:
        room -= size(line) + 1
        if room < 0:
            break
        kept.append(line)
    return [*kept, rest.format(len(lines) - len(kept))]


def fitted(lines: Iterable[str], limit: int) -> str:
    """Return *lines* joined, cut on a character's boundary so that UTF-8 of it has at most *limit* bytes."""
    text = "\n".join(lines)
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit:
        return data.decode()
    return data[: limit - len("…".encode())].decode("utf-8", "ignore") + "…"


def broken_up(text: str) -> str:
    """Return *text*, no longer than it was, without the phrases that make an executor try again.

    >>> broken_up("team exceeded quota")
    'team exceeded-quota'
    """
    return _RETRIED.sub(lambda match: "-".join(part for part in match.groups() if part), text)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))


def _familiar(image: str) -> str:
    try:
        return familiar(parse(image))
    except ImageError:
        return image


def _start(text: str, size: int) -> str:
    """Return *text* printable, or its beginning of at most *size* characters; 0 for all of it."""
    return printable(text, size or _LONGEST)


def _end(text: str, size: int) -> str:
    whole = printable(text, _LONGEST)
    return whole if not size or len(whole) <= size else "…" + whole[1 - size :]
