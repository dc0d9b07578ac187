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
    changed: dict[str, str] = {}
    for key, given in names.items():
        union = ",".join(sorted({*given, *marked(metadata, key)}))
        if union != before.get(key, "") and _size({**before, **changed, key: union}) <= _MOST_BYTES:
            changed[key] = union
    if changed and metadata.annotations is None:
        return [add("/metadata/annotations", changed)]
    return [add(pointer("metadata", "annotations", key), value) for key, value in changed.items()]


def _size(annotations: Mapping[str, str]) -> int:
    return len("".join([*annotations, *annotations.values()]).encode(errors="surrogatepass"))
