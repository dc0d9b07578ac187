"""Annotations that say what airlock did to a pod: a hint for people, never believed against the spec."""

import re

from webhook.pods.workload import Metadata

INJECTED, PINNED = "airlock/injected", "airlock/pinned"

_NAME = re.compile(r"[-._a-zA-Z0-9]{1,253}")


def marked(metadata: Metadata, key: str) -> tuple[str, ...]:
    """Return the names under *key*, sorted; leave out anything that is not a name."""
    text = (metadata.annotations or {}).get(key, "")
    if not text:
        return ()
    return tuple(sorted({name for name in text.split(",") if _NAME.fullmatch(name)}))
