"""The schedulers of the input, whose variables are settings, and other workloads that show an Airflow's image."""

import msgspec

from webhook.grammar.yamlnode import Node
from webhook.manifests import shape
from webhook.manifests.objects import Manifest, mapping, texts
from webhook.pods.airflow import Chart, Component, Row
from webhook.pods.charts import is_rendered, is_rendered_from
from webhook.pods.claim import claim
from webhook.pods.fleet import LEADERS
from webhook.pods.image import ImageError, parse
from webhook.pods.workload import Container, PodSpec

Name = tuple[str, str]  # kind and name: ("ConfigMap", "airflow-config")


class Leader(msgspec.Struct, frozen=True):
    """A workload whose image is that of its Airflow; in a scheduler the executor runs."""

    manifest: Manifest
    component: Component
    container: Node  # the component's own
    image: str
    chart: Chart
    mounts: frozenset[Name]  # ConfigMaps and Secrets

    @property
    def mounts_config(self) -> bool:
        """Whether it has its airflow.cfg from a volume."""
        mounts = mapping(self.container.value).get("volumeMounts")
        paths = (mapping(one).get("mountPath") for one in (mounts if isinstance(mounts, list) else ()))
        return any(isinstance(path, str) and path.endswith("/airflow.cfg") for path in paths)

    @property
    def repository(self) -> str:
        """That of its image; "" where there is none to read."""
        try:
            return parse(self.image).repository
        except ImageError:
            return ""


class Images(msgspec.Struct, frozen=True):
    """What an Airflow runs, as far as the input says."""

    repositories: frozenset[str] = frozenset()
    scheduler: str = ""  # the image of its scheduler
    chart: str = ""  # that made it, for pods that are surely of its release


NO_IMAGES = Images()


def leaders(manifest: Manifest, rows: tuple[Row, ...]) -> list[Leader]:
    """Return the schedulers, servers and DAG processors that *manifest* makes, by its pod templates."""
    nodes = (shape.at(manifest.node, path) for path in shape.templates(manifest))
    found = (_leader(manifest, node, rows) for node in nodes if node is not None)
    return [one for one in found if one is not None]


def _leader(manifest: Manifest, node: Node, rows: tuple[Row, ...]) -> Leader | None:
    labels = mapping(mapping(mapping(node.value).get("metadata")).get("labels"))
    spec = node.children.get("spec")
    containers = spec.children.get("containers") if spec is not None else None
    if spec is None or containers is None:
        return None
    nodes = list(containers.children.values())
    given = PodSpec([Container(str(mapping(one.value).get("name"))) for one in nodes])
    rendered = is_rendered_from(manifest.template) or is_rendered(texts(manifest.labels))
    role = claim(texts(labels), given, rows, rendered=rendered).role
    if role is None or role.component not in LEADERS:
        return None
    own = [one for one in nodes if mapping(one.value).get("name") == role.main]
    container = next(iter(own or nodes), None)
    if container is None:
        return None
    image = mapping(container.value).get("image")
    text = image if isinstance(image, str) else ""
    return Leader(manifest, role.component, container, text, role.chart, frozenset(_mounts(spec)))


def _mounts(spec: Node) -> set[Name]:
    volumes = mapping(spec.value).get("volumes")
    found: set[Name] = set()
    for volume in volumes if isinstance(volumes, list) else ():
        projected = mapping(mapping(volume).get("projected")).get("sources")
        for source in (volume, *(projected if isinstance(projected, list) else ())):
            for kind, field, name in (("ConfigMap", "configMap", "name"), ("Secret", "secret", "secretName"),
                                      ("Secret", "secret", "name")):  # fmt: skip
                if isinstance(value := mapping(mapping(source).get(field)).get(name), str):
                    found.add((kind, value))
    return found
