"""The words that all formats of `airlock lint` share."""

import hashlib

from webhook.lint.finding import RULE, Finding
from webhook.lint.linted import Linted
from webhook.pods.text import plural
from webhook.report.wording import MODES, shown


def sentence(finding: Finding) -> str:
    """Return all that is to be said of *finding*, but its places and the fix."""
    return f"{RULE}: {shown(finding.sentence)}"


def elsewhere(finding: Finding) -> str:
    """Return the places of *finding* behind the first, in words."""
    return f"also at {', '.join(shown(place) for place in finding.more)}" if finding.more else ""


def summary(linted: Linted) -> str:
    """Return the last line: how many files, callbacks and findings, and what was not looked at."""
    counts = linted.counts
    by_mode = ", ".join(f"{counts[mode]} {mode}" for mode in MODES)
    parts = [
        plural(linted.files, "file"),
        plural(linted.callbacks, "callback"),
        f"{plural(sum(counts.values()), 'finding')} ({by_mode})",
        f"{len(linted.spared)} exempted" if linted.spared else "",
        f"{len(linted.skipped)} skipped" if linted.skipped else "",
        f"{len(linted.unusable)} unusable" if linted.unusable else "",
    ]
    return ", ".join(part for part in parts if part)


def fingerprint(finding: Finding) -> str:
    """Return what stays the same while lines move."""
    return hashlib.sha256("\0".join(finding.fingerprint).encode(errors="backslashreplace")).hexdigest()[:32]
