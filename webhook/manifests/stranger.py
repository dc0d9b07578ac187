"""The note on a workload that looks like Airflow but matches no row: why, and the row to add to the policy."""

from collections.abc import Mapping
from typing import Any

import yaml

from webhook.grammar.yamlnode import Node
from webhook.manifests import shape
from webhook.manifests.hidden import Chest
from webhook.manifests.objects import Manifest, mapping, texts
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods.airflow import OWNERS
from webhook.pods.live import LivePod
from webhook.pods.lookalike import Likeness, Traits, likeness, traits

_WIDE = 1 << 16
# Labels that change with each release or rollout, or that every object of an installation has.
_PASSING = frozenset(
    {
        "pod-template-hash", "controller-revision-hash", "chart", "heritage", "version", "helm.sh/chart", "date",
        "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "kustomize.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/namespace", "argocd.argoproj.io/instance",
    }
)  # fmt: skip
_FROM = {"configMapRef": "ConfigMap", "secretRef": "Secret"}


def stranger(manifest: Manifest, path: shape.Path, chest: Chest) -> Remark | None:
    """Return the note on what *manifest* makes from the template at *path*; None when it looks like no Airflow."""
    template = shape.at(manifest.node, path)
    pod = mapping(template.value if template is not None else None)
    spec = mapping(pod.get("spec"))
    labels = labels_of(manifest, path)
    containers = spec.get("containers")
    seen = [_traits(one, manifest, chest) for one in (containers if isinstance(containers, list) else [])]
    bare = manifest.kind == "Pod" and not mapping(manifest.node.value.get("metadata")).get("ownerReferences")
    like = likeness(seen, (manifest.name, *labels.values()), bare=bare)
    if like is None:
        return None
    place = manifest.place
    if not any(one.image for one in seen):
        return Remark(place, "looks like a patch of an Airflow workload: it names no image; check what kustomize build"
                             " prints of its folder", usable=True, note=True)  # fmt: skip
    selector = texts(mapping(mapping(manifest.node.value.get("spec")).get("selector")).get("matchLabels"))
    return Remark(place, told(like, manifest.kind, _chosen(labels, selector)), usable=True, note=True)


def labels_of(manifest: Manifest, path: shape.Path) -> dict[str, str]:
    """Return the labels of the pods that *manifest* makes from the template at *path*."""
    template = shape.at(manifest.node, path)
    return texts(mapping(mapping(template.value if template is not None else None).get("metadata")).get("labels"))


def running_stranger(pod: LivePod, kind: str, name: str, commands: Mapping[str, tuple[str, ...]]) -> Remark | None:
    """Return the note on *pod*, which runs, as part of the *kind* called *name*; None when it looks like no Airflow.

    *commands* are the words of its containers, by name.
    """
    labels = dict(pod.labels)
    like = likeness(traits(pod.workload, commands), (name, *labels.values()), bare=kind == "Pod")
    if like is None:
        return None
    return Remark(
        Place(f"{pod.namespace}/{kind}/{name}", 0), told(like, kind, _chosen(labels, {})), usable=True, note=True
    )


def told(like: Likeness, kind: str, labels: dict[str, str]) -> str:
    """Return the words of a note: why a workload of *kind* with *labels* looks like Airflow, and the row for it."""
    first = f"{kind} looks like Airflow ({', '.join(like.why)}), and no row knows its labels: it is not judged"
    if not labels:
        return f"{first}; give its pod template a label, and add a row with it under components in the policy"
    return f"{first}; if it is Airflow, add under components in the policy: - {row(like, kind, labels)}"


def row(like: Likeness, kind: str, labels: dict[str, str]) -> str:
    """Return the entry of `components` that knows *labels*, in one line of YAML."""
    entry: dict[str, Any] = {"component": str(like.component), "labels": labels, "container": like.container}
    owners = OWNERS.get(like.component)
    if owners is not None and kind not in owners and kind != "Pod":
        entry["kinds"] = [kind]
    text: str = yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=_WIDE)
    return text.strip()


def _chosen(labels: dict[str, str], selector: dict[str, str]) -> dict[str, str]:
    """Return the labels that tell these pods from others: those that the object itself selects by, if it says so."""
    chosen = {key: value for key, value in selector.items() if labels.get(key) == value}
    return {key: value for key, value in (chosen or labels).items() if key not in _PASSING and value}


def _traits(value: Any, manifest: Manifest, chest: Chest) -> Traits:  # noqa: ANN401 - JSON
    container = mapping(value)
    words = [word for field in ("command", "args") for word in _list(container.get(field)) if isinstance(word, str)]
    names = [str(mapping(one).get("name")) for one in _list(container.get("env"))]
    for source in _list(container.get("envFrom")):
        prefix = str(mapping(source).get("prefix") or "")
        for field, kind in _FROM.items():
            if name := mapping(mapping(source).get(field)).get("name"):
                names += [f"{prefix}{key}" for key in chest.keys(manifest.namespace, kind, str(name))]
    image = container.get("image")
    return Traits(str(container.get("name") or ""), image if isinstance(image, str) else "", tuple(names), tuple(words))


def _list(value: Any) -> list[Any]:  # noqa: ANN401 - JSON
    return value if isinstance(value, list) else []


def mentions(node: Node, word: str) -> bool:
    """Return whether *word* stands in any key or text of *node*."""
    pending = [node]
    while pending:
        one = pending.pop()
        if isinstance(one.value, str) and word in one.value.lower():
            return True
        if any(word in str(key).lower() for key in one.children):
            return True
        pending.extend(one.children.values())
    return False
