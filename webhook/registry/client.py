"""What a registry says of one repository: its challenge met, its redirects refused, its digests verified."""

import hashlib
import re
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote as escape
from urllib.parse import urljoin, urlsplit

import msgspec

from webhook.pods.image import Image
from webhook.pods.text import printable, quote
from webhook.registry.challenge import Basic, RefusedError, read_challenges, shown
from webhook.registry.credentials import Login
from webhook.registry.hosts import Origin, Registry, origin_of
from webhook.registry.wire import Reply, Wire, WireError

MOST_BYTES = 4 << 20  # of all answers about one image; the specification has registries take manifests of that size
_TOKEN_BYTES = 64 << 10
_REDIRECTS = {301, 302, 303, 307, 308}
_HOPS = 3
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")

INDEXES = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
MANIFESTS = frozenset(
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)
_ACCEPT = ", ".join(sorted(INDEXES | MANIFESTS))


class RegistryError(OSError):
    """A registry does not say what it was asked; the text says why and is fit for a report."""


class AwayError(RegistryError):
    """A registry, or its token server, does not answer at all."""


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""


class Repository:
    """One repository of *registry*, asked for one image: its answers share one limit of bytes, its requests a token."""

    def __init__(self, wire: Wire, registry: Registry, image: Image, login: Login | None) -> None:
        self._wire = wire
        self._registry = registry
        self._path = image.path
        self._login = login
        self._authorization = ""  # for the registry itself, and for nobody else
        self._room = MOST_BYTES

    def manifest(self, reference: str) -> tuple[str, bytes]:
        """Return the digest and the bytes of the manifest or index under *reference*, a tag or a digest."""
        target = f"/v2/{self._path}/manifests/{escape(reference, safe=':')}"
        reply = self._get(target, {"Accept": _ACCEPT}, None)
        said = reply.headers.get("docker-content-digest", "")
        if is_digest(reference):
            return reference, self._verified(reply.body, reference)
        return (said, self._verified(reply.body, said)) if said else (_sha256(reply.body), reply.body)

    def blob(self, digest: str) -> bytes:
        """Return the blob *digest*."""
        if not is_digest(digest):
            raise RegistryError(f"{self._registry.name} names {quote(digest, 80)}, which is no digest")
        reply = self._get(f"/v2/{self._path}/blobs/{digest}", {}, self._registry.blobs)
        return self._verified(reply.body, digest)

    def _verified(self, body: bytes, digest: str) -> bytes:
        if not is_digest(digest):
            raise RegistryError(f"{self._registry.name} names {quote(digest, 80)}, which is no digest")
        algorithm, _, expected = digest.partition(":")
        if hashlib.new(algorithm, body).hexdigest() != expected:
            raise RegistryError(f"{self._registry.name} sends something else than {digest[:19]}...")
        return body

    def _get(self, target: str, headers: Mapping[str, str], elsewhere: frozenset[Origin] | None) -> Reply:
        """Return the good answer to *target*; redirects may lead to the registry itself and *elsewhere*.

        *elsewhere* is None for what no other server is asked for: manifests.
        """
        reply = self._asked(target, headers)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            self._authorize(reply)
            reply = self._asked(target, headers)
        origin = self._registry.origin
        for _ in range(_HOPS):
            if reply.status not in _REDIRECTS:
                break
            origin, target = self._followed(f"{origin}{target}", reply.headers.get("location", ""), origin, elsewhere)
            own = origin == self._registry.origin  # another server gets nothing that the registry was given
            reply = self._asked(target, headers) if own else self._sent(origin, target, {})
        if reply.status != HTTPStatus.OK:
            raise RegistryError(self._failed(reply.status))
        return reply

    def _followed(
        self, url: str, location: str, origin: Origin, elsewhere: frozenset[Origin] | None
    ) -> tuple[Origin, str]:
        """Return where the redirect from *url* at *origin* to *location* leads; raises RegistryError if it may not."""
        try:
            parts = urlsplit(urljoin(url, location))
            to = None if "@" in parts.netloc else origin_of(parts.scheme, parts.hostname, parts.port)
        except ValueError:
            to = None
        back = origin == self._registry.origin == to
        if to is None or not (back or to in (elsewhere or ())):
            where = shown(str(to) if to else location)
            hint = (
                f"; if its blobs may come from there, declare it: blobs={to.netloc}"
                if to and elsewhere is not None
                else ""
            )
            raise RegistryError(f"{self._registry.name} redirects to {where}, which is not followed{hint}")
        return to, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def _asked(self, target: str, headers: Mapping[str, str]) -> Reply:
        authorization = {"Authorization": self._authorization} if self._authorization else {}
        return self._sent(self._registry.origin, target, {**headers, **authorization})

    def _sent(self, origin: Origin, target: str, headers: Mapping[str, str], limit: int = MOST_BYTES) -> Reply:
        try:
            reply = self._wire.get(origin, target, headers, min(limit, self._room))
        except WireError as error:
            raise AwayError(str(error)) from None
        self._room -= len(reply.body)
        return reply

    def _authorize(self, reply: Reply) -> None:
        """Get what the registry asks for in *reply*."""
        if self._authorization:
            raise RegistryError(self._failed(HTTPStatus.UNAUTHORIZED))
        try:
            wanted = read_challenges(reply.challenges, self._registry)
        except RefusedError as error:
            raise RegistryError(str(error)) from None
        if isinstance(wanted, Basic):
            if self._login is None or self._registry.origin.scheme != "https":
                raise RegistryError(self._failed(HTTPStatus.UNAUTHORIZED))
            self._authorization = self._login.basic
            return
        scope = escape(f"repository:{self._path}:pull", safe="")  # never what the registry asks for: pull is enough
        service = f"service={escape(wanted.service, safe='')}&" if wanted.service else ""
        joint = "&" if "?" in wanted.path else "?"
        known = self._login is not None and wanted.realm.scheme == "https"
        headers = {"Authorization": self._login.basic} if known and self._login else {}
        answer = self._sent(wanted.realm, f"{wanted.path}{joint}{service}scope={scope}", headers, _TOKEN_BYTES)
        if answer.status != HTTPStatus.OK:
            who = "with the credentials given" if headers else "anonymously"
            raise RegistryError(f"{wanted.realm.netloc} gives no token {who}: {answer.status}")
        self._authorization = f"Bearer {self._token(answer.body)}"

    def _token(self, body: bytes) -> str:
        try:
            decoded = msgspec.json.decode(body, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            decoded = _Token()
        token = decoded.token or decoded.access_token
        if not _TOKEN.fullmatch(token):  # a line end in it would be a header of the server's choice
            raise RegistryError(f"{self._registry.name}: the answer for a token holds none that can be sent")
        return token

    def _failed(self, status: int) -> str:
        name = self._registry.name
        if status == HTTPStatus.NOT_FOUND:
            return f"{name} has no such image"
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            plain = self._registry.origin.scheme != "https" and self._login is not None
            who = "does not take the credentials given" if self._authorization else "asks for credentials"
            return f"{name} {who}" + ("; none are sent without TLS" if plain else "")
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return f"{name} has had too many requests"
        return f"{name} answers {status} {printable(_phrase(status), 40)}".rstrip()


def is_digest(text: str) -> bool:
    """Return whether *text* is a digest that can be verified."""
    return _DIGEST.fullmatch(text) is not None


def _sha256(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
