"""Builds the report on one namespace while the audit's surveys arrive, some groups at a time. Pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec.structs import replace

from webhook.audit.findings import Told, excused, findings, is_shared
from webhook.audit.group import Group
from webhook.controller.audit.report import LONGEST, MODES, MOST_FINDINGS, MOST_OTHERS, Marks, Report, Row
from webhook.judge.message import broken_up, fitted, sentence
from webhook.judge.verdict import Exempted, Key, Violation


@dataclass(slots=True)
class _Shared:
    """A finding that several workloads show, while they come in; *counted* here, or in an earlier report."""

    row: Row  # of the first workload
    counted: bool
    pods: int = 0
    workloads: dict[str, None] = field(default_factory=dict)

    def add(self, told: Told) -> None:
        self.pods += told.pods
        self.workloads |= {f"{group.kind} {group.name}": None for group, _ in told.shown}

    def as_row(self) -> Row:
        return replace(self.row, pods=self.pods, others=tuple(self.workloads)[1 : MOST_OTHERS + 1])


class Draft:
    """The report on *namespace* while surveys come in; no more rows are kept than would be shown.

    *counted* are the shared findings that reports of this audit count already; it grows. *unchecked* is what was not
    checked there.
    """

    def __init__(self, namespace: str, policy: str, counted: set[Key], unchecked: tuple[str, ...] = ()) -> None:
        self.namespace = namespace
        self._unchecked = unchecked
        self._injected, self._pinned = Counter[str](), Counter[str]()
        self._counted = counted
        self._policy = policy
        self._pods = self._sound = self._exempted = 0
        self._counts: Counter[str] = Counter()
        self._rows: list[Row] = []
        self._shared: dict[Key, _Shared] = {}

    def add(self, groups: Iterable[Group]) -> None:
        """Take note of further *groups* of the namespace."""
        here = list(groups)
        self._pods += sum(group.pods for group in here)
        self._sound += sum(not group.found for group in here)
        for group in here:
            self._injected.update(group.injected)
            self._pinned.update(group.pinned)
        self._exempted += sum(self._counts_here(one.exempted) for one in excused(here))
        for told in findings(here):
            key = told.violation.key
            if key not in self._shared and self._counts_here(told.violation):
                self._counts[told.violation.mode] += 1
                if not is_shared(told.violation.rule):
                    self._rows.append(_row(told))
                    continue
                self._shared[key] = _Shared(_row(told), counted=True)
            self._shared.setdefault(key, _Shared(_row(told), counted=False)).add(told)
        _sort(self._rows)

    def _counts_here(self, told: Violation | Exempted) -> bool:
        """Return whether *told* counts here: once in an audit, if it is shared."""
        if not is_shared(told.rule):
            return True
        new = told.key not in self._counted
        self._counted.add(told.key)
        return new

    def report(self) -> Report:
        """Return the report."""
        counts = {mode: self._counts[mode] for mode in MODES}
        rows = [*self._rows, *(one.as_row() for one in self._shared.values() if one.counted)]
        elsewhere = [one.as_row() for one in self._shared.values() if not one.counted]
        for each in (rows, elsewhere):
            _sort(each)
        figures = (self._pods, self._sound, self._exempted, counts)
        marks = (dict(sorted(names.items())) for names in (self._injected, self._pinned))
        return Report(
            self.namespace, self._policy, *figures, tuple(rows), tuple(elsewhere), self._unchecked, Marks(*marks)
        )


def _sort(rows: list[Row]) -> None:
    """Put the strictest of *rows* first, and keep no more than a report shows."""
    rows.sort(key=lambda row: (-row.mode.rank, row.component, row.kind, row.name, row.rule))
    del rows[MOST_FINDINGS:]


def _row(told: Told) -> Row:
    violation, group = told.violation, told.group
    ref = group.regarding
    same = ref is not None and (ref.kind, ref.name) == (group.kind, group.name)
    return Row(
        violation.mode,
        violation.rule,
        group.component,
        ref.api_version if ref is not None and same else "",
        group.kind,
        group.name,
        violation.cause.containers,
        violation.cause.image,
        violation.cause.variable,
        broken_up(fitted([sentence(violation)], LONGEST)),
        told.pods,
    )
