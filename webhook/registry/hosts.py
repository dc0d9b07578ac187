"""Which registries airlock may ask, where each may send it for a token or a blob, which addresses it never dials.

A realm, a redirect and a DNS answer are a stranger's word, so none is followed because it was said: CVE-2020-15157 and
CVE-2024-3727 sent credentials to strangers that way, and others reached the metadata server of a cloud.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from webhook.pods.text import quote

Address = IPv4Address | IPv6Address

# What pods call Docker Hub, where its API answers, and which server issues its tokens.
_HUB, _HUB_API, _HUB_REALM = "docker.io", "registry-1.docker.io", "auth.docker.io"

_HOST = re.compile(r"(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::[0-9]{1,5})?")
_HTTPS, _HTTP = 443, 80

# Metadata services and the like outside of the link-local networks: AWS over IPv6, Alibaba, Oracle, Azure.
_NEVER = ("fd00:ec2::/32", "100.100.100.200/32", "192.0.0.0/24", "168.63.129.16/32")
_FORBIDDEN: tuple[IPv4Network | IPv6Network, ...] = tuple(map(ip_network, _NEVER))
_NAT64 = ip_network("64:ff9b::/96")  # the last four bytes are an IPv4 address


class HostError(ValueError):
    """A text that names no registry."""


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """Scheme, host and port: what a credential belongs to."""

    scheme: str  # "https" or "http"
    host: str  # lower-case, an IPv6 address without brackets
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def netloc(self) -> str:
        """Host and port as a URL has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _default_port(self.scheme) else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that airlock may ask."""

    name: str  # as image references have it: registry.example.com:5000
    origin: Origin
    realms: frozenset[Origin]  # servers that issue tokens for it, itself included
    blobs: frozenset[Origin]  # where it may redirect requests for blobs; these get no credentials


def parse_registry(text: str) -> Registry:
    """Return the registry that *text* declares, or raise `HostError`.

    `HOST[:PORT]`, then options, each after a semicolon: `realm=HOST[:PORT]` and `blobs=HOST[:PORT]`, which may be given
    several times and are asked over HTTPS, and `plain-http` for a registry without TLS, which never gets credentials.

    >>> parse_registry("registry.example.com;realm=auth.example.com").realms  # doctest: +ELLIPSIS
    frozenset({Origin(scheme='https', host=...
    """
    name, *options = (part.strip() for part in text.split(";"))
    scheme = "https"
    others: dict[str, set[Origin]] = {"realm": set(), "blobs": set()}
    for option in options:
        key, equals, value = option.partition("=")
        if option == "plain-http":
            scheme = "http"
        elif equals and key in others:
            others[key].add(_origin("https", value.strip()))
        else:
            raise HostError(f"{quote(option)} is none of realm=HOST, blobs=HOST and plain-http")
    origin = _origin(scheme, _HUB_API if name == _HUB else name)
    if name == _HUB:
        others["realm"].add(_origin("https", _HUB_REALM))
    return Registry(name.lower(), origin, frozenset({origin, *others["realm"]}), frozenset(others["blobs"]))


def allowed(texts: Iterable[str]) -> dict[str, Registry]:
    """Return the registries that *texts* declare, by their names in image references; raises `HostError`."""
    return {registry.name: registry for registry in map(parse_registry, texts)}


def is_dialled(host: str, address: Address) -> bool:
    """Return whether *address* may be dialled for *host*, whose name led there.

    Link-local, multicast, unspecified and the clouds' metadata addresses never are. Loopback is only where the
    administrator wrote it: a name that leads there is somebody's DNS entry.

    >>> is_dialled("registry.example.com", ip_address("10.0.0.5"))
    True
    >>> is_dialled("registry.example.com", ip_address("169.254.169.254"))
    False
    """
    plain = _embedded(address)
    if plain.is_link_local or plain.is_multicast or plain.is_unspecified:
        return False
    if any(plain.version == network.version and plain in network for network in _FORBIDDEN):
        return False
    return not plain.is_loopback or host == "localhost" or _literal(host) is not None


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 *address* carries, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1] or address


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def origin_of(scheme: str, host: str | None, port: int | None) -> Origin | None:
    """Return the origin of the parts of a URL; None when it has none that could be asked."""
    if scheme not in {"http", "https"} or not host:
        return None
    return Origin(scheme, host.lower(), port or _default_port(scheme))


def _origin(scheme: str, text: str) -> Origin:
    lowered = text.lower()
    if not _HOST.fullmatch(lowered):
        raise HostError(f"{quote(text)} is not a host with an optional port")
    bare, colon, port = lowered.rpartition(":")
    if not colon or lowered.endswith("]"):
        bare, port = lowered, ""
    number = int(port) if port else _default_port(scheme)
    if not 0 < number < 1 << 16:
        raise HostError(f"{quote(text)} has a port that is not between 1 and 65535")
    host = bare.strip("[]")
    literal = _literal(host)
    if literal is not None and not is_dialled(host, literal):
        raise HostError(f"{quote(text)} is an address that airlock never asks: link-local, metadata or the like")
    return Origin(scheme, host, number)


def _default_port(scheme: str) -> int:
    return _HTTPS if scheme == "https" else _HTTP
