"""Reads all files of one check, then judges them together, because one file may complete another."""

from collections.abc import Iterator
from datetime import date

import msgspec
from msgspec.structs import replace

from webhook.admission.review import ReviewError, decode
from webhook.documents.policy import ComponentRow, Policy
from webhook.documents.release import NONE, Release
from webhook.documents.required_env import RequiredEnv
from webhook.judge.gate import Gate
from webhook.manifests import data, shape
from webhook.manifests.absent import absent
from webhook.manifests.elsewhere import elsewhere, stray_words
from webhook.manifests.hidden import CONFIG, Chest, config, is_file
from webhook.manifests.objects import Manifest, Stray, manifests
from webhook.manifests.outcome import Judged, Outcome, Remark
from webhook.manifests.place import Place
from webhook.manifests.stranger import labels_of, stranger
from webhook.manifests.stream import Unrendered, Unusable, documents
from webhook.manifests.trial import Seen, judged, made, on_files, on_reviews, seen
from webhook.pods.airflow import Chart, Role
from webhook.pods.claim import claim
from webhook.pods.observed import NOTHING, Observed
from webhook.pods.references import NO_HOLDINGS
from webhook.pods.workload import TEMPLATES, UnreadableError
from webhook.variables.known import ConfigMaps


class Asked(msgspec.Struct, frozen=True):
    """What to judge by."""

    policy: Policy
    required: RequiredEnv
    today: date  # UTC; a moment, where the release matters
    namespace: str = "default"  # of objects that name none
    config_maps: ConfigMaps = msgspec.field(default_factory=dict)  # those that are known besides the input
    release: Release = NONE
    observed: Observed = NOTHING


class Check:
    """Takes files one by one; `outcome` judges them."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._objects = 0
        self._kept: list[Manifest] = []
        self._configs: list[data.Entry] = []
        self._remarks: list[Remark] = []

    def remark(self, file: str, text: str, *, usable: bool = False) -> None:
        """Take note of something about *file*."""
        self._remarks.append(Remark(Place(file, 0), text, usable))

    def take(self, file: str, content: bytes) -> None:
        """Read *content*, manifests or a copy of airflow.cfg; objects that hold no pod are counted and forgotten."""
        if file.rpartition("/")[2] == CONFIG:
            self._configs.append(config(file, content))
            return
        for document in documents(content):
            if isinstance(document, Unusable):
                self._remarks.append(Remark(Place(file, document.line), document.text))
                continue
            if isinstance(document, Unrendered):
                words = "" if document.root is None else stray_words(document.root, file)
                text = words or "is a template; check what helm template makes of it"
                self._remarks.append(Remark(Place(file, document.line), text, usable=True, note=bool(words)))
                continue
            for manifest in manifests(file, document, self._asked.namespace):
                self.add(manifest)

    def add(self, manifest: Manifest | Stray) -> None:
        """Take *manifest*; one that holds no pod is counted and forgotten."""
        if isinstance(manifest, Stray):
            words = stray_words(manifest.node, manifest.place.file)
            text = words or "is not a Kubernetes object: no apiVersion and kind"
            self._remarks.append(Remark(manifest.place, text, usable=True, note=bool(words)))
            return
        self._objects += 1
        if manifest.is_review or data.holds(manifest) or shape.templates(manifest):
            self._kept.append(manifest)
        elif words := elsewhere(manifest):
            self._remarks.append(Remark(manifest.place, words, usable=True, note=True))

    def caught(self, row: ComponentRow) -> tuple[int, int]:
        """Return how many pod templates and Pods *row* knows, and how many there are."""
        made = row.row
        found = [
            (manifest, labels_of(manifest, path))
            for manifest in self._kept
            if not manifest.is_review and not data.holds(manifest)
            for path in shape.templates(manifest)
        ]
        roles = ((manifest, claim(labels, rows=(made,)).part) for manifest, labels in found)
        known = sum(
            role is not None and role.chart is Chart.CUSTOM and _fits(role, manifest) for manifest, role in roles
        )
        return known, len(found)

    def outcome(self) -> Outcome:
        """Return what is to be said of everything that was taken."""
        policy, read = self._asked.policy, len(self._remarks)
        chest = Chest(self._kept, policy.rows, tuple(self._configs))
        config_maps = {**self._asked.config_maps, **data.known(self._kept)}
        required = self._required(config_maps)
        release, observed = self._asked.release, self._asked.observed
        if observed.holdings is NO_HOLDINGS:
            observed = replace(observed, holdings=data.holdings(self._kept))
        sent = Gate(on_reviews(policy), required, config_maps, release, observed)
        written = Gate(on_files(policy), required, config_maps, release, observed)
        all_seen = [one for manifest in self._kept for one in self._seen(manifest, chest)]
        workloads = [
            found
            for one in all_seen
            if (found := self._judged(sent if one.manifest.is_review else written, one, chest)) is not None
        ]
        self._remarks += absent(chest, all_seen)
        # Remarks about Airflow come first: a folder may have any number of files that are no manifests.
        remarks = (*self._remarks[read:], *self._remarks[:read])
        return Outcome(self._objects, tuple(workloads), tuple(dict.fromkeys(remarks)))

    def _judged(self, gate: Gate, one: Seen, chest: Chest) -> Judged | None:
        found = judged(gate, one, self._asked.today)
        if found is not None:
            self._remarks += [Remark(one.place(place.path), place.text, place.usable) for place in one.unwritten]
        elif not one.manifest.is_review and (note := stranger(one.manifest, one.path, chest)) is not None:
            self._remarks.append(note)
        return found

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """What was taken and may hold a pod, or what pods are made from."""
        return tuple(self._kept)

    def seen(self) -> Iterator[Seen]:
        """Yield the objects with pods, those included that the executor will make."""
        chest = Chest(self._kept, self._asked.policy.rows, tuple(self._configs))
        for manifest in self._kept:
            yield from self._seen(manifest, chest)

    def _required(self, known: ConfigMaps) -> RequiredEnv:
        """Return what is required, without what comes `from` outside of the input: nobody here knows its value."""
        env = self._asked.required.env
        kept = tuple(one for one in env if one.source is None or (one.source.namespace, one.source.name) in known)
        for variable in env:
            if variable not in kept:
                text = f"{variable.name} is not looked at: the ConfigMap it comes from is not in the input"
                self.remark("required-env", text, usable=True)
        return self._asked.required.model_copy(update={"env": kept})

    def _seen(self, manifest: Manifest, chest: Chest) -> Iterator[Seen]:
        try:
            if manifest.is_review:
                yield from _reviewed(manifest)
            elif data.holds(manifest) or is_file(manifest):
                yield from self._made(manifest, chest)
            else:
                rows, images = self._asked.policy.rows, chest.images(manifest)
                yield from (seen(manifest, path, rows, images) for path in shape.templates(manifest))
        except (ReviewError, UnreadableError) as error:
            self._remarks.append(Remark(manifest.place, str(error)))

    def _made(self, manifest: Manifest, chest: Chest) -> Iterator[Seen]:
        """Yield the worker pods that the executor makes from what *manifest* holds."""
        for worker in chest.workers(manifest):
            if isinstance(worker, Remark):
                self._remarks.append(worker)
                continue
            if worker.unknown:
                text = "the image of the worker pods is not judged: it comes from outside of the input"
                self._remarks.append(Remark(worker.entry.place(), text, usable=True))
            namespace = worker.settings.namespace
            yield made(worker, (namespace.value if namespace is not None else None) or manifest.namespace)


def _fits(role: Role, manifest: Manifest) -> bool:
    known = (manifest.group, manifest.kind) in TEMPLATES
    return manifest.kind == "Pod" or role.fits(manifest.kind) or (not known and role.kinds is None)


def _reviewed(manifest: Manifest) -> Iterator[Seen]:
    request = decode(msgspec.json.encode(manifest.node.value))
    asked = manifest.node.children.get("request")
    root = asked.children.get("object") if asked is not None else None
    if root is not None and request.workload is not None:
        path = TEMPLATES.get((request.api_version.rpartition("/")[0], request.kind), ())
        yield Seen(request, root.value, manifest, root, path)
