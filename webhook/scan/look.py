"""Reads everything an audit needs, as far as the user's rights go; each thing it could not read gets a remark.

When the pods of a requested namespace cannot be read, the survey is incomplete. Other gaps only make it say less.
"""

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus

import msgspec

from webhook.audit.assessment import Law
from webhook.audit.coverage import Coverage, Registration, read_registration
from webhook.audit.taking import Look, owner_of
from webhook.manifests.objects import Manifest
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.manifests.stranger import running_stranger
from webhook.pods import skim
from webhook.pods.live import LivePod, decode_pod, slim
from webhook.pods.lookalike import commands_in, is_commanded, is_likely
from webhook.pods.nodes import Node, Nodes, decode_node, known
from webhook.pods.workload import UnreadableError, Workload
from webhook.rules.expected_image import VARIABLES
from webhook.scan.makers import Makers
from webhook.scan.pages import ListError
from webhook.scan.supply import NAMESPACES, NODES, PODS, REGISTRATIONS, Supply

_REFUSED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


class Scope(msgspec.Struct, frozen=True):
    """Where to look."""

    namespaces: tuple[str, ...] | None  # None: in all
    home: str = ""  # where to look instead when nothing may be listed in all


class Admission(msgspec.Struct, frozen=True):
    """airlock's registration, as far as it may be read."""

    known: bool
    registration: Registration | None
    remarks: tuple[Remark, ...] = ()

    @property
    def installed(self) -> bool | None:
        """Whether airlock is registered; None when that is not known."""
        return self.registration is not None if self.known else None


class Interest(msgspec.Struct, frozen=True):
    """Which pods are kept, and which parts of them."""

    pod: Callable[[LivePod], bool]  # whether it is Airflow's
    template: Callable[[Workload], bool]  # whether it makes pods of Airflow
    variables: frozenset[str] = frozenset()  # that a rule may ask for


class Scene(msgspec.Struct, frozen=True):
    """What one look saw: what runs, and the objects that make pods of Airflow."""

    look: Look
    manifests: tuple[Manifest, ...]
    listed: frozenset[str] = frozenset()  # namespaces all of whose ConfigMaps are among them


def interest(laws: Iterable[Law]) -> Interest:
    """Return what *laws* need to see."""
    known = list(laws)
    gates = [law.gate for law in known]
    return Interest(
        pod=lambda pod: any(gate.recognise(pod) is not None for gate in gates),
        template=lambda one: any(gate.recognise_template(one) for gate in gates),
        variables=frozenset(variable.name for law in known for variable in law.required.env) | VARIABLES,
    )


class _Labelled(msgspec.Struct, frozen=True):
    name: str = ""
    labels: dict[str, str] | None = None


class _Namespace(msgspec.Struct, frozen=True):
    metadata: _Labelled | None = None


def read_admission(supply: Supply) -> Admission:
    """Return what *supply* says of airlock's registration; raises ListError when nothing answers at all."""
    try:
        found = [skim.value(raw) for raw in supply.items(REGISTRATIONS, None)]
        return Admission(known=True, registration=read_registration(found))
    except ListError as error:
        if error.status is None or error.status == HTTPStatus.UNAUTHORIZED:
            raise
        text = f"which namespaces admission sees is not known: {error}"
    except (msgspec.DecodeError, AttributeError, KeyError, TypeError):  # of a dump that somebody edited
        text = "which namespaces admission sees is not known: they cannot be read"
    remark = Remark(Place(REGISTRATIONS.plural, 0), text, usable=True)
    return Admission(known=False, registration=None, remarks=(remark,))


def look(supply: Supply, scope: Scope, admission: Admission, interest: Interest) -> Scene:
    """Return what *supply* shows in *scope* of what *interest* says."""
    return _Looking(supply, scope, admission, interest).scene()


class _Looking:
    def __init__(self, supply: Supply, scope: Scope, admission: Admission, interest: Interest) -> None:
        self._supply = supply
        self._scope = scope
        self._admission = admission
        self._interest = interest
        self._remarks = list(admission.remarks)
        self._labels: dict[str, dict[str, str]] = {}  # of the namespaces
        self._pods: dict[str, LivePod] = {}
        self._others = 0
        self._strangers: dict[Place, Remark] = {}

    def scene(self) -> Scene:
        namespaces = self._namespaces()
        within = list(self._read_pods(namespaces))
        nodes = self._nodes() if self._pods else Nodes()
        makers = Makers(self._supply, self._interest.template)
        makers.read(within, {pod.namespace for pod in self._pods.values()})
        coverage = Coverage(self._admission.registration, self._admission.known, self._labels)
        pods = tuple(self._pods.values())
        remarks = (*self._remarks, *makers.remarks, *self._strangers.values())
        found = Look(pods, nodes, coverage, others=self._others, remarks=remarks)
        return Scene(found, tuple(makers.manifests), frozenset(makers.listed))

    def _remark(self, what: str, text: str, *, usable: bool) -> None:
        self._remarks.append(Remark(Place(what, 0), text, usable))

    def _namespaces(self) -> list[str] | None:
        """Return the namespaces that there are to look at, with their labels learnt; None when that is not known."""
        if self._scope.namespaces is not None:
            return [name for name in self._scope.namespaces if self._exists(name)]
        try:
            for raw in self._supply.items(NAMESPACES, None):
                self._learn(raw)
        except ListError as error:
            if self._admission.registration is not None:
                text = f"which of them admission sees is not known: {error}"
                self._remark(NAMESPACES.plural, text, usable=True)
            return None
        return sorted(self._labels)

    def _exists(self, name: str) -> bool:
        try:
            raw = self._supply.item(NAMESPACES, None, name)
        except ListError as error:
            if self._admission.registration is not None:
                self._remark(f"namespace {name}", f"whether admission sees it is not known: {error}", usable=True)
            return True
        if raw is None:
            self._remark(f"namespace {name}", "no namespace has this name", usable=False)
            return False
        self._learn(raw)
        return True

    def _learn(self, raw: msgspec.Raw | bytes) -> None:
        try:
            metadata = skim.of_type(raw, _Namespace).metadata or _Labelled()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        self._labels[metadata.name] = metadata.labels or {}

    def _read_pods(self, namespaces: list[str] | None) -> Iterator[str | None]:
        """Read the pods, and yield where that was allowed: None for all namespaces at once."""
        if self._scope.namespaces is not None:
            yield from (name for name in namespaces or () if self._read(name))
            return
        try:
            self._take(self._supply.items(PODS, None))
        except ListError as error:
            if error.status not in _REFUSED:
                self._remark("pods", f"not all could be read: {error}", usable=False)
                yield None
                return
            yield from self._one_by_one(namespaces, error)
        else:
            yield None

    def _one_by_one(self, namespaces: list[str] | None, error: ListError) -> Iterator[str]:
        """Read the pods of each namespace by itself, since the user cannot list those of all together."""
        if namespaces is None:
            instead = [self._scope.home] if self._scope.home and self._read(self._scope.home) else []
            where = f"; only namespace {self._scope.home} was looked at" if instead else ""
            self._remark("pods in all namespaces", f"cannot be listed{where}: {error}", usable=False)
            yield from instead
            return
        yield from (name for name in namespaces if self._read(name))

    def _read(self, namespace: str) -> bool:
        try:
            self._take(self._supply.items(PODS, namespace))
        except ListError as error:
            refused = error.status in _REFUSED
            text = f"cannot be listed: {error}" if refused else f"not all could be read: {error}"
            self._remark(f"pods in {namespace}", text, usable=False)
            return not refused
        return True

    def _take(self, items: Iterable[msgspec.Raw]) -> None:
        for raw in items:
            try:
                pod = decode_pod(raw)
            except UnreadableError as error:
                self._remark("pods", f"one cannot be read: {error}", usable=False)
                continue
            if self._interest.pod(pod):
                self._pods[pod.uid or f"{pod.namespace}/{pod.name}"] = slim(pod, self._interest.variables)
            else:
                self._others += 1
                self._strange(pod, raw)

    def _strange(self, pod: LivePod, raw: msgspec.Raw) -> None:
        """Note a pod that looks like Airflow, once for all that one owner makes."""
        data = memoryview(raw)
        if not pod.ended and (is_likely(pod.workload) or is_commanded(data)):
            remark = running_stranger(pod, *owner_of(pod, None), commands_in(data))
            if remark is not None:
                self._strangers.setdefault(remark.place, remark)

    def _nodes(self) -> Nodes:
        found: list[Node] = []
        try:
            found.extend(node for raw in self._supply.items(NODES, None) if (node := decode_node(raw)) is not None)
        except ListError as error:
            text = f"digests on different nodes are compared with reservation: {error}"
            self._remark(NODES.plural, text, usable=True)
        return known(found)
