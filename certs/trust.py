"""Authorities as we publish them: certificates one after the other, in a caBundle or in `ca.crt`."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from certs.certificate import CertificateError, check_size, load_certificate

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
_BLOCK = re.compile(_BEGIN + b".+?" + _END, re.DOTALL)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate that signs others; *mark*, its SHA-256, is how it is called."""

    mark: str
    not_before: datetime
    not_after: datetime
    pem: bytes = field(default=b"", compare=False, repr=False)

    def __str__(self) -> str:
        return f"CA {self.mark[:12]}"

    def valid(self, now: datetime) -> bool:
        """Whether what it signed is believed at *now*."""
        return self.not_before <= now <= self.not_after


@dataclass(frozen=True, slots=True)
class Trust:
    """What a bundle of certificates holds: the authorities, and whether there is anything else in it."""

    authorities: tuple[Authority, ...] = ()
    tidy: bool = True


def read_trust(pem: bytes) -> Trust:
    """Read a bundle; leave out what is not an authority's certificate, or all of it when it is too long to read."""
    try:
        check_size(pem)
    except CertificateError:
        return Trust(tidy=False)
    found: dict[str, Authority] = {}
    # A search behind the last end would look for another one from each beginning.
    for block in _BLOCK.findall(pem, 0, pem.rfind(_END) + len(_END)):
        try:
            authority = read_authority(block)
        except CertificateError:
            continue
        found[authority.mark] = authority
    begun = pem.count(_BEGIN)
    return Trust(tuple(found.values()), tidy=len(found) == begun and (not pem.strip() or begun > 0))


def read_authority(pem: bytes) -> Authority:
    """Read the first certificate of *pem*; raises CertificateError when it may not sign others."""
    certificate = load_certificate(pem)
    try:
        ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        ca = False
    if not ca:
        raise CertificateError("the certificate is not an authority's")
    return Authority(
        mark=certificate.fingerprint(hashes.SHA256()).hex(),
        not_before=certificate.not_valid_before_utc.astimezone(UTC),
        not_after=certificate.not_valid_after_utc.astimezone(UTC),
        pem=certificate.public_bytes(Encoding.PEM),
    )


def write_trust(authorities: Iterable[Authority]) -> bytes:
    """Return the bundle of *authorities*, each once, in their order."""
    return b"".join({authority.mark: authority.pem for authority in authorities}.values())


def issuer_of(leaf_pem: bytes, authorities: Iterable[Authority]) -> str:
    """Return the mark of the one of *authorities* that signed *leaf_pem*, "" when none did; raises CertificateError."""
    leaf = load_certificate(leaf_pem)
    for authority in authorities:
        try:
            leaf.verify_directly_issued_by(load_certificate(authority.pem))
        except (ValueError, TypeError, InvalidSignature):
            continue
        return authority.mark
    return ""
