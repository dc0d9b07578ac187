"""What an edit of the policy would change: compares two surveys of one look, group by group."""

from collections.abc import Iterator

import msgspec

from webhook.audit.group import Found, Group
from webhook.audit.survey import Survey
from webhook.rules.finding import Mode


class Change(msgspec.Struct, frozen=True):
    """What becomes different for one group."""

    group: Group  # by the new policy
    denied: int  # running pods that the new policy would deny and the current one admits
    admitted: int  # and the other way round
    new: tuple[Found, ...]  # what only the new policy tells, or tells in another mode
    gone: tuple[Found, ...]  # what only the current one finds


class Preview(msgspec.Struct, frozen=True):
    """Everything that an edit would change."""

    old: str  # the policies in words
    new: str
    changes: tuple[Change, ...]
    pods: int  # of Airflow that were looked at

    @property
    def denied(self) -> int:
        """How many running pods would newly be denied."""
        return sum(change.denied for change in self.changes)

    @property
    def admitted(self) -> int:
        """How many running pods would no longer be denied."""
        return sum(change.admitted for change in self.changes)


def preview(old: Survey, new: Survey) -> Preview:
    """Return what changes from *old* to *new*, surveys of the same pods by two policies."""
    return Preview(old.basis.policy, new.basis.policy, tuple(_changes(old, new)), new.pods)


def _changes(old: Survey, new: Survey) -> Iterator[Change]:
    # Rows of `components` may make another component of the same pods.
    before, after = ({_key(one): one for one in survey.groups} for survey in (old, new))
    for key in sorted({*before, *after}):
        was, is_ = before.get(key), after.get(key)
        told = [found.violation for found in was.found] if was is not None else []
        tells = [found.violation for found in is_.found] if is_ is not None else []
        fresh = tuple(one for one in (is_.found if is_ is not None else ()) if one.violation not in told)
        gone = tuple(one for one in (was.found if was is not None else ()) if one.violation not in tells)
        lost = (new.loss(is_) if is_ is not None else 0) - (old.loss(was) if was is not None else 0)
        group = is_ if is_ is not None else was
        if group is not None and (fresh or gone or lost):
            yield Change(group, max(lost, 0), max(-lost, 0), fresh, gone)


def _key(group: Group) -> tuple[str, str, str, str, bool]:
    return group.cluster, group.namespace, group.kind, group.name, bool(group.pods)


def code(found: Preview, new: Survey, fail_on: Mode | None) -> int:
    """Return the exit code of *found*, with *new* the survey by the new policy: 2 when something could not be seen,
    1 when the new policy finds what the current one does not, as strict as *fail_on*, else 0.
    """  # noqa: D205  # one sentence
    if not new.complete:
        return 2
    fresh = (one.violation.mode for change in found.changes for one in change.new)
    return 1 if fail_on is not None and any(mode.rank >= fail_on.rank for mode in fresh) else 0
