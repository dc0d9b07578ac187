"""New certificates, ECDSA on P-256: an authority, and leaves for a TLS server. Pure except for the random keys."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.certificate import CertificateError, check_size, is_key_of, load_certificate
from certs.names import Names
from certs.pace import BACKDATE, CA_LIFE, LEAF_LIFE

NewKey = Callable[[], ec.EllipticCurvePrivateKey]
NewSerial = Callable[[], int]


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key (PKCS 8, not encrypted), both PEM."""

    cert_pem: bytes
    key_pem: bytes


def new_key() -> ec.EllipticCurvePrivateKey:
    """Draw a private key on P-256."""
    return ec.generate_private_key(ec.SECP256R1())


def issue_ca(
    now: datetime,
    *,
    organisation: str = "airlock",
    life: timedelta = CA_LIFE,
    key: NewKey = new_key,
    serial: NewSerial = x509.random_serial_number,
) -> Pair:
    """Make an authority that signs leaves only, valid from an hour before *now* until *life* after it.

    *organisation* stands in its name, and so does its serial number: two generations of it never share a name.
    Raises ValueError when *now* has no time zone.
    """
    private, number = key(), serial()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, f"airlock CA {number:x}"),
        ]
    )
    builder = _builder(name, name, private.public_key(), number)
    builder = _valid(builder, now, _whole_seconds(now) + life)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(ca=True), critical=True)
    own_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key())
    return _sign(builder.add_extension(own_id, critical=False), private, private)


def issue_leaf(  # noqa: PLR0913 - the last three are for tests and have defaults
    ca: Pair,
    names: Names,
    now: datetime,
    *,
    life: timedelta = LEAF_LIFE,
    key: NewKey = new_key,
    serial: NewSerial = x509.random_serial_number,
) -> Pair:
    """Make a certificate for a TLS server called *names*, signed by *ca*.

    It is valid from an hour before *now* until *life* after it, and never longer than *ca*. Raises CertificateError
    when *ca* is not an authority with its own key, or has expired; ValueError when *now* has no time zone.
    """
    authority = load_certificate(ca.cert_pem)
    signing = _signing_key(ca)
    end = min(_whole_seconds(now) + life, authority.not_valid_after_utc)
    if end <= now:
        raise CertificateError(f"the authority expired on {authority.not_valid_after_utc:%Y-%m-%d %H:%M:%S} UTC")
    private = key()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "airlock")])
    builder = _valid(_builder(subject, authority.subject, private.public_key(), serial()), now, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(ca=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    # The API server looks for <service>.<namespace>.svc here and nowhere else: Go ignores the common name.
    alternatives = [*map(x509.DNSName, names.dns), *map(x509.IPAddress, names.ips)]
    builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    return _sign(builder.add_extension(issuer_id, critical=False), private, signing)


def _signing_key(ca: Pair) -> ec.EllipticCurvePrivateKey:
    check_size(ca.key_pem)
    if not is_key_of(ca.key_pem, ca.cert_pem):
        raise CertificateError("the key is not the authority's")
    key = load_pem_private_key(ca.key_pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError("the authority's key is not an elliptic curve key")
    constraints = load_certificate(ca.cert_pem).extensions.get_extension_for_class(x509.BasicConstraints)
    if not constraints.value.ca:
        raise CertificateError("the certificate is not an authority's")
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey, serial: int
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder(issuer, subject, public, serial)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)


def _valid(builder: x509.CertificateBuilder, now: datetime, end: datetime) -> x509.CertificateBuilder:
    return builder.not_valid_before(_whole_seconds(now) - BACKDATE).not_valid_after(end)


def _whole_seconds(now: datetime) -> datetime:
    if now.tzinfo is None:
        raise ValueError(f"{now!r} has no time zone")
    return now.replace(microsecond=0)


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(
    builder: x509.CertificateBuilder, private: ec.EllipticCurvePrivateKey, signing: ec.EllipticCurvePrivateKey
) -> Pair:
    certificate = builder.sign(signing, hashes.SHA256())
    return Pair(
        certificate.public_bytes(Encoding.PEM),
        private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
