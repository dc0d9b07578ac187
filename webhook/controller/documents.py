"""The accepted documents: policy and manifest as they were when they were last good, kept for replicas that start."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass

from webhook.accepted import KEYS, Accepted, read_accepted, write_accepted
from webhook.controller.api import FIELD_MANAGER, Api, Written
from webhook.documents.document import DocumentError
from webhook.documents.manifest import read_manifest
from webhook.documents.policy import Policy, read_policy
from webhook.sources.configmap import ConfigMapWatch, Connection, Present, State
from webhook.sources.source import ConfigMapName, Reload, Source

READERS: Mapping[str, Callable[[str], object]] = {"policy": read_policy, "required-env": read_manifest}


@dataclass(frozen=True, slots=True)
class Read:
    """A good document: its text, and what it says."""

    text: str
    value: object


class Document:
    """One of the documents, watched in its ConfigMap."""

    def __init__(
        self, name: str, place: ConfigMapName, connection: Connection, changed: Callable[[Reload], None]
    ) -> None:
        self.name = name
        self.place = place
        self.uid = ""
        self.source: Source[Read] = Source(name, self._read, changed)
        self._watch = ConfigMapWatch(connection, place.namespace, place.name, self._hear, seen=self.source.seen)
        self.start, self.stop = self._watch.start, self._watch.stop

    @property
    def accepted(self) -> Accepted | None:
        """What was last found good; None until something was."""
        held = self.source.value
        return None if held is None else Accepted(self.name, held.text, self.source.revision)

    def _read(self, text: str) -> Read:
        return Read(text, READERS[self.name](text))

    def _hear(self, state: State) -> None:
        self.uid = state.uid if isinstance(state, Present) else self.uid
        self.source.take(state.known, KEYS[self.name], "" if isinstance(state, Present) else state.why)


class Keeper:
    """Writes what is accepted into *place*, a ConfigMap in airlock's namespace."""

    def __init__(self, api: Api, place: ConfigMapName, documents: tuple[Document, ...]) -> None:
        self._api = api
        self._place = place
        self._documents = documents
        self._data: Mapping[str, str] = {}

    def keep(self) -> Written | None:
        """Write what was accepted since; None when that is there already. Raises OSError."""
        path = f"/api/v1/namespaces/{self._place.namespace}/configmaps"
        present = self._api.get(f"{path}/{self._place.name}")
        self._data = (present or {}).get("data") or {}
        wanted = write_accepted([document.accepted for document in self._documents if document.accepted is not None])
        if wanted.items() <= self._data.items():
            return None
        data = {**self._data, **wanted}
        if present is None:
            metadata = {"name": self._place.name, "labels": {"app.kubernetes.io/managed-by": FIELD_MANAGER}}
            return self._api.create(path, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        body = deepcopy(present)
        body["data"] = data
        body["metadata"].pop("managedFields", None)
        return self._api.replace(f"{path}/{self._place.name}", body)

    @property
    def policy(self) -> Policy | None:
        """The policy that replicas go by: the last good one, if need be that of an earlier life of this process."""
        for document in self._documents:
            if document.source.value is not None and isinstance(document.source.value.value, Policy):
                return document.source.value.value
        try:
            return read_policy(read_accepted(self._data, "policy") or "")
        except DocumentError:
            return None
