"""The operations that write down in a pod's annotations what airlock did to it."""

from collections.abc import Iterable, Mapping

from webhook.pods.marks import marked
from webhook.pods.workload import Metadata
from webhook.variables.patch import Operation, add, pointer

_MOST_BYTES = 262_144  # of all annotations of an object (apimachinery, ValidateAnnotationsSize)


def marks(metadata: Metadata, names: Mapping[str, Iterable[str]]) -> list[Operation]:
    """Return the operations that add *names*, by key, to the annotations of a Pod, beside those that are there.

    None that would make the annotations longer than the API server takes: it would refuse the pod.
    """
    before = metadata.annotations or {}
    after = dict(before)
    for key, given in names.items():
        if union := ",".join(sorted({*given, *marked(metadata, key)})):
            trial = {**after, key: union}
            after = trial if _size(trial) <= _MOST_BYTES else after
    changed = {key: value for key, value in after.items() if before.get(key) != value}
    if changed and metadata.annotations is None:
        return [add(pointer("metadata", "annotations"), changed)]
    return [add(pointer("metadata", "annotations", key), value) for key, value in changed.items()]


def _size(annotations: dict[str, str]) -> int:
    return sum(len(f"{key}{value}".encode(errors="surrogatepass")) for key, value in annotations.items())
