"""What a registry asks for in `WWW-Authenticate`, and whether it may have it."""

import re
from urllib.parse import urlsplit

import msgspec

from webhook.pods.text import quote
from webhook.registry.hosts import Origin, Registry, origin_of

_LONGEST = 4096  # characters of a header
_MOST = 8  # headers
_PAIR = re.compile(r'\s*+([A-Za-z]++)=(?:"((?:[^"\\]|\\.)*+)"|([^\s,"]++))\s*+(?:,|$)')
_SERVICE = re.compile(r"[\x21-\x7e ]{0,255}")


class RefusedError(PermissionError):
    """A registry asks for something that airlock does not do."""


class Basic(msgspec.Struct, frozen=True):
    """The registry wants a user and a password."""


class Bearer(msgspec.Struct, frozen=True):
    """The registry wants a token, which *realm* issues at *path*."""

    realm: Origin
    path: str  # with the query that it came with
    service: str


def read_challenges(headers: tuple[str, ...], registry: Registry) -> Basic | Bearer:
    """Return what *registry* asks for in the *headers*; raises RefusedError for what airlock does not do.

    A realm must be the registry itself or one that was declared for it: else a registry could have the credentials sent
    anywhere, or have airlock ask any address that it can reach.
    """
    basic = False
    for header in headers[:_MOST]:
        scheme, _, rest = header[:_LONGEST].strip().partition(" ")
        if scheme.lower() == "bearer":
            return _bearer(rest, registry)
        basic = basic or scheme.lower() == "basic"
    if basic:
        return Basic()
    raise RefusedError(f"{registry.name} asks for neither Basic nor Bearer authentication")


def _bearer(text: str, registry: Registry) -> Bearer:
    given: dict[str, str] = {}
    for pair in _PAIR.finditer(text):
        quoted = pair[2]
        given.setdefault(pair[1].lower(), pair[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
    realm, service = given.get("realm", ""), given.get("service", "")
    try:
        url = urlsplit(realm)
        origin = None if "@" in url.netloc or url.fragment else origin_of(url.scheme, url.hostname, url.port)
    except ValueError:
        origin = None
    if origin is None:
        raise RefusedError(f"{registry.name} names {shown(realm)} for tokens, which is no address of a server")
    if origin not in registry.realms:
        raise RefusedError(
            f"{registry.name} sends airlock to {quote(str(origin), 100)} for a token; if it may,"
            f" declare it: realm={origin.netloc}"
        )
    if not _SERVICE.fullmatch(service):
        raise RefusedError(f"{registry.name} asks for a token with a service name that cannot be sent")
    return Bearer(origin, (url.path or "/") + (f"?{url.query}" if url.query else ""), service)


def shown(address: str) -> str:
    """Return *address*, which a registry named, for a message: without a user and a password that it may hold."""
    return "a URL with a user in it" if "@" in address else quote(address, 100)
