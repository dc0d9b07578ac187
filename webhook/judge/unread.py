"""Decides about an unreadable object: it is a violation, unless it cannot matter."""

from webhook.judge.bounds import UNREADABLE
from webhook.judge.decision import Mutation
from webhook.judge.request import Request
from webhook.judge.trust import Trust
from webhook.judge.verdict import Verdict, Violation, cause_of
from webhook.rules.finding import Finding, Mode
from webhook.rules.rule import Stage


def may_matter(trust: Trust, request: Request, stage: Stage) -> bool:
    """Return whether the object of *request* may be Airflow's, and may run something that it did not run before."""
    obstacle, workload = request.obstacle, request.workload
    if obstacle is None or workload is None or obstacle.same:
        return False
    if not obstacle.labels:
        return True
    if stage is not Stage.UPDATE:
        return trust.role(request, workload, stage)[0] is not None
    return any(trust.suspected(request, side) for side in (workload, request.old) if side is not None)


def unread(request: Request, mode: Mode) -> Verdict:
    """Return the verdict on the object of *request*, whose finding has *mode*."""
    if request.obstacle is None or mode is Mode.OFF:
        return Verdict()
    text = f"{request.obstacle.text}, so airlock cannot say what it would run"
    return Verdict((Violation(UNREADABLE, mode, cause_of(Finding("", text, request.obstacle.fix))),))


def unread_mutation(request: Request) -> Mutation:
    """Return what `/mutate` did with the object of *request*: nothing."""
    return Mutation.IGNORED if request.workload is None else Mutation.UNREADABLE
