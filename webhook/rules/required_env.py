"""required-env: a variable that the required-env manifest declares and the final pod does not have.

`/mutate` adds missing variables when a Pod is created; this rule checks the final pod, after all other webhooks. A
missing variable is a finding. One with a different value is a finding with `onConflict: deny` but not with `keep`; with
`override`, the finding says that something undid the injection. If airlock cannot read the source of a `from`, the
finding has the mode of `onMissing`. A variable that a task lacks because the registration leaves tasks out of `/mutate`
is at most a warning, which says so. So is one in a position where the kubelet does not expand its references.

A variable that a known ConfigMap sets through `envFrom` counts as set; if that is not known, a template gets a warning
under `keep`, because the added variable would hide it. On a template, a finding is only what injection will not fix.
The rule ignores updates of running pods, because their variables cannot change. An audit reports running pods that lack
a variable, or have a different value than the manifest has now (it names the variable, never the value); a new pod
would get it, so this is at most a warning.

Passes, with `env: [{name: DEPLOY_ENV, value: prod}]` in the manifest::

    containers: [{name: scheduler, env: [{name: DEPLOY_ENV, value: prod}]}]

Fails::

    containers: [{name: scheduler}]
"""

from collections.abc import Iterable, Iterator

from webhook.pods.marks import INJECTED, marked
from webhook.pods.text import printable, quote
from webhook.rules import advice
from webhook.rules.finding import Finding, Mode
from webhook.rules.rule import Rule, RuleOptions, Stage, Subject
from webhook.variables.injection import Need, State

_REASON = 300  # characters: as many as the manifest takes

_BRIEF = {
    State.MISSING: "is missing",
    State.DIFFERENT: "has another value",
    State.MISPLACED: "stands in the wrong order",
    State.UNAVAILABLE: "has no source",
    State.HOMELESS: "has no place",
}


_LEFT_OUT = "the webhook configuration does not ask airlock to add variables to tasks"
_ORDER_FIX = "let airlock's webhook be invoked again after the others (reinvocationPolicy), or order env by hand"
_HIDDEN_FIX = "set it in env, or declare onConflict: override if the manifest's value is meant to win"


class RequiredEnvOptions(RuleOptions):
    """The options of required-env; what is required stands in the manifest."""


def check(subject: Subject, _options: RequiredEnvOptions) -> Iterator[Finding]:
    """Yield a finding for each variable that the pod of *subject* ends up without."""
    if subject.stage is Stage.UPDATE or not subject.variables:
        return
    workload = subject.workload
    for unreadable in workload.unreadable:
        yield Finding(unreadable.path, f"cannot be read: {unreadable.text}", "write it as the Kubernetes API has it")
    for need in subject.needs:
        if need.state is not State.SAME:
            yield from _judge(need, subject)


def _judge(need: Need, subject: Subject) -> Iterator[Finding]:
    variable, state, name = need.variable, need.state, quote(need.variable.name)
    reason = f" ({printable(variable.reason, _REASON)})" if variable.reason else ""
    ceiling = Mode.ENFORCE
    if state is State.HOMELESS:
        ceiling = Mode.WARN  # a pod that no setting of its own can mend must not be denied for ever
        text, fix = f"{name}{reason} has no place: {need.text}", advice.HOME_FIX
    elif state is State.UNAVAILABLE:
        ceiling = Mode.ENFORCE if variable.on_missing == "deny" and not subject.left_out else Mode.WARN
        text, fix = f"{name}{reason} has no source: {need.text}", advice.SOURCE_FIX
    elif subject.left_out and _would_be_mended(need):
        ceiling = Mode.WARN
        text, fix = f"{name}{reason} {_BRIEF[state]}: {_LEFT_OUT}", advice.LEFT_OUT_FIX
    elif state is State.MISPLACED and subject.stage is not Stage.TEMPLATE:
        ceiling = Mode.WARN  # another webhook's order, which the pod's owner cannot change
        text, fix = f"{name}{reason} {need.text}: the container gets the reference as it is written", _ORDER_FIX
    elif subject.stage is Stage.LIVE:
        yield from _judge_live(need, subject, reason)
        return
    elif state is State.MISSING and subject.stage is Stage.POD:
        text, fix = f"{name}{reason} is missing{_unless(need)}", advice.missing_fix(subject.role, variable.name)
    elif state is State.MISSING and need.doubt and variable.on_conflict == "keep":
        ceiling = Mode.WARN
        text, fix = f"{name}{reason} may be set by envFrom ({need.doubt}), and the added one hides that", _HIDDEN_FIX
    elif state is State.DIFFERENT and variable.on_conflict == "deny":
        text = f"{name}{reason} is set to another value than the manifest declares"
        fix = f"remove {name} from the container, or set it as declared"
    elif state is State.DIFFERENT and variable.on_conflict == "override" and subject.stage is Stage.POD:
        text = f"{name}{reason} was changed after airlock set it"
        fix = "look for another mutating webhook that sets it, or let airlock's be invoked again (reinvocationPolicy)"
    else:
        return
    yield _finding(need, subject, text, fix, ceiling)


def _would_be_mended(need: Need) -> bool:
    """Return whether `/mutate` would give the container what it lacks, if it were asked."""
    undone = need.state is State.DIFFERENT and need.variable.on_conflict == "override"
    return undone or need.state in (State.MISSING, State.MISPLACED)


def hints(asked: Iterable[Need]) -> Iterator[str]:
    """Yield what to tell about variables that `/mutate` adds although they may be there already."""
    for need in asked:
        if need.state is State.MISSING and need.doubt and need.variable.on_conflict == "keep" and need.container:
            where = f"{quote(need.variable.name)} (container {printable(need.container.name, 63)})"
            yield f"{where} may be set by envFrom ({need.doubt}), and the added one hides that; fix: {_HIDDEN_FIX}"


def _unless(need: Need) -> str:
    return f" in env, unless envFrom gives it ({need.doubt})" if need.doubt else ""


def _judge_live(need: Need, subject: Subject, reason: str) -> Iterator[Finding]:
    """Yield a finding for a pod that was made without airlock, or by an earlier manifest."""
    variable, name = need.variable, quote(need.variable.name)
    is_marked = variable.name in marked(subject.workload.metadata, INJECTED)
    if need.state is State.MISSING:
        away = "airlock was down, or did not require it yet, when the pod was created"
        undone = "its annotation airlock/injected names it, so something removed it after airlock added it"
        text = f"{name}{reason} is missing in a running pod{_unless(need)}: {undone if is_marked else away}"
        yield _finding(need, subject, text, advice.missing_fix(subject.role, variable.name), Mode.WARN)
    elif need.state is State.DIFFERENT:
        text = f"{name}{reason} has another value in a running pod than the manifest has now"
        kept = variable.on_conflict == "keep"
        if is_marked:
            text += "; its annotation airlock/injected says that airlock set the earlier one"
        fix = (
            "if that is an earlier manifest's value, recreate the pod" if kept and not is_marked else "recreate the pod"
        )
        # Under keep it may well be the container's own, which is as it should be.
        yield _finding(need, subject, text, fix, Mode.AUDIT if kept else Mode.WARN)


def _finding(need: Need, subject: Subject, text: str, fix: str, ceiling: Mode) -> Finding:
    prefix, container = subject.workload.prefix, need.container
    path = prefix if container is None else f"{prefix}.{need.field}[{need.index}].env"
    name = "" if container is None else container.name
    brief = _BRIEF[need.state]
    return Finding(path, text, fix, name, ceiling=ceiling, variable=need.variable.name, brief=brief)


RULE = Rule(
    name="required-env",
    options=RequiredEnvOptions,
    images=False,
    places=("containers", "initContainers"),
    check=check,
)
