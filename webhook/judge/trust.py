"""Which labels to believe: a workload's role by its labels, its containers, its owner and its creator."""

from functools import lru_cache

from webhook.documents.policy import Policy
from webhook.judge.request import Request
from webhook.pods import airflow
from webhook.pods.airflow import Chart, Component, Role, Row
from webhook.pods.charts import is_rendered
from webhook.pods.claim import Claim, claim
from webhook.pods.own import resolved
from webhook.pods.workload import Workload
from webhook.rules.rule import Stage

REMEMBERED = 4096  # namespaces or users: far more than a cluster with Airflow has, and still a bound
_LONGEST_USER = 512  # characters of a user who is remembered; a forged review may name one of any length

NOBODY = Role(Component.OTHER, Chart.CUSTOM, None)  # a pod whose labels cannot be read

_OF_OPERATORS = frozenset({"Job", "CronJob"})  # what tasks make besides pods (KubernetesJobOperator)


class Trust:
    """What one policy says of charts and creators."""

    def __init__(self, policy: Policy) -> None:
        @lru_cache(REMEMBERED)
        def rows(namespace: str) -> tuple[Row, ...]:
            return policy.rows_in(namespace)

        def creates(username: str) -> tuple[bool, bool]:
            trusted = any(glob.matches(username) for glob in policy.trusted_creators)
            return trusted, any(glob.matches(username) for glob in policy.task_creators)

        self._rows, self._creates, self._remembered = rows, creates, lru_cache(REMEMBERED)(creates)

    def role(self, request: Request, workload: Workload, stage: Stage) -> tuple[Role | None, Component | None]:
        """Return the role to apply, and the component that the labels claimed but did not earn; not for updates."""
        claimed = self._claim(request, workload)
        role = claimed.role
        if role is None and any(_hides_labels(problem.path) for problem in workload.unreadable):
            return NOBODY, None
        user = request.username
        trusted, task_creator = self._remembered(user) if len(user) <= _LONGEST_USER else self._creates(user)
        if task_creator and (stage is Stage.POD or (stage is Stage.TEMPLATE and workload.kind in _OF_OPERATORS)):
            return _task(claimed, workload), _unearned(claimed)
        if role is None:
            return None, None
        # A task's label on what a chart's controller made is a mistake, or an attempt to go without variables.
        part = claimed.part if claimed.task is None or not _is_vague(claimed.part) else None
        if part is not None and _believes(part, workload, stage, trusted=trusted):
            return part, None
        if claimed.task is not None:
            return claimed.task, None
        return _task(claimed, workload), _unearned(claimed)

    def suspected(self, request: Request, workload: Workload) -> tuple[Role, ...]:
        """Return every role that *workload*, a pod that changes, may be; none when nothing claims to be Airflow's.

        On an update the asker is not the creator, and labels and owners may be anybody's by now. So the pod may be what
        its labels say, which comes first, and it may be a task.
        """
        claimed = self._claim(request, workload)
        if claimed.role is None:
            return (NOBODY,) if any(_hides_labels(problem.path) for problem in workload.unreadable) else ()
        found = (claimed.role, claimed.part, _task(claimed, workload))
        return tuple(dict.fromkeys(role for role in found if role is not None))

    def _claim(self, request: Request, workload: Workload) -> Claim:
        # A Pod is its own template, whose labels are evidence by themselves.
        labels = workload.template.labels or {}
        own = None if workload.template is workload.metadata else workload.metadata.labels
        rendered = request.rendered or (own is not None and is_rendered(own))
        return claim(labels, workload.spec, self._rows(request.namespace), rendered=rendered)


def _task(claimed: Claim, workload: Workload) -> Role:
    return claimed.task or resolved(airflow.task(claimed.part), workload.spec)


def _unearned(claimed: Claim) -> Component | None:
    return None if claimed.part is None or claimed.task is not None else claimed.part.component


def _believes(part: Role, workload: Workload, stage: Stage, *, trusted: bool) -> bool:
    if stage is Stage.TEMPLATE:
        return part.fits(workload.kind)
    return (trusted or stage is not Stage.POD) and part.is_owned_by(workload.metadata.controller)


def _is_vague(part: Role | None) -> bool:
    return part is None or part.component is Component.OTHER


def _hides_labels(path: str) -> bool:
    return not path or "metadata" in path or path in ("spec", "template", "spec.template")
