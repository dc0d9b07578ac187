"""Tries ConfigMaps that airlock may not read again when a pod needs them; the answer to that pod does not wait."""

from collections.abc import Callable

from webhook.documents.required_env import RequiredEnv
from webhook.judge.decision import Decision
from webhook.sources.lookup import Lookup


class Asking:
    """An observer of decisions: hears of pods that need a ConfigMap of the manifest's `from`."""

    def __init__(self, manifest: Callable[[], RequiredEnv | None], lookup: Lookup) -> None:
        self._manifest = manifest
        self._lookup = lookup

    def observe(self, decision: Decision) -> None:
        """Try again what the new pod of *decision* needs and airlock may not read, each at most once a minute."""
        if decision.component is None or decision.operation != "CREATE" or decision.regarding.kind != "Pod":
            return
        forbidden, manifest = self._lookup.forbidden, self._manifest()
        if forbidden and manifest is not None:
            needed = manifest.sources_of(decision.component, decision.regarding.namespace)
            self._lookup.ask(forbidden & needed)
