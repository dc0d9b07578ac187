"""Where `airlock audit` looks, and which policy it applies there."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from webhook.audit.assessment import Law, judge
from webhook.audit.survey import Basis, Survey
from webhook.commands.dumps import read_dump
from webhook.commands.options import INSTALLED
from webhook.commands.pipes import STDIN
from webhook.commands.reading import document
from webhook.documents.policy import Policy
from webhook.documents.release import Release
from webhook.documents.required_env import EMPTY, RequiredEnv
from webhook.manifests import data
from webhook.manifests.check import Asked, Check
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods.observed import NOTHING
from webhook.pods.references import CONFIG_MAP, Held
from webhook.rules import env_reference
from webhook.scan.holdings import Holder, Template
from webhook.scan.installed import (
    NAMESPACE,
    POLICY,
    RELEASE,
    REQUIRED_ENV,
    Given,
    Kind,
    T,
    installed,
    read_seen,
    read_sources,
)
from webhook.scan.look import Admission, Scene, Scope, interest, look, read_admission
from webhook.scan.pages import ListError
from webhook.scan.server import Progress, Server
from webhook.scan.supply import Supply


class Choice(msgspec.Struct, frozen=True):
    """Where to look."""

    context: str | None
    kubeconfig: str | None
    everywhere: bool
    namespaces: tuple[str, ...]
    files: tuple[str, ...]
    elsewhere: str = "-A looks at all"  # the option for other namespaces than the context's, in words


class Ground(msgspec.Struct, frozen=True):
    """Where to look, made out: *source* in words, and *now*, which for a dump is when it was written."""

    supply: Supply
    scope: Scope
    source: str
    now: datetime
    remarks: tuple[Remark, ...] = ()


class Papers(msgspec.Struct, frozen=True):
    """What to judge by, as asked for: what stood in files, else (None) what is installed."""

    policy: Given[Policy] | None
    required_env: Given[RequiredEnv] | None
    release: Given[Release] | None
    compare: Given[Policy] | str  # the policy to compare with, or `INSTALLED`; "": none
    enforcing: bool = False  # judge as if every rule of the policy enforced
    secrets: bool = False  # look up the Secrets that pods refer to


class _Documents(msgspec.Struct, frozen=True):
    policies: tuple[Given[Policy], ...]  # the one to judge by, and the one to compare with
    required: Given[RequiredEnv]
    release: Given[Release]

    @property
    def found(self) -> bool:
        """Whether one of them is an installation's."""
        return bool(self.required.revision) or any(policy.revision for policy in self.policies)

    @property
    def warnings(self) -> tuple[str, ...]:
        given: tuple[Given[Policy] | Given[RequiredEnv] | Given[Release], ...]
        given = (*self.policies, self.required, self.release)
        return tuple(dict.fromkeys(one.warning for one in given if one.warning))


def papers(  # noqa: PLR0913 - a document for each option
    policy: Path | None = None,
    required_env: Path | None = None,
    release: Path | None = None,
    compare: str | None = None,
    *,
    enforcing: bool = False,
    secrets: bool = False,
) -> Papers:
    """Return what to judge by, the files read, each once; a bad one ends the program with 2 and every problem.

    *compare* is a policy's file, or `INSTALLED`.
    """
    other = compare if compare in (None, INSTALLED) else _read(POLICY, Path(compare))
    return Papers(
        _read(POLICY, policy) if policy is not None else None,
        _read(REQUIRED_ENV, required_env) if required_env is not None else None,
        _read(RELEASE, release) if release is not None else None,
        other or "",
        enforcing=enforcing,
        secrets=secrets,
    )


def _read(kind: Kind[T], path: Path) -> Given[T]:
    read = document(path, kind.read)
    return Given(read.value, read.words)


@contextmanager
def ground_of(choice: Choice, progress: Progress) -> Iterator[Ground]:
    """Yield where to look; raises OSError when that leads nowhere."""
    asked = tuple(dict.fromkeys(choice.namespaces)) or None
    words = f", namespace{'s' * (len(choice.namespaces) > 1)} {', '.join(choice.namespaces)}" if asked else ""
    if choice.files:
        dump, now = read_dump(choice.files, datetime.now(UTC))
        names = ", ".join(STDIN if file == "-" else file for file in choice.files)
        yield Ground(dump, Scope(asked), f"dump {names}{words}", now, tuple(dump.remarks))
        return
    from webhook.cluster import ClusterError, connect, standing

    try:
        here = standing(kubeconfig=choice.kubeconfig, context=choice.context)
        connection = connect(kubeconfig=choice.kubeconfig, context=choice.context)
    except ClusterError as error:
        raise OSError(str(error)) from error
    if choice.everywhere:
        scope, words = Scope(None, here.namespace), ", all namespaces"
    elif asked is None:
        scope, words = Scope((here.namespace,)), f", namespace {here.namespace} (the context's; {choice.elsewhere})"
    else:
        scope = Scope(asked)
    source = f"context {here.context}" if here.context else "the cluster of this pod"
    with connection as cluster:
        yield Ground(Server(cluster, progress=progress), scope, source + words, datetime.now(UTC))


def surveys(ground: Ground, papers: Papers, warn: Callable[[str], None]) -> list[Survey]:
    """Return the survey by the policy in *papers*, and one of the same look by the policy to compare with.

    *warn* hears at once what may make them differ from what the caller expects. Raises OSError when nothing answers.
    """
    supply = ground.supply
    try:
        admission = read_admission(supply)
        documents = _documents(supply, papers, admission)
        sources = read_sources(supply, documents.required.value)
    except ListError as error:
        raise OSError(f"{ground.source}: {error}") from error
    for warning in documents.warnings:
        warn(warning)
    release = documents.release.value
    home = (admission.registration.namespace if admission.registration is not None else "") or NAMESPACE
    known = read_seen(supply, home) if release.images else NOTHING
    laws = [Law(policy.value, sources.required, sources.config_maps, release, known) for policy in documents.policies]
    scene = look(supply, ground.scope, admission, interest(laws))
    held, unheld = _held(supply, scene, laws, ground, secrets=papers.secrets)
    laws = [replace(law, observed=replace(law.observed, holdings=held)) for law in laws]
    said = (Remark(Place("documents", 0), warning, usable=True) for warning in documents.warnings)
    remarks = (*ground.remarks, *said, *sources.remarks, *scene.look.remarks, *unheld)
    seen = replace(scene.look, remarks=remarks)
    left = admission.installed is False and documents.found
    bases = (
        Basis(ground.source, policy.words, documents.required.words, admission.installed, left=left)
        for policy in documents.policies
    )
    return [judge(seen, scene.manifests, law, basis, ground.now) for law, basis in zip(laws, bases, strict=True)]


def _held(
    supply: Supply, scene: Scene, laws: Iterable[Law], ground: Ground, *, secrets: bool
) -> tuple[Held, list[Remark]]:
    """Return which of the objects that *scene* refers to exist; *laws* say where else to look for them."""
    laws = list(laws)
    check = Check(Asked(laws[0].policy, EMPTY, ground.now.astimezone(UTC)))
    for manifest in scene.manifests:
        check.add(manifest)
    gate = laws[0].gate
    made = (one.request for one in check.seen())
    templates = [
        Template(one.namespace, one.workload.spec)
        for one in made
        if one.workload is not None and gate.recognise_template(one.workload)
    ]
    known = replace(
        data.holdings(scene.manifests),
        whole=frozenset((CONFIG_MAP, namespace) for namespace in scene.listed),
        partial=False,
    )
    options = (law.gate.options(env_reference.RULE.name) for law in laws)
    look_in = frozenset(name for one in options for name in getattr(one, "look_in", ()))
    return Holder(supply, known, secrets).read(scene.look, templates, look_in)


def _documents(supply: Supply, papers: Papers, admission: Admission) -> _Documents:
    policy = papers.policy or _installed(supply, POLICY, admission)
    if papers.enforcing:
        policy = replace(policy, value=policy.value.enforcing(), words=f"{policy.words}, as if every rule enforced")
    policies = [policy]
    if papers.compare:
        other = papers.compare
        policies.append(_installed(supply, POLICY, admission) if isinstance(other, str) else other)
    return _Documents(
        tuple(policies),
        papers.required_env or _installed(supply, REQUIRED_ENV, admission),
        papers.release or _installed(supply, RELEASE, admission),
    )


def _installed(supply: Supply, kind: Kind[T], admission: Admission) -> Given[T]:
    namespace = admission.registration.namespace if admission.registration is not None else ""
    return installed(supply, kind, namespace or NAMESPACE, expected=admission.installed)
