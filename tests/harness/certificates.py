"""An installation's certificates at one moment, and whether everything published trusts every replica that serves."""

import socket
import ssl
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self

from certs.certificate import is_key_of, is_signed_by, read_facts
from certs.issue import issue_ca, issue_leaf
from certs.names import Names
from certs.secret import Signer, write_leaf, write_signers
from certs.store import Bundle
from certs.trust import read_authority, read_trust

CA, TLS = "airlock-ca", "airlock-tls"
SECRETS = {CA: "Opaque", TLS: "kubernetes.io/tls"}


class Held(Protocol):
    """An installation whose Secrets and registration can be read."""

    def secret(self, name: str) -> dict[str, bytes]:
        """Return the data of a Secret; empty when it is not there."""

    def bundles(self) -> Collection[bytes]:
        """Return the caBundles of all entries that call airlock."""


def authorities(held: Held) -> list[str]:
    """Return the marks of the authorities in the CA Secret, oldest first."""
    data = held.secret(CA)
    pems = [data[key] for key in ("ca.crt", "next.crt") if key in data]
    return [authority.mark for pem in pems for authority in read_trust(pem).authorities]


def trusted(held: Held) -> list[frozenset[str]]:
    """Return the marks of the authorities in each caBundle."""
    return [frozenset(authority.mark for authority in read_trust(bundle).authorities) for bundle in held.bundles()]


def serial(held: Held) -> int:
    """Return the serial number of the leaf in the TLS Secret; 0 without one."""
    data = held.secret(TLS)
    return read_facts(data["tls.crt"]).serial if data else 0


def whole(held: Held) -> bool:
    """Whether there is one authority, which alone every caBundle trusts, and a leaf of it, each with its own key."""
    ca, tls, published = held.secret(CA), held.secret(TLS), trusted(held)
    marks = authorities(held)
    if len(marks) != 1 or set(published) != {frozenset(marks)} or not tls:
        return False
    sound = is_key_of(ca["ca.key"], ca["ca.crt"]) and is_key_of(tls["tls.key"], tls["tls.crt"])
    return sound and is_signed_by(tls["tls.crt"], ca["ca.crt"])


def aged(names: Names, ca_age: timedelta, leaf_age: timedelta = timedelta(days=1)) -> tuple[str, list[dict[str, Any]]]:
    """Return both Secrets as they were made so long ago, for 100 and 10 days, after the authority's mark."""
    now = datetime.now(UTC)
    ca = issue_ca(now - ca_age, life=timedelta(days=100))
    leaf = issue_leaf(ca, names, now - leaf_age, life=timedelta(days=10))
    authority = read_authority(ca.cert_pem)
    data = {
        CA: write_signers([Signer(authority, ca)]),
        TLS: write_leaf(Bundle(leaf.cert_pem, leaf.key_pem, ca.cert_pem)),
    }
    made = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": kind, "data": data[name]}
        for name, kind in SECRETS.items()
    ]
    return authority.mark, made


@dataclass
class Dialler:
    """Dials each of *addresses* as *name*, again and again, and verifies it by every caBundle that is published."""

    held: Held
    addresses: Collection[tuple[str, int]]
    name: str
    dialled: int = 0
    failures: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(0.1):
            for bundle in set(self.held.bundles()):
                for address in self.addresses:
                    self._dial(address, bundle.decode())

    def _dial(self, address: tuple[str, int], bundle: str) -> None:
        self.dialled += 1
        try:
            context = ssl.create_default_context(cadata=bundle)
            with socket.create_connection(address, timeout=5) as plain:
                context.wrap_socket(plain, server_hostname=self.name).close()
        except (OSError, ValueError) as error:
            self.failures.append(f"{time.monotonic():.1f} dialled {address}: {error}")
