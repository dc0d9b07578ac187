"""Decides: a request, the documents in force and what we know about the cluster -> verdict and operations."""

from datetime import date, datetime
from functools import lru_cache

from webhook.documents.policy import DEFAULT, Policy
from webhook.documents.release import NONE, Release
from webhook.documents.required_env import EMPTY, RequiredEnv
from webhook.judge.asking import CHANGES, is_left_out
from webhook.judge.bounds import MOST_FINDINGS, MOST_PLACES, UNREADABLE, Images, crowd, images_of, is_crowd, unfinished
from webhook.judge.case import Case, Ruling, is_mirror, with_marks
from webhook.judge.decision import TASK_KEYS, Decision, Mutation
from webhook.judge.exempting import Covering, covers
from webhook.judge.mutation import completed
from webhook.judge.pinning import pin_of
from webhook.judge.request import Request, day_of, moment_of, sighted
from webhook.judge.rulebook import Rulebook
from webhook.judge.trust import REMEMBERED, Trust
from webhook.judge.unread import may_matter, unread, unread_mutation
from webhook.judge.update import is_managed, strictest
from webhook.judge.verdict import CLEAN, Exempted, Verdict, Violation, cause_of, merged
from webhook.pods.airflow import Component, Role
from webhook.pods.claim import claim, telling
from webhook.pods.fleet import Live
from webhook.pods.live import LivePod
from webhook.pods.observed import NOTHING, Observed
from webhook.pods.pin import Pin
from webhook.pods.sighting import airflow_of
from webhook.pods.workload import Workload
from webhook.rules import pin_digest, required_env
from webhook.rules.finding import Mode
from webhook.rules.rule import RuleOptions, Stage, Subject
from webhook.variables.known import ConfigMaps
from webhook.variables.patch import Operation
from webhook.variables.variable import Variable

AUDIT = "audit"  # the path of a decision that nobody asked for


class Gate:
    """Decides by the documents in force and one view of the cluster; a change of any makes a new gate."""

    def __init__(  # noqa: PLR0913 - an argument for each thing that it decides by
        self,
        policy: Policy = DEFAULT,
        manifest: RequiredEnv = EMPTY,
        config_maps: ConfigMaps | None = None,
        release: Release = NONE,
        observed: Observed = NOTHING,
        *,
        tasks_left_out: bool = False,
    ) -> None:
        self._policy = policy
        self._config_maps = config_maps
        self._release = release
        self._observed = observed
        self._tasks_left_out = tasks_left_out
        self._trust = Trust(policy)
        self._rules = Rulebook(policy)
        self._covers = covers(policy.exemptions)

        @lru_cache(REMEMBERED)
        def variables(component: Component, namespace: str) -> tuple[Variable, ...]:
            return tuple(variable for variable in manifest.env if variable.applies(component, namespace))

        self._variables = variables

    @property
    def labels(self) -> dict[str, frozenset[str] | None]:
        """The labels by which pods are known and told apart: keys, and the values that matter; None for any."""
        return telling(self._policy.rows) | dict.fromkeys(TASK_KEYS[:2])

    def mode(self, rule: str, namespace: str) -> Mode:
        """Return the mode of *rule* in *namespace*."""
        return self._rules.mode(rule, namespace)

    def options(self, rule: str) -> RuleOptions:
        """Return the options of *rule*."""
        return self._policy.options(rule)

    def asks(self, component: Component, namespace: str) -> bool:
        """Return whether the manifest requires a variable of *component* in *namespace*."""
        return bool(self._variables(component, namespace))

    def validate(self, request: Request, when: date | datetime) -> Decision:
        """Return the decision on the final object in *request*, as `judge` has it."""
        return self.judge(request, when).decision()

    def judge(self, request: Request, when: date | datetime) -> Ruling:
        """Return the ruling on the final object in *request*; exemptions and the release are those in force *when*.

        That is a moment, or a day (UTC), which stands for its beginning.
        """
        if request.obstacle is not None:
            return Ruling("/validate", request, None, self._unread(request))
        workload = request.workload
        if workload is None:
            return Ruling("/validate", request, None)
        stage = _stage(request, workload)
        if stage is Stage.UPDATE:
            return self._judge_update(request, workload, when)
        case = self._case(request, workload, stage, moment_of(when), images_of(workload))
        return Ruling("/validate", request, case, CLEAN if case is None else self._verdict(case, when))

    def _judge_update(self, request: Request, workload: Workload, when: date | datetime) -> Ruling:
        """Return the ruling on a pod that changes: the strictest over everything that it may be."""

        def judge(role: Role, whole: Workload, images: Images) -> Verdict:
            return self._verdict(case(role, whole, images), when)

        def case(role: Role, whole: Workload, images: Images, distrusted: Component | None = None) -> Case:
            expected = self._release.about(role.component, request.namespace, moment_of(when))
            subject = Subject(
                whole,
                role,
                Stage.UPDATE,
                images,
                config_maps=self._config_maps,
                expected=expected,
                observed=self._observed,
            )
            return Case(request, subject, distrusted, Mode.ENFORCE)

        found = strictest(self._trust, request, workload, judge)
        judged = None if found is None else case(found.role, workload, found.images, found.distrusted)
        return Ruling("/validate", request, judged, found.verdict if found else CLEAN)

    def _unread(self, request: Request) -> Verdict:
        stage = Stage.TEMPLATE if request.workload is None else _stage(request, request.workload)
        ceiling = Mode(self._policy.workloads) if stage is Stage.TEMPLATE else Mode.ENFORCE
        matters = may_matter(self._trust, request, stage)
        return unread(request, self._rules.strictest(request.namespace).capped(ceiling)) if matters else CLEAN

    def recognise(self, pod: LivePod) -> Role | None:
        """Return the role by which a pod that runs is judged; None when it is not Airflow's."""
        return self._trust.role(sighted(pod), pod.workload, Stage.LIVE)[0]

    def recognise_template(self, workload: Workload) -> bool:
        """Return whether *workload*, an object with a pod template, makes pods of Airflow in some namespace."""
        return claim(workload.template.labels or {}, workload.spec, self._policy.rows).role is not None

    def audit(self, live: Live) -> Decision:
        """Return the decision on a pod that runs: it is not allowed when the same pod would be denied today.

        Its labels are believed if its controller owner's kind fits, since its creator is no longer known. Exemptions
        are those in force on the day of `live.now` (UTC).
        """
        request = sighted(live.pod)
        case = self._case(request, live.pod.workload, Stage.LIVE, live.now, images_of(live.pod.workload), live=live)
        verdict = CLEAN if case is None else self._verdict(case, live.now)
        return with_marks(Ruling(AUDIT, request, case, verdict).decision(), case)

    def _verdict(self, case: Case, when: date | datetime) -> Verdict:
        violations: list[Violation] = []
        exempted: list[Exempted] = []
        subject, namespace = case.subject, case.request.namespace
        covering: Covering | None = None
        if is_crowd(subject) and (strict := self._rules.strictest(namespace).capped(case.ceiling)).rank:
            violations.append(Violation(UNREADABLE, strict, cause_of(crowd(subject.workload.size))))
        for one in self._rules.in_force(namespace, case.ceiling, live=subject.stage is Stage.LIVE):
            mode, name = one.mode, one.rule.name
            for count, finding in enumerate(one.check(subject)):
                if count == MOST_FINDINGS:
                    violations.append(Violation(name, mode, cause_of(unfinished(one.rule))))
                    break
                template = subject.stage is Stage.TEMPLATE
                pods = one.whole.capped(_highest(subject.role)).capped(finding.ceiling) if template else None
                if covering is None:
                    covering = Covering(self._covers, namespace, subject.role.component, day_of(when))
                judged = covering.judge(name, mode.capped(finding.ceiling), finding, pods)
                if isinstance(judged, Exempted):
                    exempted.append(judged)
                elif judged.mode is not Mode.OFF:
                    violations.append(judged)
        return Verdict(merged(violations), merged(exempted)) if violations or exempted else CLEAN

    def mutate(self, request: Request, when: date | datetime) -> tuple[Decision, list[Operation]]:
        """Return the decision on a new Pod and the operations that add what it lacks, as `complete` has them."""
        found = self.complete(request, when)
        return found.decision(), found.patch

    def complete(self, request: Request, when: date | datetime) -> Ruling:
        """Return the ruling on a new Pod, with the operations that add what it lacks; *when* is as for `judge`."""
        if request.obstacle is not None:
            return Ruling("/mutate", request, None, mutation=unread_mutation(request))
        workload = request.workload
        # Any mirror pod is left alone here: a kubelet deletes one that was changed (admission/serviceaccount).
        if workload is None or _stage(request, workload) is not Stage.POD or is_mirror(workload):
            return Ruling("/mutate", request, None, mutation=Mutation.IGNORED)
        case = self._case(request, workload, Stage.POD, moment_of(when), ())  # no rule looks at images here
        if case is None:
            return Ruling("/mutate", request, None, mutation=Mutation.IGNORED)
        if workload.size > MOST_PLACES:
            return Ruling("/mutate", request, case, mutation=Mutation.UNREADABLE)
        done = completed(
            case.subject,
            injects=self._changes(required_env.RULE.name, None, case, when),
            pins=case.subject.pin is not None and self._changes(pin_digest.RULE.name, case.subject.pin, case, when),
        )
        return Ruling("/mutate", request, case, mutation=done.outcome, patch=done.patch, hints=done.hints)

    def _changes(self, name: str, pin: Pin | None, case: Case, when: date | datetime) -> bool:
        """Return whether the rule *name* changes the pod of *case*, to *pin* if that is given."""
        namespace, component = case.request.namespace, case.subject.role.component
        if self._rules.mode(name, namespace).capped(case.ceiling) not in CHANGES:
            return False
        covering = self._covers(name, namespace, component, "" if pin is None else pin.image)
        return not covering or not any(exemption.in_force(day_of(when)) for exemption in covering)

    def _case(  # noqa: PLR0913 - all of it is needed
        self,
        request: Request,
        workload: Workload,
        stage: Stage,
        now: datetime,
        images: Images,
        *,
        live: Live | None = None,
    ) -> Case | None:
        if request.by_node and is_mirror(workload):
            return None
        role, distrusted = self._trust.role(request, workload, stage)
        if role is None:
            return None
        variables = self._variables(role.component, request.namespace)
        repositories = request.repositories if live is None else live.fleet.repositories(airflow_of(live.pod))
        expected = self._release.about(role.component, request.namespace, now)
        known = (self._config_maps, live, repositories, expected, self._observed, request.provenance)
        subject = Subject(
            workload, role, stage, images, variables, *known, namespace=request.namespace,
            pin=pin_of(role, workload, request, self._observed, self._policy),
            left_out=self._tasks_left_out and stage is Stage.POD and is_left_out(workload.metadata),
        )  # fmt: skip
        ceiling = _highest(role) if stage is not Stage.TEMPLATE else self._ceiling(request, subject)
        return Case(request, subject, distrusted, ceiling)

    def _ceiling(self, request: Request, subject: Subject) -> Mode:
        # An update that leaves the pod template as it was (labels, finalizers, replicas) always passes. Any change of
        # it, be it a label or an annotation, replaces pods: a StatefulSet deletes them before new ones are denied.
        return Mode.WARN if request.same else _highest(subject.role).capped(Mode(self._policy.workloads))


def _highest(role: Role) -> Mode:
    return Mode.WARN if is_managed(role) else Mode.ENFORCE  # the owner cannot change what a managed service makes


def _stage(request: Request, workload: Workload) -> Stage:
    if workload.kind != "Pod":
        return Stage.TEMPLATE
    return Stage.POD if request.operation == "CREATE" and not request.subresource else Stage.UPDATE
