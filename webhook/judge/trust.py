"""Whose labels are believed: the role that a workload plays, by its labels, its owner and its creator."""

from functools import lru_cache

from webhook.documents.policy import Policy
from webhook.judge.request import Request
from webhook.pods import airflow
from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.workload import Workload
from webhook.rules.rule import Stage

REMEMBERED = 4096  # namespaces or users: far more than a cluster with Airflow has, and still a bound


class Trust:
    """What one policy says of charts and creators."""

    def __init__(self, policy: Policy) -> None:
        self._rows = policy.rows

        @lru_cache(REMEMBERED)
        def creates(username: str) -> tuple[bool, bool]:
            trusted = any(glob.matches(username) for glob in policy.trusted_creators)
            return trusted, any(glob.matches(username) for glob in policy.task_creators)

        self._creates = creates

    def role(self, request: Request, workload: Workload, stage: Stage) -> tuple[Role | None, Component | None]:
        """Return the role to apply, and the component that the labels claimed but did not earn."""
        # On an update the asker is not the creator, and the new labels may be anybody's.
        source = request.old if stage is Stage.UPDATE and request.old is not None else workload
        role = airflow.claim(source.template.labels or {}, self._rows)
        if role is None and any(_hides_labels(problem.path) for problem in workload.unreadable):
            return Role(Component.OTHER, Chart.CUSTOM, None), None
        if stage is Stage.TEMPLATE:
            believed = role is not None and role.fits(workload.kind)
        else:
            owner = source.metadata.controller
            trusted, task_creator = self._creates(request.username)
            if stage is Stage.POD and task_creator:
                claimed = None if role is None or role.component is Component.TASK else role.component
                return airflow.task(role), claimed
            believed = role is not None and role.fits(owner.kind if owner else None)
            believed = believed and (trusted or stage is not Stage.POD)
        if role is None or believed or role.component is Component.TASK:
            return role, None
        return airflow.task(role), role.component


def _hides_labels(path: str) -> bool:
    return not path or "metadata" in path or path in ("spec", "template", "spec.template")
