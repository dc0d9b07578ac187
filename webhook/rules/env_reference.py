"""env-reference: a variable that refers to a ConfigMap, Secret or file that its container cannot have.

The kubelet does not start a container whose `configMapKeyRef`, `secretKeyRef`, `envFrom` or `fileKeyRef` cannot be
resolved: the pod hangs in CreateContainerConfigError. References with `optional: true` are not findings. A Pod can only
refer to objects in its own namespace; if a namespace in `lookIn` has an object of that name, the finding says so, with
the entry for the required-env manifest that brings the value over. The rule compares names and keys, never values.

What airlock cannot see is unknown, and never reported as missing: `serve` knows the namespaces in the chart's
`envReference`, `audit` and `diagnose` what their user can read, `check` the ConfigMaps and Secrets in its input. For a
file, the rule checks only the pod spec: the volume must exist, and another container must mount it to write the file.
The kubelet retries, and what airlock knows may be seconds old, so this is at most a warning.

Passes, with a ConfigMap callbacks that has the key endpoint, in the pod's namespace::

    env: [{name: MESSAGE_CALLBACK_ENDPOINT, valueFrom: {configMapKeyRef: {name: callbacks, key: endpoint}}}]

Fails::

    env: [{name: MESSAGE_CALLBACK_ENDPOINT, valueFrom: {configMapKeyRef: {name: callbacks, key: endpiont}}}]
"""

from collections.abc import Iterator

from webhook.grammar.words import NamespaceName
from webhook.pods.references import CONFIG_MAP, FILE, NO_HOLDINGS, Absence, Reference, references
from webhook.pods.text import plural, quote
from webhook.pods.workload import PodSpec
from webhook.rules.finding import Finding, Mode
from webhook.rules.rule import Rule, RuleOptions, Stage, Subject
from webhook.variables.entry import Bringing, entry, names

_FIX = "correct the reference, or create the object and key in the pod's namespace; optional: true lets the pod start"
_MOST = 3  # entries for the required-env manifest in one fix
_COPY = "make a copy of the Secret in the pod's namespace: airlock reads no Secret of another one"
_FILE_FIX = "name an emptyDir volume of the pod that an init container mounts and writes the file to"


class EnvReferenceOptions(RuleOptions):
    """The options of env-reference."""

    look_in: tuple[NamespaceName, ...] = ()
    """Other namespaces that an answer may name when they have what a pod's own namespace has not."""


def check(subject: Subject, options: EnvReferenceOptions) -> Iterator[Finding]:
    """Yield a finding for each reference of a pod, or of a template, that cannot be resolved."""
    if subject.stage is Stage.UPDATE:
        return
    blind = subject.observed.holdings is NO_HOLDINGS
    if blind and subject.stage is Stage.LIVE:
        return
    started = subject.live.pod.started if subject.live is not None else frozenset[str]()
    mounting: dict[str, set[str]] | None = None
    for one in references(subject.workload.spec):
        if one.kind == FILE and one.container in started:
            continue  # it had its file
        if one.kind == FILE:
            mounting = _mounting(subject.workload.spec) if mounting is None else mounting
            yield from _of_file(one, subject, mounting)
        elif not blind:
            yield from _of_object(one, subject, options)


def _of_object(one: Reference, subject: Subject, options: EnvReferenceOptions) -> Iterator[Finding]:
    own = subject.observed.holdings.look(one.kind, subject.namespace, one.name)
    if own is Absence.UNKNOWN or (not isinstance(own, Absence) and (not one.key or one.key in own)):
        return
    elsewhere = next((name for name in options.look_in if _has(subject, one, name)), None)
    if own is Absence.UNSEEN and elsewhere is None:
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
    yield _finding(one, subject, text, _fix(one, subject, elsewhere))


def _has(subject: Subject, one: Reference, namespace: str) -> bool:
    keys = subject.observed.holdings.look(one.kind, namespace, one.name)
    return namespace != subject.namespace and not isinstance(keys, Absence) and (not one.key or one.key in keys)


def _fix(one: Reference, subject: Subject, elsewhere: str | None) -> str:
    if elsewhere is None:
        return _FIX
    if one.kind != CONFIG_MAP:
        return _COPY
    container = "" if one.container == subject.role.main else one.container
    bringing = Bringing(subject.role.component, container, subject.namespace, elsewhere, one.name)
    wanted = [(one.variable, one.key)] if one.key else _wanted(one, subject, elsewhere)
    entries = [text for variable, key in wanted if (text := entry(variable, key, bringing))]
    if not entries:
        return _FIX
    rest = f", and one for each of its {plural(len(entries) - _MOST, 'other key')}" if len(entries) > _MOST else ""
    return f"add to the required-env manifest {', '.join(entries[:_MOST])}{rest}, and remove the reference"


def _wanted(one: Reference, subject: Subject, elsewhere: str) -> list[tuple[str, str]]:
    """Return the variables that the envFrom *one* would make of the object *elsewhere*, each with its key."""
    keys = subject.observed.holdings.look(one.kind, elsewhere, one.name)
    return [] if isinstance(keys, Absence) else names(one.prefix, keys)


def _mounting(spec: PodSpec) -> dict[str, set[str]]:
    """Return which containers mount each volume of *spec*."""
    found: dict[str, set[str]] = {volume.name: set() for volume in spec.volumes or ()}
    for container in (*(spec.init_containers or ()), *(spec.containers or ())):
        for mount in container.volume_mounts or ():
            found.setdefault(mount.name, set()).add(container.name)
    return found


def _of_file(one: Reference, subject: Subject, mounting: dict[str, set[str]]) -> Iterator[Finding]:
    """Yield a finding where the spec alone says that nothing can have written the file; the rest is unknown."""
    if one.name not in mounting:
        yield _finding(one, subject, f"the pod has no volume {quote(one.name)}", _FILE_FIX)
    elif not mounting[one.name] - {one.container}:
        text = f"no other container mounts the volume {quote(one.name)}, so nothing writes the file in time"
        yield _finding(one, subject, text, _FILE_FIX)


def _finding(one: Reference, subject: Subject, text: str, fix: str) -> Finding:
    return Finding(
        f"{subject.workload.prefix}.{one.path}",
        f"{quote(one.variable or 'envFrom')} cannot be resolved: {text}",
        fix,
        one.container,
        ceiling=Mode.WARN,
        variable=one.variable,
        brief="cannot be resolved",
    )


RULE = Rule(
    name="env-reference",
    options=EnvReferenceOptions,
    images=False,
    places=("containers", "initContainers"),
    check=check,
    new=True,
)
