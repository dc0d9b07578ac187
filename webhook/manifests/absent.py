"""The note that new worker pods are not judged, where nobody gave the pod template that their executor uses."""

from collections.abc import Iterable, Iterator

from webhook.manifests import kin
from webhook.manifests.hidden import Chest, is_file
from webhook.manifests.outcome import Remark
from webhook.manifests.settings import Settings
from webhook.manifests.trial import Seen
from webhook.manifests.worker import Worker

_EXECUTOR = "Kubernetes"  # in the names of executors that make pods: of others nobody knows


def absent(chest: Chest, found: Iterable[Seen]) -> Iterator[Remark]:
    """Yield a remark on each scheduler in *chest* whose KubernetesExecutor has no pod template among *found*."""
    workers = [one for one in found if isinstance(one.fields, Worker)]
    for scheduler, known, lacks in chest.schedulers():
        manifest, text = scheduler.manifest, _text(known, lacks)
        near = (one for one in workers if one.manifest.namespace == manifest.namespace or is_file(one.manifest))
        if text and not kin.related(near, manifest):
            yield Remark(manifest.place, text, usable=True)


def _text(known: Settings, lacks: tuple[str, ...]) -> str:
    """Return why worker pods of a scheduler with *known* are not judged; "" where it makes none, as far as is known."""
    executor = known.executor
    if executor is None or executor.value is None:
        where = ", ".join(lacks) if executor is None else f"what {executor.source} refers to"
        text = f"its executor is not known, because {where} was not among what was read"
        return f"{text}: if it makes worker pods, they are not judged" if where else ""
    if _EXECUTOR not in executor.value or not known.teams:
        return ""
    path = known.template.value if known.template is not None else None
    where = f" ({path})" if path else ""
    text = f"the pod template of its executor{where} was not among what was read, so that new worker pods are not"
    return f"{text} judged; if it lies in the image or on a volume, check a copy of it"
