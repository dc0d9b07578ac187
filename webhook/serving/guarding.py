"""Which ConfigMaps hold documents, whose edits `/guard` judges."""

from webhook.admission.guard import Guarded, Guards
from webhook.documents.accepted import KEYS
from webhook.documents.policy import read_policy
from webhook.documents.release import read_release
from webhook.documents.required_env import read_manifest
from webhook.serving.options import ServiceOptions
from webhook.sources.name import ConfigMapName


def guards_of(options: ServiceOptions) -> Guards:
    """Return the documents of *options* that lie in ConfigMaps."""
    found: dict[tuple[str, str], tuple[Guarded, ...]] = {}
    for name, src, read in (
        ("policy", options.policy, read_policy),
        ("required-env", options.required_env, read_manifest),
        ("release", options.release, read_release),
    ):
        if isinstance(src, ConfigMapName):
            place = (src.namespace, src.name)
            found[place] = (*found.get(place, ()), Guarded(name, KEYS[name], read))
    return found
