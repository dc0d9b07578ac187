"""Which revision of the source an image was built from: its `org.opencontainers.image.revision` label, per platform."""

import ssl
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from webhook.pods.image import Image
from webhook.registry.client import INDEXES, MANIFESTS, RegistryError, Repository, is_digest
from webhook.registry.credentials import Login
from webhook.registry.hosts import Registry
from webhook.registry.wire import Wire

T = TypeVar("T")

LABEL = "org.opencontainers.image.revision"
SECONDS = 10.0  # for one image, all requests together
MOST_PLATFORMS = 16
_LONGEST = 256  # characters of a revision; a commit's id has 40 or 64

# What BuildKit adds beside the platforms: provenance and the like, which no node runs.
_ATTESTATION = "vnd.docker.reference.type"


class _Platform(msgspec.Struct, frozen=True):
    os: str = ""
    architecture: str = ""


class _Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    digest: str = ""
    media_type: str = ""
    platform: _Platform | None = None
    annotations: dict[str, str] | None = None


class _Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """An index or a manifest: which of them, the media type says."""

    media_type: str = ""
    manifests: list[_Descriptor] | None = None
    config: _Descriptor | None = None


class _Settings(msgspec.Struct, frozen=True):
    labels: dict[str, str] | None = msgspec.field(default=None, name="Labels")


class _Config(msgspec.Struct, frozen=True):
    config: _Settings | None = None


class Revision(msgspec.Struct, frozen=True):
    """What a registry says of one image."""

    digest: str  # of the index, or of the only manifest
    revisions: tuple[str, ...]  # without repetition, sorted; "" for a platform whose image has no such label
    platforms: tuple[str, ...] = ()  # the digests of an index's manifests; empty for a single manifest


class Registries:
    """Asks the registries that are *allowed* for revisions; raises RegistryError where they do not say them."""

    def __init__(
        self,
        allowed: Mapping[str, Registry],
        logins: Callable[[], Mapping[str, Login]] = dict,
        *,
        wire: Wire | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._allowed = allowed
        self._logins = logins
        self._wire = wire or Wire(ssl.create_default_context())
        self._clock = clock

    def revision(self, image: Image) -> Revision:
        """Ask the registry of *image* what it was built from."""
        registry = self._allowed.get(image.domain)
        if registry is None:
            raise RegistryError(f"{image.domain or image.path} is not among the registries that airlock may ask")
        until = self._clock() + SECONDS
        repository = Repository(self._wire, registry, image, self._logins().get(registry.name))
        digest, body = repository.manifest(image.digest or image.effective_tag)
        top = _decoded(body, registry, _Manifest)
        if top.media_type not in INDEXES and top.manifests is None:
            return Revision(digest, (_of(repository, registry, top),))
        members = [one for one in top.manifests or () if _is_run(one)]
        if not members:
            raise RegistryError(f"{registry.name} names no platform of this image")
        if len(members) > MOST_PLATFORMS:
            raise RegistryError(f"{registry.name} names {len(members)} platforms, more than {MOST_PLATFORMS}")
        found: set[str] = set()
        for member in members:
            if self._clock() > until:
                raise RegistryError(f"{registry.name} has not said all within {SECONDS:g} s")
            _, below = repository.manifest(_checked(member, registry))
            found.add(_of(repository, registry, _decoded(below, registry, _Manifest)))
        return Revision(digest, tuple(sorted(found)), tuple(sorted({member.digest for member in members})))


def _of(repository: Repository, registry: Registry, manifest: _Manifest) -> str:
    if manifest.config is None or (manifest.media_type and manifest.media_type not in MANIFESTS):
        raise RegistryError(f"{registry.name} has a manifest of a kind that airlock does not read")
    config = _decoded(repository.blob(manifest.config.digest), registry, _Config)
    revision = ((config.config or _Settings()).labels or {}).get(LABEL, "")
    if len(revision) > _LONGEST:
        raise RegistryError(f"{registry.name} has an image whose revision has more than {_LONGEST} characters")
    return revision


def _checked(member: _Descriptor, registry: Registry) -> str:
    if not is_digest(member.digest):
        raise RegistryError(f"{registry.name} has an index with a manifest that is not named by its digest")
    return member.digest


def _is_run(member: _Descriptor) -> bool:
    platform = member.platform or _Platform()
    return _ATTESTATION not in (member.annotations or {}) and platform.os != "unknown"


def _decoded(body: bytes, registry: Registry, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RegistryError(f"{registry.name} sends what is no manifest of an image") from None
