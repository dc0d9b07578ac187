"""The sentences that everybody prints: denial, admission warning, Event and report say the same."""

import re
from collections.abc import Iterable

from webhook.judge.decision import Decision
from webhook.judge.verdict import Verdict, Violation
from webhook.pods.text import printable
from webhook.rules.finding import Mode

_WARNING, _WARNINGS = 256, 4096  # characters; what is longer the API server cuts or drops (filters/warning.go)
_NOTE = 1024  # bytes of an Event's note (pkg/apis/core/validation/events.go)
_DENIAL_LINES = 40
_NAME = 253

# Texts that make an executor try a denied pod again; images, DAG ids and reasons are other people's text.
_RETRIED = re.compile(r"(exceeded) (quota)|(object has) (been modified)", re.IGNORECASE)


def sentence(violation: Violation) -> str:
    """Return what is wrong and what to do: `rule: path (container x): what is wrong; fix: ...`."""
    return _told(violation, f"; fix: {violation.finding.fix}")


def problem(violation: Violation) -> str:
    """Return what is wrong, as `sentence` says it, without what to do."""
    return _told(violation, "")


def _told(violation: Violation, fix: str) -> str:
    finding = violation.finding
    where = printable(finding.path, _NAME) or "the object"
    container = f" (container {printable(finding.container, 63)})" if finding.container else ""
    note = f"; {violation.note}" if violation.note else ""
    return f"{violation.rule}: {where}{container}: {finding.text}{fix}{note}"


def headline(decision: Decision, count: int) -> str:
    """Return the first line: how many problems, which component, which object, which DAG and task."""
    ref, task = decision.regarding, decision.task
    name = printable(f"{ref.namespace}/{ref.name}", 2 * _NAME)
    whose = f" (DAG {printable(task.dag_id, 250)}, task {printable(task.task_id, 250)})" if task is not None else ""
    problems = "1 problem" if count == 1 else f"{count} problems"
    return f"{problems} in the {decision.component or 'workload'} {ref.kind} {name}{whose}:"


def denial(decision: Decision) -> str:
    """Return the text of a denial: every violation that enforces or warns, a line each."""
    shown = [violation for violation in decision.verdict.violations if violation.mode is not Mode.AUDIT]
    lines = [headline(decision, len(shown))]
    for violation in shown[:_DENIAL_LINES]:
        only = "" if violation.mode is Mode.ENFORCE else "(warning) "
        lines.append(f"- {only}{sentence(violation)}")
    if len(shown) > _DENIAL_LINES:
        lines.append(f"- and {len(shown) - _DENIAL_LINES} more")
    return broken_up("\n".join(lines))


def warnings(verdict: Verdict) -> list[str]:
    """Return the admission warnings: one line a violation in `warn`, in bounds that the API server keeps."""
    lines = [_cut(f"airlock: {sentence(v)}", _WARNING) for v in verdict.violations if v.mode is Mode.WARN]
    kept: list[str] = []
    room = _WARNINGS - len("airlock: and 1000000 more")
    for line in lines:
        room -= len(line)
        if room < 0:
            return [*kept, f"airlock: and {len(lines) - len(kept)} more"]
        kept.append(line)
    return kept


def note(decision: Decision) -> str:
    """Return the note of an Event: the first line and every violation, at most 1,024 bytes of UTF-8.

    Where that is too little, what to do gives way first, so that as many problems as can be are named.
    """
    violations = decision.verdict.violations
    first = headline(decision, len(violations))
    whole = [first, *(f"- {sentence(violation)}" for violation in violations)]
    if len("\n".join(whole).encode("utf-8", "backslashreplace")) > _NOTE:
        whole = [first, *(f"- {problem(violation)}" for violation in violations)]
    return broken_up(fitted(whole, _NOTE))


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


def _cut(text: str, limit: int) -> str:
    return broken_up(printable(text, limit))
