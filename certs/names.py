"""The names a certificate is for: DNS names and IP addresses, parsed once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

# RFC 1123 section 2.1 and RFC 1035 section 2.3.4: labels of at most 63, 253 in all, no wildcard.
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST = 253


@dataclass(frozen=True, slots=True)
class Names:
    """DNS names in lower case and IP addresses, each sorted and without repetition."""

    dns: tuple[str, ...] = ()
    ips: tuple[IPv4Address | IPv6Address, ...] = ()

    def __str__(self) -> str:
        return ", ".join([*self.dns, *map(str, self.ips)])

    def without(self, other: "Names") -> "Names":
        """Return the names that *other* does not cover; `*.example` covers one label (RFC 6125 section 6.4.3)."""
        return Names(
            tuple(name for name in self.dns if not {name, f"*.{name.partition('.')[2]}"} & {*other.dns}),
            tuple(address for address in self.ips if address not in other.ips),
        )


def parse_names(texts: Iterable[str]) -> Names:
    """Sort *texts* into DNS names and IP addresses.

    >>> parse_names(["airlock.airflow.svc", "::1", "Localhost", "127.0.0.1"])
    Names(dns=('airlock.airflow.svc', 'localhost'), ips=(IPv4Address('127.0.0.1'), IPv6Address('::1')))

    Raises ValueError when one is neither, or when there is none.
    """
    dns: set[str] = set()
    ips: set[IPv4Address | IPv6Address] = set()
    for text in texts:
        address = _address(text)
        if address is not None:
            ips.add(address)
        else:
            dns.add(_dns(text))
    if not dns and not ips:
        raise ValueError("a certificate needs at least one DNS name or IP address")
    return Names(tuple(sorted(dns)), tuple(sorted(ips, key=lambda address: (address.version, int(address)))))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError(f"{text!r} has a zone, which a certificate cannot hold")
    return address


def _dns(text: str) -> str:
    name = text.lower()
    if len(name) > _LONGEST or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{text!r} is neither a DNS name nor an IP address")
    return name
