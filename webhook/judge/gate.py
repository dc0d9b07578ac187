"""The decision: a request, the documents in force and what is known of the cluster -> verdict and operations."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date
from functools import lru_cache

from webhook.documents.exemption import Exemption
from webhook.documents.policy import DEFAULT, Policy
from webhook.documents.required_env import EMPTY, RequiredEnv
from webhook.judge.decision import TASK_KEYS, Decision, Mutation, ObjectRef, task_of
from webhook.judge.request import Request, sighted
from webhook.judge.trust import REMEMBERED, Trust
from webhook.judge.update import strictest
from webhook.judge.verdict import Exempted, Verdict, Violation
from webhook.pods.airflow import Chart, Component, Role
from webhook.pods.claim import claim, telling
from webhook.pods.fleet import Live
from webhook.pods.image import parse
from webhook.pods.live import LivePod
from webhook.pods.sighting import airflow_of
from webhook.pods.workload import ImagePlace, Metadata, Workload
from webhook.rules import required_env
from webhook.rules.catalogue import RULES
from webhook.rules.finding import Finding, Mode
from webhook.rules.rule import Rule, RuleOptions, Stage, Subject
from webhook.variables.injection import Need, State, needs, operations
from webhook.variables.known import ConfigMaps
from webhook.variables.patch import Operation
from webhook.variables.variable import Variable

AUDIT = "audit"  # the path of a decision that nobody asked for

_MIRROR = "kubernetes.io/config.mirror"
_INJECTS = frozenset({Mode.ENFORCE, Mode.WARN})
_AT_ADMISSION = {name: rule for name, rule in RULES.items() if not rule.live}


@dataclass(frozen=True, slots=True)
class _Case:
    """A request that concerns an Airflow workload."""

    request: Request
    subject: Subject
    distrusted: Component | None  # what the labels claimed in vain
    ceiling: Mode  # never judged stricter than this, whatever the rule


class Gate:
    """Decides by one policy, one manifest and one view of the cluster; a change of any makes a new gate."""

    def __init__(
        self, policy: Policy = DEFAULT, manifest: RequiredEnv = EMPTY, config_maps: ConfigMaps | None = None
    ) -> None:
        self._policy = policy
        self._config_maps = config_maps
        self._trust = Trust(policy)

        @lru_cache(REMEMBERED)
        def modes(namespace: str) -> dict[str, Mode]:
            return {rule: policy.mode_of(rule, namespace) for rule in RULES}

        @lru_cache(REMEMBERED)
        def variables(component: Component, namespace: str) -> tuple[Variable, ...]:
            return tuple(variable for variable in manifest.env if variable.applies(component, namespace))

        self._modes, self._variables = modes, variables

    @property
    def labels(self) -> dict[str, frozenset[str] | None]:
        """The labels by which pods are known and told apart: keys, and the values that matter; None for any."""
        return telling(self._policy.rows) | dict.fromkeys(TASK_KEYS[:2])

    def mode(self, rule: str, namespace: str) -> Mode:
        """Return the mode of *rule* in *namespace*."""
        return self._modes(namespace)[rule]

    def options(self, rule: str) -> RuleOptions:
        """Return the options of *rule*."""
        return self._policy.options(rule)

    def asks(self, component: Component, namespace: str) -> bool:
        """Return whether the manifest requires a variable of *component* in *namespace*."""
        return bool(self._variables(component, namespace))

    def validate(self, request: Request, today: date) -> Decision:
        """Return the decision on the final object in *request*; exemptions are those in force on *today* (UTC)."""
        if request.workload is not None and _stage(request, request.workload) is Stage.UPDATE:
            return self._validate_update(request, request.workload, today)
        case = self._case(request)
        verdict = Verdict() if case is None else self._verdict(case, _AT_ADMISSION, today)
        return _decision("/validate", request, case, verdict)

    def _validate_update(self, request: Request, workload: Workload, today: date) -> Decision:
        """Return the decision on a pod that changes: the strictest over everything that it may be."""

        def judge(role: Role, whole: Workload, images: tuple[ImagePlace, ...]) -> Verdict:
            return self._verdict(case(role, whole, images), _AT_ADMISSION, today)

        def case(role: Role, whole: Workload, images: tuple[ImagePlace, ...]) -> _Case:
            subject = Subject(whole, role, Stage.UPDATE, images, (), self._config_maps)
            return _Case(request, subject, None, Mode.ENFORCE)

        found = strictest(self._trust, request, workload, judge)
        judged = (
            None if found is None else replace(case(found.role, workload, found.images), distrusted=found.distrusted)
        )
        return _decision("/validate", request, judged, found.verdict if found else Verdict())

    def recognise(self, pod: LivePod) -> Role | None:
        """Return the role by which a pod that runs is judged; None when it is not Airflow's."""
        return self._trust.role(sighted(pod), pod.workload, Stage.LIVE)[0]

    def recognise_template(self, workload: Workload) -> bool:
        """Return whether *workload*, an object with a pod template, makes pods of Airflow in some namespace."""
        return claim(workload.template.labels or {}, workload.spec, self._policy.rows).role is not None

    def audit(self, live: Live) -> Decision:
        """Return the decision on a pod that runs: it is not allowed when the same pod would be denied today.

        Its labels are believed if its controller owner's kind fits, since nobody knows any more who made it. Exemptions
        are those in force on the day of `live.now` (UTC).
        """
        request = sighted(live.pod)
        case = self._case(request, live)
        today = live.now.astimezone(UTC).date()
        return _decision(AUDIT, request, case, Verdict() if case is None else self._verdict(case, RULES, today))

    def _verdict(self, case: _Case, rules: Mapping[str, Rule], today: date) -> Verdict:
        violations: list[Violation] = []
        exempted: list[Exempted] = []
        modes = self._modes(case.request.namespace)
        for name, rule in rules.items():
            if (mode := modes[name].capped(case.ceiling)) is Mode.OFF:
                continue
            for finding in rule.check(case.subject, self._policy.options(name)):
                judged = self._judge(name, mode.capped(finding.ceiling), finding, case, today)
                if isinstance(judged, Exempted):
                    exempted.append(judged)
                elif judged.mode is not Mode.OFF:
                    violations.append(judged)
        return Verdict(tuple(violations), tuple(exempted))

    def mutate(self, request: Request, today: date) -> tuple[Decision, list[Operation]]:
        """Return the decision on a new Pod and the operations that add what it lacks."""
        case = self._case(request)
        # Any mirror pod is left alone here: a kubelet deletes one that was changed (admission/serviceaccount).
        if case is None or case.subject.stage is not Stage.POD or _is_mirror(case.subject.workload):
            return _decision("/mutate", request, None, Verdict(), Mutation.IGNORED), []
        subject = case.subject
        asked = needs(subject.workload.spec, subject.role, subject.variables, subject.config_maps)
        open_ = [need for need in asked if need.state is not State.SAME]
        lacking = [need for need in open_ if _is_met(need)]
        outcome = Mutation.UNCHANGED
        if lacking:
            withheld = subject.workload.unreadable or not self._injects(case, today)
            outcome = Mutation.WITHHELD if withheld else Mutation.INJECTED
        elif any(need.state in (State.UNAVAILABLE, State.HOMELESS) for need in open_):
            outcome = Mutation.UNAVAILABLE
        patch = operations(lacking) if outcome is Mutation.INJECTED else []
        return _decision("/mutate", request, case, Verdict(), outcome), patch

    def _injects(self, case: _Case, today: date) -> bool:
        name, namespace = required_env.RULE.name, case.request.namespace
        if self._modes(namespace)[name].capped(case.ceiling) not in _INJECTS:
            return False
        component = case.subject.role.component
        return not any(
            exemption.in_force(today) and exemption.covers(name, namespace, component, None)
            for exemption in self._policy.exemptions
        )

    def _judge(self, rule: str, mode: Mode, finding: Finding, case: _Case, today: date) -> Violation | Exempted:
        image = parse(finding.image) if finding.image else None
        component, namespace = case.subject.role.component, case.request.namespace
        covering = [e for e in self._policy.exemptions if e.covers(rule, namespace, component, image)]
        for exemption in covering:
            if exemption.in_force(today):
                return Exempted(rule, exemption.name, finding)
        return Violation(rule, mode, finding, "; ".join(_expired(exemption) for exemption in covering))

    def _case(self, request: Request, live: Live | None = None) -> _Case | None:
        workload = request.workload
        if workload is None or (request.by_node and _is_mirror(workload)):
            return None
        stage = _stage(request, workload) if live is None else Stage.LIVE
        role, distrusted = self._trust.role(request, workload, stage)
        if role is None:
            return None
        variables = self._variables(role.component, request.namespace)
        repositories = request.repositories if live is None else live.fleet.repositories(airflow_of(live.pod))
        images = tuple(workload.images)
        subject = Subject(workload, role, stage, images, variables, self._config_maps, live, repositories)
        return _Case(request, subject, distrusted, self._ceiling(request, subject))

    def _ceiling(self, request: Request, subject: Subject) -> Mode:
        if subject.role.chart is Chart.COMPOSER and subject.role.component is not Component.TASK:
            return Mode.WARN  # the owner cannot change what a managed service makes
        if subject.stage is not Stage.TEMPLATE:
            return Mode.ENFORCE
        # An update that leaves the pod template as it was (labels, finalizers, replicas) always passes.
        same = request.old is not None and request.old.spec == subject.workload.spec
        return Mode.WARN if same else Mode(self._policy.workloads)


def _stage(request: Request, workload: Workload) -> Stage:
    if workload.kind != "Pod":
        return Stage.TEMPLATE
    return Stage.POD if request.operation == "CREATE" and not request.subresource else Stage.UPDATE


def _is_mirror(workload: Workload) -> bool:
    return _MIRROR in (workload.metadata.annotations or {})


def _is_met(need: Need) -> bool:
    return need.state is State.MISSING or (need.state is State.DIFFERENT and need.variable.on_conflict == "override")


def _expired(exemption: Exemption) -> str:
    return f"exemption {exemption.name!r} of {exemption.owner} expired on {exemption.expires}"


def _decision(
    path: str, request: Request, case: _Case | None, verdict: Verdict, mutation: Mutation | None = None
) -> Decision:
    workload = request.workload
    metadata = Metadata() if workload is None else workload.metadata
    name = metadata.name or request.name or (metadata.generate_name and f"{metadata.generate_name}*")
    return Decision(
        path=path,
        uid=request.uid,
        operation=request.operation,
        dry_run=request.dry_run,
        regarding=ObjectRef(request.api_version, request.kind, request.namespace, name, metadata.uid),
        owner=None if case is None else _owner(request, metadata),
        component=None if case is None else case.subject.role.component,
        distrusted=None if case is None else case.distrusted,
        task=None if case is None or case.subject.role.component is not Component.TASK else task_of(workload),
        verdict=verdict,
        mutation=mutation,
        chart=None if case is None else case.subject.role.chart,
    )


def _owner(request: Request, metadata: Metadata) -> ObjectRef | None:
    owner = metadata.controller
    if owner is None or owner.kind == "Node":  # a mirror pod's owner lies in no namespace
        return None
    return ObjectRef(owner.api_version, owner.kind, request.namespace, owner.name, owner.uid)
