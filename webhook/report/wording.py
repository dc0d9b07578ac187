"""The words that all formats share."""

import hashlib
import re
from dataclasses import dataclass

from webhook.manifests.outcome import Judged, Outcome
from webhook.message import sentence
from webhook.text import printable
from webhook.verdict import Finding, Mode, Violation

_INDEX = re.compile(r"\[\d+\]")
_LONGEST = 1000  # characters of a file's name, or of a remark

MODES = (Mode.ENFORCE, Mode.WARN, Mode.AUDIT)


@dataclass(frozen=True, slots=True)
class Options:
    """What is told, and what counts as a failure."""

    fail_on: Mode = Mode.WARN
    fix_hints: bool = False
    exempted: bool = False


def problem(violation: Violation) -> str:
    """Return the sentence on *violation* without its fix."""
    tail = f"; fix: {violation.finding.fix}"
    note = f"; {violation.note}" if violation.note else ""
    return sentence(violation).removesuffix(tail + note) + note


def shown(text: object) -> str:
    """Return *text*, a file's name or a remark, on one printable line."""
    return printable(str(text), _LONGEST)


def plural(number: int, noun: str) -> str:
    """Return *number* and *noun*, which takes an s.

    >>> plural(1, "object"), plural(2, "object")
    ('1 object', '2 objects')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def summary(outcome: Outcome) -> str:
    """Return the last line: how many objects, workloads and findings, and what was not looked at."""
    counts = outcome.counts
    by_mode = ", ".join(f"{counts[mode]} {mode}" for mode in MODES)
    parts = [
        plural(outcome.objects, "object"),
        plural(len(outcome.workloads), "Airflow workload"),
        f"{plural(sum(counts.values()), 'finding')} ({by_mode})",
        f"{outcome.exempted} exempted" if outcome.exempted else "",
        f"{len(outcome.skipped)} skipped" if outcome.skipped else "",
        f"{len(outcome.unusable)} unusable" if outcome.unusable else "",
    ]
    return ", ".join(part for part in parts if part)


def fingerprint(workload: Judged, rule: str, finding: Finding) -> str:
    """Return what stays the same while lines move and containers change places."""
    what = (
        rule, workload.place.file, workload.api_version, workload.kind, workload.namespace, workload.name,
        workload.key, _INDEX.sub("", finding.path), finding.container, finding.image or finding.text,
    )  # fmt: skip
    return hashlib.sha256("\0".join(what).encode(errors="backslashreplace")).hexdigest()[:32]
