"""The note that new worker pods are not judged, where nobody gave the pod template that their executor uses."""

from collections.abc import Iterable, Iterator

from webhook.manifests import kin
from webhook.manifests.hidden import Chest, is_file
from webhook.manifests.outcome import Remark
from webhook.manifests.trial import Seen
from webhook.manifests.worker import Worker

_EXECUTOR = "Kubernetes"  # in the names of executors that make pods: of others nobody knows


def absent(chest: Chest, found: Iterable[Seen]) -> Iterator[Remark]:
    """Yield a remark on each scheduler in *chest* whose KubernetesExecutor has no pod template among *found*."""
    workers = [one for one in found if isinstance(one.fields, Worker)]
    for scheduler, known in chest.schedulers():
        manifest, executor = scheduler.manifest, known.executor
        if executor is None or _EXECUTOR not in (executor.value or "") or not known.teams:
            continue
        near = (one for one in workers if one.manifest.namespace == manifest.namespace or is_file(one.manifest))
        if kin.related(near, manifest):
            continue
        path = known.template.value if known.template is not None else None
        where = f" ({path})" if path else ""
        text = f"the pod template of its executor{where} was not among what was read, so that new worker pods are not"
        yield Remark(
            manifest.place, f"{text} judged; if it lies in the image or on a volume, check a copy of it", usable=True
        )
