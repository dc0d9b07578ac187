"""Judges one manifest as admission would judge its pods: the same gate, the same rules, the same sentences.

A file does not say who will create its objects. So airlock believes the labels of an object with a pod template if its
kind fits, and those of a bare Pod only if a controller owns it, as in a dump of a cluster. Any other bare Pod with
labels of Airflow counts as a task, as admission treats a pod that no controller made. Findings on a template have the
mode that its Pod will meet, and a Pod is first completed as `/mutate` would do.
"""

from datetime import date
from typing import Any

import jsonpatch
import msgspec
from msgspec.structs import replace

from webhook.documents.policy import Policy
from webhook.grammar.pattern import UserGlob
from webhook.grammar.yamlnode import Node
from webhook.judge.gate import Gate
from webhook.judge.request import Request
from webhook.judge.verdict import Cause
from webhook.manifests import shape
from webhook.manifests.leader import NO_IMAGES, Images
from webhook.manifests.objects import Manifest
from webhook.manifests.outcome import Judged, Related, Reported, Spared
from webhook.manifests.place import Place, line_of
from webhook.manifests.shape import Path
from webhook.manifests.unwritten import Unwritten, without
from webhook.manifests.worker import IMAGE, Worker
from webhook.pods.airflow import Row
from webhook.pods.charts import is_rendered, is_rendered_from
from webhook.pods.provenance import Provenance, under
from webhook.pods.workload import Workload, decode
from webhook.rules.finding import Mode

# Stands for the unknown creator of an object, so that only the owner, or its own kind, decides about its labels.
_CONTROLLER = "airlock:check:controller"


class Seen(msgspec.Struct, frozen=True):
    """An object as a request, and where its fields stand."""

    request: Request
    body: Any  # the object, as JSON
    manifest: Manifest
    fields: Node | Worker  # what the object was read or composed from
    path: Path = ()  # of the pod template
    unwritten: tuple[Unwritten, ...] = ()  # places without an image to judge

    @property
    def template(self) -> Any:  # noqa: ANN401 - JSON
        """The pod template, as JSON; a Pod is its own."""
        node = None if isinstance(self.fields, Worker) else shape.at(self.fields, self.path)
        return self.body if node is None else node.value

    def place(self, path: str) -> Place:
        """Return where the field *path* of the object stands."""
        if isinstance(self.fields, Worker):
            return self.fields.place(path)
        return Place(self.manifest.file, line_of(self.fields, path))

    def related(self, path: str) -> tuple[Related, ...]:
        """Return what else decides about the field *path*."""
        return self.fields.related(path) if isinstance(self.fields, Worker) else ()


def on_files(policy: Policy) -> Policy:
    """Return *policy* for objects that nobody has sent yet."""
    return on_reviews(policy).model_copy(update={"trusted_creators": (UserGlob(_CONTROLLER),), "task_creators": ()})


def on_reviews(policy: Policy) -> Policy:
    """Return *policy* for recorded requests, with the mode for templates that their Pods would meet."""
    return policy.model_copy(update={"workloads": Mode.ENFORCE})


def seen(manifest: Manifest, path: Path, rows: tuple[Row, ...], images: Images = NO_IMAGES) -> Seen:
    """Return *manifest*, with a pod template at *path*, as the request that will create it.

    *rows* may know its kind; *images* are those that its Airflow runs.
    """
    workload = shape.workload(manifest, path, rows)
    workload, unwritten = (None, ()) if workload is None else without(workload)
    request = _request(manifest.api_version, manifest.kind, manifest.namespace, manifest.name, workload)
    provenance = Provenance(under(manifest.template), scheduler=images.scheduler)
    request = replace(
        request, rendered=is_rendered_from(manifest.template), repositories=images.repositories, provenance=provenance
    )
    return Seen(request, manifest.node.value, manifest, manifest.node, path, unwritten)


def made(worker: Worker, namespace: str) -> Seen:
    """Return the pod *worker* as the request of the executor."""
    workload = decode(msgspec.json.encode(worker.pod), "", "Pod")
    workload, unwritten = (None, ()) if workload is None else without(workload)
    holder = worker.entry.manifest
    request = _request("v1", "Pod", namespace, holder.name, workload)
    labels = {key: value for key, value in holder.labels.items() if isinstance(value, str)}
    rendered = is_rendered_from(holder.template) or is_rendered(labels)
    unwritten = tuple(one for one in unwritten if not (worker.unknown and one.path == IMAGE))
    request = replace(request, rendered=rendered, provenance=worker.provenance)
    return Seen(request, worker.pod, holder, worker, (), unwritten)


def _request(api_version: str, kind: str, namespace: str, name: str, workload: Workload | None) -> Request:
    return Request(
        uid="check",
        operation="CREATE",
        api_version=api_version,
        kind=kind,
        subresource="",
        namespace=namespace,
        name=name,
        username=_CONTROLLER,
        by_node=False,
        dry_run=True,
        workload=workload,
    )


def judged(gate: Gate, one: Seen, today: date) -> Judged | None:
    """Return what *gate* says of *one* on *today* (UTC), None when it is not Airflow's."""
    decision = gate.validate(_completed(gate, one, today), today)
    if decision.component is None or decision.chart is None:
        return None
    manifest, verdict = one.manifest, decision.verdict
    worker = one.fields if isinstance(one.fields, Worker) else None
    return Judged(
        place=manifest.place if worker is None else worker.entry.place(),
        api_version=manifest.api_version if worker is not None else one.request.api_version,
        kind=manifest.kind if worker is not None else one.request.kind,
        namespace=one.request.namespace,
        name=decision.regarding.name if worker is None else manifest.name,
        component=decision.component,
        chart=decision.chart,
        key=worker.entry.key if worker is not None else "",
        distrusted=decision.distrusted,
        template=manifest.template,
        reported=tuple(
            Reported(violation, _places(one, violation.cause), _related(one, violation.cause))
            for violation in verdict.violations
        ),
        spared=tuple(Spared(exempted, _places(one, exempted.cause)) for exempted in verdict.exempted),
    )


def _places(one: Seen, cause: Cause) -> tuple[Place, ...]:
    return tuple(one.place(where.path) for where in cause.places)


def _related(one: Seen, cause: Cause) -> tuple[Related, ...]:
    return tuple(dict.fromkeys(related for where in cause.places for related in one.related(where.path)))


def _completed(gate: Gate, one: Seen, today: date) -> Request:
    """Return the request for the final object: a new Pod has by then what the required-env manifest adds."""
    _, operations = gate.mutate(one.request, today)
    if not operations:
        return one.request
    body = jsonpatch.apply_patch(one.body, operations)
    group = one.request.api_version.rpartition("/")[0]
    return replace(one.request, workload=decode(msgspec.json.encode(body), group, one.request.kind))
