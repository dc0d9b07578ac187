"""env-reference: a variable that refers to a ConfigMap or a Secret that the pod's namespace does not have.

The kubelet does not start a container whose `configMapKeyRef`, `secretKeyRef` or `envFrom` cannot be resolved: the pod
hangs in CreateContainerConfigError. A reference with `optional: true` is none of that. A Pod can only refer to its own
namespace; where `lookIn` names another namespace that has an object of that name, the answer says so, with the entry
for the required-env manifest that brings the value over. Names and keys are compared, and no value is read. What is not
known is never called missing: `airlock check` knows the ConfigMaps and Secrets of its input, and only an object of the
input lacks a key. The kubelet tries again, so this is a warning at most.

Passes, with a ConfigMap callbacks that has the key endpoint, in the pod's namespace::

    env: [{name: MESSAGE_CALLBACK_ENDPOINT, valueFrom: {configMapKeyRef: {name: callbacks, key: endpoint}}}]

Fails::

    env: [{name: MESSAGE_CALLBACK_ENDPOINT, valueFrom: {configMapKeyRef: {name: callbacks, key: endpiont}}}]
"""

from collections.abc import Iterator

from webhook.grammar.words import NamespaceName
from webhook.pods.references import CONFIG_MAP, Absence, Reference, references
from webhook.pods.text import quote
from webhook.rules.finding import Finding, Mode
from webhook.rules.rule import Rule, RuleOptions, Stage, Subject

_FIX = "correct the reference, or create the object and key in the pod's namespace; optional: true lets the pod start"
_COPY = "make a copy of the Secret in the pod's namespace: airlock reads no Secret of another one"


class EnvReferenceOptions(RuleOptions):
    """The options of env-reference."""

    look_in: tuple[NamespaceName, ...] = ()
    """Other namespaces that an answer may name when they have what a pod's own namespace has not."""


def check(subject: Subject, options: EnvReferenceOptions) -> Iterator[Finding]:
    """Yield a finding for each reference of a new pod, or of a template, that cannot be resolved."""
    if subject.stage is Stage.UPDATE or not subject.observed.holdings.objects:
        return
    for one in references(subject.workload.spec):
        yield from _judge(one, subject, options)


def _judge(one: Reference, subject: Subject, options: EnvReferenceOptions) -> Iterator[Finding]:
    own = subject.observed.holdings.look(one.kind, subject.namespace, one.name)
    if not isinstance(own, Absence) and (not one.key or one.key in own):
        return
    elsewhere = next((name for name in options.look_in if _has(subject, one, name)), None)
    if own is Absence.UNKNOWN and elsewhere is None:
        return
    named = f"{one.kind} {quote(one.name)}"
    if isinstance(own, Absence):
        why = f"{named} does not exist" if own is Absence.MISSING else f"{named} is not known"
        text = f"{why} in namespace {quote(subject.namespace)}"
    else:
        text = f"{named} in namespace {quote(subject.namespace)} has no key {quote(one.key)}"
    if elsewhere is not None:
        text += f"; it exists in namespace {elsewhere}: a Pod cannot refer to it"
        text += "; declare it in the required-env manifest" if one.kind == CONFIG_MAP else ""
    what = one.variable or "envFrom"
    yield Finding(
        f"{subject.workload.prefix}.{one.path}",
        f"{quote(what)} cannot be resolved: {text}",
        _fix(one, subject, elsewhere),
        one.container,
        ceiling=Mode.WARN,
        variable=one.variable,
        brief="cannot be resolved",
    )


def _has(subject: Subject, one: Reference, namespace: str) -> bool:
    keys = subject.observed.holdings.look(one.kind, namespace, one.name)
    return namespace != subject.namespace and not isinstance(keys, Absence) and (not one.key or one.key in keys)


def _fix(one: Reference, subject: Subject, elsewhere: str | None) -> str:
    if elsewhere is None:
        return _FIX
    if one.kind != CONFIG_MAP:
        return _COPY
    source = f"{{namespace: {elsewhere}, name: {one.name}, key: {one.key or '...'}}}"
    return (
        f"add to the required-env manifest {{name: {one.variable or '...'}, components: [{subject.role.component}],"
        f" namespaces: [{subject.namespace}], from: {{configMap: {source}}}, reason: ...}}, and remove the reference"
    )


RULE = Rule(
    name="env-reference",
    options=EnvReferenceOptions,
    images=False,
    places=("containers", "initContainers"),
    check=check,
    new=True,
)
