"""airlock's Namespace as the owner of the registration: deleting the Namespace then deletes both."""

from collections.abc import Iterable

import structlog

from webhook.controller.api import Api, ApiError
from webhook.controller.configurations import Configuration

log = structlog.stdlib.get_logger("airlock.controller")


class Ownership:
    """Makes the Namespace *name* the owner of webhook configurations that call airlock."""

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._name = name
        self._refused = ""

    @property
    def lines(self) -> tuple[str, ...]:
        """What the API server refused. Some clusters want the right to delete for this, which airlock does not have."""
        return (f"ownership: {self._refused}",) if self._refused else ()

    def look(self, configurations: Iterable[Configuration]) -> None:
        """Adopt those of *configurations* that have no owner yet; raises OSError when the Namespace cannot be read."""
        namespace = self._api.get(f"/api/v1/namespaces/{self._name}")
        if namespace is None or namespace["metadata"].get("deletionTimestamp"):
            return
        refused = ""
        for configuration in configurations:
            operations = configuration.adopt(self._name, namespace["metadata"]["uid"]) if configuration.entries else []
            try:
                if operations:
                    outcome = self._api.patch(configuration.path, configuration.version, operations)
                    log.info("ownership", configuration=str(configuration), outcome=outcome.value)
            except ApiError as error:
                refused = str(error)
        if refused and refused != self._refused:
            log.warning("the registration has no owner: it stays when the namespace is deleted", why=refused)
        self._refused = refused
