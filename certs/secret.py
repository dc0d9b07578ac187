"""The contents of the two Secrets: `airlock-ca` has the authorities with their keys, `airlock-tls` the leaf. Pure."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from certs.certificate import CertificateError, is_key_of
from certs.issue import Pair
from certs.store import CA, CERT, KEY, Bundle
from certs.trust import Authority, read_authority

# The authority in force, and the one that follows it while they change.
SLOTS = (("ca.crt", "ca.key"), ("next.crt", "next.key"))

Data = Mapping[str, str]  # of a Secret: base64


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority with its key."""

    authority: Authority
    pair: Pair


@dataclass(frozen=True, slots=True)
class Signers:
    """The CA Secret: the authorities that can sign, oldest first, and what is wrong with the rest."""

    signers: tuple[Signer, ...] = ()
    torn: str = ""


def read_signers(data: Data) -> Signers:
    """Read the CA Secret; leave out a pair that is incomplete or unusable, and report it."""
    found: list[Signer] = []
    faults: list[str] = []
    for cert, key in SLOTS:
        if not data.get(cert) and not data.get(key):
            continue
        try:
            found.append(_signer(_decoded(data, cert), _decoded(data, key)))
        except CertificateError as error:
            faults.append(f"{cert} and {key}: {error}")
    return Signers(tuple(found), "; ".join(faults))


def write_signers(signers: Sequence[Signer]) -> dict[str, str]:
    """Return the data of a CA Secret that holds *signers*: the last two of them, since there are two places."""
    places = zip(SLOTS, signers[-len(SLOTS) :], strict=False)
    return dict(entry for (cert, key), signer in places for entry in _entries(cert, key, signer.pair))


def read_leaf(data: Data) -> Bundle:
    """Read the TLS Secret; raises CertificateError when a part is missing, or the key is not the certificate's."""
    bundle = Bundle(_decoded(data, CERT), _decoded(data, KEY), _decoded(data, CA) if CA in data else b"")
    if not is_key_of(bundle.key_pem, bundle.cert_pem):
        raise CertificateError(f"{KEY} is not the key of {CERT}")
    return bundle


def write_leaf(bundle: Bundle) -> dict[str, str]:
    """Return the data of a TLS Secret."""
    return {CERT: _encoded(bundle.cert_pem), KEY: _encoded(bundle.key_pem), CA: _encoded(bundle.ca_pem)}


def _signer(cert: bytes, key: bytes) -> Signer:
    authority = read_authority(cert)
    if not is_key_of(key, cert):
        raise CertificateError("the key is not the certificate's")
    return Signer(authority, Pair(authority.pem, key))


def _entries(cert: str, key: str, pair: Pair) -> Iterator[tuple[str, str]]:
    yield cert, _encoded(pair.cert_pem)
    yield key, _encoded(pair.key_pem)


def _decoded(data: Data, name: str) -> bytes:
    if not data.get(name):
        raise CertificateError(f"{name} is missing")
    try:
        return b64decode(data[name], validate=True)
    except (Base64Error, ValueError):
        raise CertificateError(f"{name} is not base64") from None


def _encoded(pem: bytes) -> str:
    return b64encode(pem).decode()
