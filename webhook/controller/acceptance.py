"""Stores the accepted documents, the last good policy and manifest, for replicas that start later."""

from collections.abc import Callable, Mapping

import msgspec

from webhook.controller.api import Api, MissingError, Written, filled
from webhook.documents.accepted import KEYS, Accepted, read_accepted, write_accepted
from webhook.documents.policy import DEFAULT, Policy, read_policy
from webhook.documents.release import NONE, Release, read_release
from webhook.documents.required_env import EMPTY, RequiredEnv, read_manifest
from webhook.grammar.model import DocumentError
from webhook.sources.configmap import ConfigMapWatch, Connection, Present, State
from webhook.sources.name import ConfigMapName
from webhook.sources.source import Reload, Source

READERS: Mapping[str, Callable[[str], object]] = {
    "policy": read_policy,
    "required-env": read_manifest,
    "release": read_release,
}
BUILT_IN: Mapping[str, object] = {"policy": DEFAULT, "required-env": EMPTY, "release": NONE}  # where no place is named
OPTIONAL = frozenset({"release"})  # documents that an installation may not have


class Read(msgspec.Struct, frozen=True):
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
        absent = Read("", BUILT_IN[name]) if name in OPTIONAL else None
        self.source: Source[Read] = Source(name, self._read, changed, absent=absent)
        self._watch = ConfigMapWatch(connection, place.namespace, place.name, self._hear, seen=self.source.seen)
        self.start, self.stop = self._watch.start, self._watch.stop

    @property
    def accepted(self) -> Accepted | None:
        """What was last found good; None until something was."""
        held = self.source.value
        if held is None or not held.text:
            return None
        return Accepted(self.name, held.text, self.source.revision)

    def _read(self, text: str) -> Read:
        return Read(text, READERS[self.name](text))

    def _hear(self, state: State) -> None:
        self.uid = state.uid if isinstance(state, Present) else self.uid
        self.source.take(state.known, KEYS[self.name], "" if isinstance(state, Present) else state.why)


class Standing(msgspec.Struct, frozen=True):
    """The documents by which replicas judge, and what they are called."""

    policy: Policy
    manifest: RequiredEnv
    release: Release
    policy_name: str
    manifest_name: str


class Keeper:
    """Knows what is in force, and writes what is accepted into *place*, a ConfigMap in airlock's namespace, if any."""

    def __init__(self, api: Api, place: ConfigMapName | None, documents: tuple[Document, ...]) -> None:
        self._api = api
        self._place = place
        self._documents = documents
        self._data: Mapping[str, str] = {}

    def keep(self) -> Written | None:
        """Write what was accepted since; None when that is there already. Raises OSError."""
        if self._place is None:
            return None
        path = f"/api/v1/namespaces/{self._place.namespace}/configmaps/{self._place.name}"
        present = self._api.get(path)
        self._data = (present or {}).get("data") or {}
        wanted = write_accepted([document.accepted for document in self._documents if document.accepted is not None])
        if wanted.items() <= self._data.items():
            return None
        if present is None:
            raise MissingError(str(self._place))
        return self._api.replace(path, filled(present, {**self._data, **wanted}))

    @property
    def policy(self) -> Policy | None:
        """The policy that replicas use: the last good one, if necessary from an earlier life of this process."""
        found = self._in_force("policy")
        return found[0] if found is not None and isinstance(found[0], Policy) else None

    @property
    def standing(self) -> Standing | None:
        """All documents that replicas use; None while one of them is not known."""
        policy, manifest = self._in_force("policy"), self._in_force("required-env")
        release = self._in_force("release")
        if policy is None or manifest is None or release is None:
            return None
        if not isinstance(policy[0], Policy) or not isinstance(manifest[0], RequiredEnv):
            return None
        if not isinstance(release[0], Release):
            return None
        return Standing(policy[0], manifest[0], release[0], policy[1], manifest[1])

    def _in_force(self, name: str) -> tuple[object, str] | None:
        """Return the document *name* and what it is called; None when none is known to be in force."""
        document = next((each for each in self._documents if each.name == name), None)
        if document is None:
            return BUILT_IN[name], f"the built-in {name}"
        if (held := document.source.value) is not None:
            return held.value, f"{document.place}, revision {document.source.revision}"
        text = read_accepted(self._data, name)
        try:
            return None if text is None else (READERS[name](text), f"{self._place}")
        except DocumentError:
            return None
