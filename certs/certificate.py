"""What a certificate in a PEM file says: names, validity, and its signer."""

from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from certs.names import Names

# A leaf with its chain is 2 to 10 KiB. Parsing PEM of any size is a denial of service (CVE-2024-12401).
MAX_PEM_BYTES = 64 * 1024


class CertificateError(ValueError):
    """Bytes that are not the certificate or key they should be."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one certificate says. Times are UTC; *issuer* and *subject* as RFC 4514 writes them."""

    subject: str
    issuer: str
    serial: int
    names: Names
    not_before: datetime
    not_after: datetime
    ca: bool

    def __str__(self) -> str:
        return f"serial {self.serial:x}, for {self.names}, valid until {self.not_after:%Y-%m-%d %H:%M} UTC"

    def fault(self, now: datetime) -> str:
        """Say why the certificate is not valid at *now*, or nothing ("") when it is."""
        if now < self.not_before:
            return f"it is not valid before {self.not_before:%Y-%m-%d %H:%M:%S} UTC"
        if now > self.not_after:
            return f"it expired on {self.not_after:%Y-%m-%d %H:%M:%S} UTC"
        return ""


def read_facts(pem: bytes) -> Facts:
    """Read the first certificate of *pem*; raises CertificateError."""
    certificate = load_certificate(pem)
    try:
        return Facts(
            subject=certificate.subject.rfc4514_string(),
            issuer=certificate.issuer.rfc4514_string(),
            serial=certificate.serial_number,
            names=_names(certificate),
            not_before=certificate.not_valid_before_utc.astimezone(UTC),
            not_after=certificate.not_valid_after_utc.astimezone(UTC),
            ca=_is_ca(certificate),
        )
    except ValueError as error:  # cryptography reads extensions only when asked
        raise CertificateError(f"the certificate cannot be read: {error}") from None


def load_certificate(pem: bytes) -> x509.Certificate:
    """Parse the first certificate of *pem*; raises CertificateError, also when there are more than MAX_PEM_BYTES."""
    check_size(pem)
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise CertificateError("it holds no PEM certificate that can be read") from None


def is_signed_by(leaf_pem: bytes, ca_pem: bytes) -> bool:
    """Whether the first certificate of *leaf_pem* was signed by the first of *ca_pem*; raises CertificateError."""
    leaf, authority = load_certificate(leaf_pem), load_certificate(ca_pem)
    try:
        leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_key_of(key_pem: bytes, cert_pem: bytes) -> bool:
    """Whether *key_pem* is the private key of the first certificate of *cert_pem*; raises CertificateError."""
    check_size(key_pem)
    certificate = load_certificate(cert_pem)
    try:
        return load_pem_private_key(key_pem, password=None).public_key() == certificate.public_key()
    except (ValueError, TypeError):  # TypeError: it is encrypted
        raise CertificateError("it holds no unencrypted PEM private key that can be read") from None


def check_size(pem: bytes) -> None:
    """Raise CertificateError when *pem* is longer than MAX_PEM_BYTES."""
    if len(pem) > MAX_PEM_BYTES:
        raise CertificateError(f"it is longer than {MAX_PEM_BYTES} bytes, which no certificate or key is")


def _names(certificate: x509.Certificate) -> Names:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Names()
    ips = (ip for ip in names.get_values_for_type(x509.IPAddress) if isinstance(ip, IPv4Address | IPv6Address))
    return Names(tuple(name.lower() for name in names.get_values_for_type(x509.DNSName)), tuple(ips))


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
