"""Builds the worker pod as the KubernetesExecutor does, from its template and settings.

The image of the first container is `worker_container_repository:worker_container_tag` when both are set, whatever the
template says: a digest there is dropped, and the pull policy there stays. The container becomes `base`, and the
provider's labels come on top (apache-airflow-providers-cncf-kubernetes: kube_config.py, pod_generator.py
construct_pod; apache/airflow#58625).
"""

from typing import Any

import msgspec

from webhook.grammar.yamlnode import Node
from webhook.manifests.data import Entry
from webhook.manifests.leader import NO_IMAGES, Images
from webhook.manifests.objects import mapping, texts
from webhook.manifests.outcome import Related
from webhook.manifests.place import Place, line_of
from webhook.manifests.settings import Settings
from webhook.pods.provenance import Provenance, is_astronomers, under, version

IMAGE = "spec.containers[0].image"
_POLICY = "spec.containers[0].imagePullPolicy"
_LABELS = {"kubernetes_executor": "True"}  # of the provider's labels the one that says whose the pod is


class Worker(msgspec.Struct, frozen=True):
    """A worker pod, and what its parts come from."""

    pod: dict[str, Any]
    entry: Entry  # the template
    root: Node  # of the template's own text
    settings: Settings
    composed: bool  # whether the image is that of the settings
    images: Images = NO_IMAGES  # of the scheduler that makes it, when that is in the input

    @property
    def unknown(self) -> bool:
        """Whether the image comes from something that is not in the input."""
        return any(
            setting is not None and setting.value is None for setting in (self.settings.repository, self.settings.tag)
        )

    @property
    def provenance(self) -> Provenance:
        """Where its image comes from."""
        images = self.images
        tag = self.settings.tag if self.composed else None
        variable = tag.variable if tag is not None else ""
        template = self.entry.manifest.template
        made = version(texts(self.entry.manifest.labels))
        return Provenance(
            under(template), self.composed, variable, images.scheduler, images.chart, made, is_astronomers(template)
        )

    def place(self, path: str) -> Place:
        """Return where the field *path* of the pod comes from."""
        tag = self.settings.tag
        if path == IMAGE and self.composed and tag is not None:
            return tag.place
        return self.entry.place(line_of(self.root, path))

    def related(self, path: str) -> tuple[Related, ...]:
        """Return what else decides about the field *path* of the pod."""
        repository, tag = self.settings.repository, self.settings.tag
        if path != IMAGE or not self.composed or repository is None or tag is None:
            return ()
        policy = self.entry.place(line_of(self.root, _POLICY))
        return (
            Related(repository.place, f"{repository.source} is the other half of the image"),
            Related(policy, f"imagePullPolicy of the template {self.entry.key}"),
        )


def compose(entry: Entry, root: Node, settings: Settings, images: Images = NO_IMAGES) -> Worker:
    """Return the worker pod that the executor makes from the template *root*, the text of *entry*."""
    template = mapping(root.value)
    metadata, spec = mapping(template.get("metadata")), mapping(template.get("spec"))
    containers = spec.get("containers")
    first, *others = containers if isinstance(containers, list) and containers else [{}]
    image = _image(settings)
    own = {**mapping(first), "name": "base"}
    if image is not None:
        own["image"] = image
    pod = {
        **template,
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, "labels": {**mapping(metadata.get("labels")), **_LABELS}},
        "spec": {**spec, "containers": [own, *others]},
    }
    return Worker(pod, entry, root, settings, image is not None, images)


def _image(settings: Settings) -> str | None:
    """Return the image that *settings* give, "" when it cannot be known, None when the template's stays."""
    repository, tag = settings.repository, settings.tag
    if repository is None or tag is None or "" in (repository.value, tag.value):
        return None
    if repository.value is None or tag.value is None:
        return ""
    return f"{repository.value}:{tag.value}"
