"""Finds airlock's replicas, and which certificate each of them serves."""

import socket
import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from typing import Any

TIMEOUT = 1.0  # seconds for everything
LONGEST = 65536  # bytes of an answer that are read
_LAST_PORT = 65535  # the operating system would take the rest of a larger number, another port
PORT_NAME = "https"  # of the port among those of the Service that speaks TLS


def addresses(endpoints: dict[str, Any] | None) -> tuple[str, ...]:
    """Return HOST:PORT of each address in *endpoints*, a core/v1 Endpoints, ready or not.

    >>> addresses({"subsets": [{"notReadyAddresses": [{"ip": "10.0.0.7"}], "ports": [{"port": 8443}]}]})
    ('10.0.0.7:8443',)
    """
    return tuple(sorted(set(_addresses((endpoints or {}).get("subsets") or ()))))


def addresses_of(slices: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    """Return HOST:PORT of each address in *slices*, discovery.k8s.io/v1 EndpointSlices, ready or not.

    >>> addresses_of([{"endpoints": [{"addresses": ["fd00::7"]}], "ports": [{"name": "https", "port": 8443}]}])
    ('[fd00::7]:8443',)
    """
    subsets = (
        {
            "addresses": [{"ip": ip} for endpoint in each.get("endpoints") or () for ip in endpoint["addresses"]],
            "ports": each.get("ports"),
        }
        for each in slices
    )
    return tuple(sorted(set(_addresses(subsets))))


def _addresses(subsets: Iterable[dict[str, Any]]) -> Iterator[str]:
    for subset in subsets:
        ports = subset.get("ports") or ()
        numbers = [port["port"] for port in ports if len(ports) == 1 or port.get("name") == PORT_NAME]
        for address in [*(subset.get("addresses") or ()), *(subset.get("notReadyAddresses") or ())]:
            host = f"[{address['ip']}]" if ":" in address["ip"] else address["ip"]
            yield from (f"{host}:{number}" for number in numbers)


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of *address*; raises ValueError.

    >>> split_address("[::1]:8443")
    ('::1', 8443)
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit():
        raise ValueError(f"{address!r} is not HOST:PORT")
    if not 0 < int(port[:6]) <= _LAST_PORT or len(port) > len(str(_LAST_PORT)):
        raise ValueError(f"{address!r} is not HOST:PORT: ports go from 1 to {_LAST_PORT}")
    return host.removeprefix("[").removesuffix("]"), int(port)


def presented(address: str, name: str, timeout: float = TIMEOUT) -> bytes | None:
    """Return the certificate (PEM) that *address* presents for *name*; None without an answer."""
    try:
        return shown(address, name, timeout)
    except OSError:
        return None


def shown(address: str, name: str, timeout: float = TIMEOUT) -> bytes:
    """Return the certificate (PEM) that *address* presents for *name*; raises OSError (ssl.SSLError is one).

    It only verifies that the server has the certificate's key: the caller checks who signed it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(split_address(address), timeout=timeout) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        certificate = secured.getpeercert(binary_form=True)
    if not certificate:
        raise OSError("it presents no certificate")
    return ssl.DER_cert_to_PEM_cert(certificate).encode()


@dataclass(frozen=True, slots=True)
class Answered:
    """What a replica presents (PEM), and the body of its `/readyz`; None for what did not come."""

    pem: bytes | None = None
    text: str | None = None


def answered(address: str, timeout: float = 2 * TIMEOUT) -> Answered:
    """Ask `/readyz` on *address*, without trusting whom it presents: the caller checks that."""
    host, port = split_address(address)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = HTTPSConnection(host, port, context=context, timeout=timeout)
    pem: bytes | None = None
    try:
        connection.connect()
        certificate = connection.sock.getpeercert(binary_form=True)
        pem = ssl.DER_cert_to_PEM_cert(certificate).encode() if certificate else None
        connection.request("GET", "/readyz")
        return Answered(pem, connection.getresponse().read(LONGEST).decode(errors="replace"))
    except (OSError, HTTPException):  # ssl.SSLError is one; also when it wants a client's certificate
        return Answered(pem)
    finally:
        connection.close()


def ask_all(places: tuple[str, ...], name: str) -> dict[str, bytes | None]:
    """Ask all of *places* at the same time what they present."""
    if not places:
        return {}
    with ThreadPoolExecutor(min(len(places), 16)) as pool:
        return dict(zip(places, pool.map(lambda place: presented(place, name), places), strict=True))
