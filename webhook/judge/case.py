"""A request about Airflow while the gate judges it, and the record of the decision."""

import msgspec
from msgspec.structs import replace

from webhook.judge.decision import Decision, Mutation, ObjectRef, object_ref, task_of
from webhook.judge.request import Request
from webhook.judge.verdict import CLEAN, Verdict
from webhook.pods.airflow import Component
from webhook.pods.marks import INJECTED, PINNED, marked
from webhook.pods.workload import Metadata, Workload
from webhook.rules.finding import Mode
from webhook.rules.rule import Stage, Subject
from webhook.variables.injection import State
from webhook.variables.patch import Operation

_MIRROR = "kubernetes.io/config.mirror"
_DIGEST = "@sha256:"


class Case(msgspec.Struct, frozen=True):
    """A request that concerns an Airflow workload."""

    request: Request
    subject: Subject
    distrusted: Component | None  # what the labels claimed but did not earn
    ceiling: Mode  # never judged stricter than this, whatever the rule


def is_mirror(workload: Workload) -> bool:
    """Return whether *workload* stands for a static pod of a node."""
    return _MIRROR in (workload.metadata.annotations or {})


class Ruling(msgspec.Struct, frozen=True):
    """What is answered to a request; its record for the observers is made afterwards."""

    path: str
    request: Request
    case: Case | None  # None: it does not concern Airflow
    verdict: Verdict = CLEAN
    mutation: Mutation | None = None
    patch: list[Operation] = []
    hints: tuple[str, ...] = ()

    def decision(self, seconds: float = 0.0) -> Decision:
        """Return the record of this ruling, which took *seconds*."""
        request, case, verdict = self.request, self.case, self.verdict
        workload, asked = request.workload, self.path == "/validate"
        metadata = Metadata() if workload is None else workload.metadata
        name = metadata.name or request.name or (metadata.generate_name and f"{metadata.generate_name}*")
        return Decision(
            path=self.path,
            uid=request.uid,
            operation=request.operation,
            dry_run=request.dry_run,
            regarding=object_ref(request.api_version, request.kind, request.namespace, name, metadata.uid),
            owner=None if case is None else _owner(request, metadata),
            component=None if case is None else case.subject.role.component,
            distrusted=None if case is None else case.distrusted,
            task=None if case is None or case.subject.role.component is not Component.TASK else task_of(workload),
            verdict=verdict,
            mutation=self.mutation,
            seconds=seconds,
            hints=self.hints,
            chart=None if case is None else case.subject.role.chart,
            injected=_injected(case, Stage.POD) if asked and case is not None and verdict.allowed else (),
            lookalike=asked and case is None and request.looks_like_airflow,
        )


def with_marks(decision: Decision, case: Case | None) -> Decision:
    """Return *decision* on a pod that runs, *case*, with what its marks name and its spec bears out."""
    if case is None or not case.subject.workload.metadata.annotations:
        return decision
    return replace(decision, injected=_injected(case, Stage.LIVE), pinned=_pinned(case))


def _pinned(case: Case) -> tuple[str, ...]:
    claimed = marked(case.subject.workload.metadata, PINNED)
    return tuple(
        name for name in claimed if any(_DIGEST in one.image for one in case.subject.images if one.container == name)
    )


def _injected(case: Case, stage: Stage) -> tuple[str, ...]:
    """Return the variables that a pod's mark names, as far as its spec bears that out: anybody may write a mark."""
    subject = case.subject
    if subject.stage is not stage or not (claimed := set(marked(subject.workload.metadata, INJECTED))):
        return ()
    return tuple(sorted(claimed & {need.variable.name for need in subject.needs if need.state is State.SAME}))


def _owner(request: Request, metadata: Metadata) -> ObjectRef | None:
    owner = metadata.controller
    if owner is None or owner.kind == "Node":  # a mirror pod's owner lies in no namespace
        return None
    return object_ref(owner.api_version, owner.kind, request.namespace, owner.name, owner.uid)
