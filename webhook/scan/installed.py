"""Reads the documents that an installation uses from where it keeps them, and what the manifest's `from` names."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Generic, TypeVar

import msgspec
from msgspec.structs import replace

from webhook.documents.accepted import KEYS, read_accepted
from webhook.documents.policy import DEFAULT, Policy, read_policy
from webhook.documents.release import NONE, Release, read_release
from webhook.documents.required_env import EMPTY, RequiredEnv, read_manifest
from webhook.grammar.model import DocumentError, revision
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods import skim
from webhook.pods.observed import NOTHING, Observed, read_origins
from webhook.scan.pages import ListError
from webhook.scan.supply import CONFIG_MAPS, Supply
from webhook.variables.known import Absence

NAMESPACE = "airlock"  # where an installation is looked for when no registration says where it is
ACCEPTED = "airlock-accepted"
PINS = "airlock-pins"

T = TypeVar("T")


class Kind(msgspec.Struct, Generic[T], frozen=True):
    """A kind of document: where an installation has it, how it is read, and what stands in for it."""

    name: str  # as in `webhook.documents.accepted.KEYS`
    config_map: str
    read: Callable[[str | bytes], T]
    default: T
    words: str  # for *default*
    instead: str  # what it means to judge by *default*
    optional: bool = False  # whether an installation may well have none


POLICY: Kind[Policy] = Kind(
    "policy", "airlock-policy", read_policy, DEFAULT, "the built-in policy", "judged by the built-in policy"
)
REQUIRED_ENV: Kind[RequiredEnv] = Kind(
    "required-env", "airlock-required-env", read_manifest, EMPTY, "none", "no variables are required"
)

RELEASE: Kind[Release] = Kind(
    "release", "airlock-release", read_release, NONE, "none", "images are not compared with a release", optional=True
)


class Given(msgspec.Struct, Generic[T], frozen=True):
    """A document, and its name in words; *warning* says why it may not be the one in force."""

    value: T
    words: str
    warning: str = ""
    revision: str = ""  # of the ConfigMap's present text, when that is good
    unread: bool = False  # whether the caller may not read it


class _ConfigMap(msgspec.Struct, frozen=True):
    data: dict[str, str] | None = None


def installed(supply: Supply, kind: Kind[T], namespace: str, *, expected: bool | None) -> Given[T]:
    """Return the document of *kind* that the installation in *namespace* uses, else its replacement.

    *expected* is whether there is an installation, None when that is not known.
    """
    name = f"ConfigMap {namespace}/{kind.config_map}"
    try:
        data = _data(supply, namespace, kind.config_map)
    except ListError as error:
        if error.status is None:
            raise
        given = _instead(kind, f"{name} was not read", f"{name} was not read: {error}")
        return replace(given, unread=True)
    if data is None:
        why = f"there is no {name}"
        return _instead(kind, why, why if expected and not kind.optional else "")
    text = data.get(KEYS[kind.name])
    if text is None:
        why = f"{name} has no key {KEYS[kind.name]}"
        return _instead(kind, why, why)
    try:
        return Given(kind.read(text), f"{name}, revision {revision(text)}", revision=revision(text))
    except DocumentError as error:
        return _accepted(supply, kind, namespace, f"{name} is bad, {error.problems[0]}")


def _accepted(supply: Supply, kind: Kind[T], namespace: str, why: str) -> Given[T]:
    """Return the last good document, which replicas use while the current one is bad."""
    try:
        text = read_accepted(_data(supply, namespace, ACCEPTED) or {}, kind.name)
        if text is not None:
            words = f"ConfigMap {namespace}/{ACCEPTED}, revision {revision(text)}"
            return Given(kind.read(text), words, f"{why}; replicas use the last good one")
    except (ListError, DocumentError):
        pass
    return _instead(kind, why, why)


def _instead(kind: Kind[T], short: str, why: str) -> Given[T]:
    return Given(kind.default, f"{kind.words} ({short})", f"{kind.instead}: {why}" if why else "")


def _data(supply: Supply, namespace: str, name: str) -> Mapping[str, str] | None:
    """Return the data of a ConfigMap; None when there is none. Raises ListError."""
    raw = supply.item(CONFIG_MAPS, namespace, name)
    if raw is None:
        return None
    try:
        return skim.of_type(raw, _ConfigMap).data or {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ListError("it cannot be read", 0) from error


def read_seen(supply: Supply, namespace: str) -> Observed:
    """Return what the controller of the installation in *namespace* has written down of registries, as far as it shows.

    What cannot be read is unknown: rules that would use it say so.
    """
    try:
        data = _data(supply, namespace, PINS) or {}
    except ListError:
        return NOTHING
    return Observed(read_origins(data.get("revisions.json", "")))


class Sources(msgspec.Struct, frozen=True):
    """A required-env manifest with what its `from` names."""

    required: RequiredEnv  # without the variables whose source could not be seen
    config_maps: Mapping[tuple[str, str], Mapping[str, str] | Absence]
    remarks: tuple[Remark, ...]  # on those variables
    unseen: Mapping[tuple[str, str], str] = msgspec.field(default_factory=dict)  # why a ConfigMap was not read
    refused: frozenset[tuple[str, str]] = frozenset()  # those of them that the API server does not let the caller read


def read_sources(supply: Supply, required: RequiredEnv) -> Sources:
    """Return *required* with the ConfigMaps that it names, as far as they may be read.

    airlock itself can often read what the user cannot: such a variable is left out, and never reported as missing.
    """
    found: dict[tuple[str, str], Mapping[str, str] | Absence] = {}
    unseen: dict[tuple[str, str], str] = {}
    refused: set[tuple[str, str]] = set()
    for namespace, name in sorted(required.sources):
        try:
            data = _data(supply, namespace, name)
        except ListError as error:
            unseen[namespace, name] = str(error)
            refused |= {(namespace, name)} if error.status == HTTPStatus.FORBIDDEN else set()
        else:
            found[namespace, name] = Absence.MISSING if data is None else data
    kept, remarks = [], []
    for variable in required.env:
        source = variable.source
        why = unseen.get((source.namespace, source.name)) if source is not None else None
        if source is None or why is None:
            kept.append(variable)
            continue
        text = f"{variable.name} is not looked at: ConfigMap {source.namespace}/{source.name} was not read: {why}"
        remarks.append(Remark(Place("required-env", 0), text, usable=True))
    return Sources(required.model_copy(update={"env": tuple(kept)}), found, tuple(remarks), unseen, frozenset(refused))
