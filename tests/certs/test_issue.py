"""Authorities and leaves: what stands in them, and that OpenSSL verifies them."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from certs.certificate import MAX_PEM_BYTES, CertificateError, is_key_of, is_signed_by, read_facts
from certs.issue import Pair, issue_ca, issue_leaf, new_key
from certs.names import Names, parse_names

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
NAMES = parse_names(["airlock.airflow.svc", "localhost", "127.0.0.1", "::1"])


def leaf_of(ca: Pair, now: datetime = NOW) -> x509.Certificate:
    return x509.load_pem_x509_certificate(issue_leaf(ca, NAMES, now).cert_pem)


def shake(leaf: Pair, ca_pem: bytes, name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Do a whole TLS handshake in memory, with a client that trusts *ca_pem* and expects *name*."""
    directory = tmp_path_factory.mktemp("pair")
    (directory / "crt").write_bytes(leaf.cert_pem)
    (directory / "key").write_bytes(leaf.key_pem)
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(directory / "crt", directory / "key")
    client_context = ssl.create_default_context(cadata=ca_pem.decode())
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    unfinished = [client, server]
    for _ in range(4):
        for side in list(unfinished):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            unfinished.remove(side)
    assert not unfinished


@pytest.mark.parametrize("name", ["localhost", "airlock.airflow.svc", "127.0.0.1", "::1"])
def test_a_client_that_trusts_the_authority_accepts_the_leaf(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    now = datetime.now(UTC)
    ca = issue_ca(now)
    shake(issue_leaf(ca, NAMES, now), ca.cert_pem, name, tmp_path_factory)


def test_a_client_refuses_the_leaf_under_another_name(tmp_path_factory: pytest.TempPathFactory) -> None:
    now = datetime.now(UTC)
    ca = issue_ca(now)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake(issue_leaf(ca, NAMES, now), ca.cert_pem, "elsewhere.svc", tmp_path_factory)


def test_both_begin_an_hour_before_they_are_made() -> None:
    ca = issue_ca(NOW)
    begin = NOW.replace(microsecond=0) - timedelta(hours=1)
    assert read_facts(ca.cert_pem).not_before == begin
    assert read_facts(issue_leaf(ca, NAMES, NOW).cert_pem).not_before == begin


def test_an_authority_may_sign_leaves_and_nothing_else() -> None:
    certificate = x509.load_pem_x509_certificate(issue_ca(NOW).cert_pem)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert (constraints.value.ca, constraints.value.path_length) == (True, 0)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature


def test_a_leaf_may_serve_tls_and_nothing_else() -> None:
    certificate = leaf_of(issue_ca(NOW))
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert constraints.critical
    assert not constraints.value.ca
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert list(purposes.value) == [ExtendedKeyUsageOID.SERVER_AUTH]


def test_a_leaf_names_its_authority_by_key_identifier() -> None:
    ca = issue_ca(NOW)
    authority = x509.load_pem_x509_certificate(ca.cert_pem)
    own = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    named = leaf_of(ca).extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert named == own


def test_a_leaf_stands_for_every_name_given() -> None:
    facts = read_facts(issue_leaf(issue_ca(NOW), NAMES, NOW).cert_pem)
    assert facts.names == NAMES


def test_serial_numbers_and_authorities_names_are_never_the_same_twice() -> None:
    one, two = (read_facts(issue_ca(NOW).cert_pem) for _ in range(2))
    assert one.serial != two.serial
    assert one.subject != two.subject


def test_a_leaf_never_outlives_its_authority() -> None:
    ca = issue_ca(NOW, life=timedelta(days=10))
    facts = read_facts(issue_leaf(ca, NAMES, NOW + timedelta(days=5)).cert_pem)
    assert facts.not_after == read_facts(ca.cert_pem).not_after


def test_an_expired_authority_signs_nothing() -> None:
    ca = issue_ca(NOW, life=timedelta(days=10))
    with pytest.raises(CertificateError, match="the authority expired on 2026-12-03"):
        issue_leaf(ca, NAMES, NOW + timedelta(days=11))


def test_a_leaf_cannot_be_signed_by_a_leaf() -> None:
    leaf = issue_leaf(issue_ca(NOW), NAMES, NOW)
    with pytest.raises(CertificateError, match="not an authority's"):
        issue_leaf(leaf, NAMES, NOW)


def test_an_authority_with_somebody_elses_key_signs_nothing() -> None:
    mixed = Pair(issue_ca(NOW).cert_pem, issue_ca(NOW).key_pem)
    with pytest.raises(CertificateError, match="the key is not the authority's"):
        issue_leaf(mixed, NAMES, NOW)


def test_an_authority_with_an_encrypted_key_signs_nothing() -> None:
    ca = issue_ca(NOW)
    encrypted = new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    with pytest.raises(CertificateError, match="no unencrypted PEM private key"):
        issue_leaf(Pair(ca.cert_pem, encrypted), NAMES, NOW)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        issue_ca(NOW.replace(tzinfo=None))


def test_a_given_key_and_serial_number_are_used() -> None:
    key = new_key()
    ca = issue_ca(NOW, key=lambda: key, serial=lambda: 7)
    certificate = x509.load_pem_x509_certificate(ca.cert_pem)
    assert certificate.serial_number == 7
    assert certificate.public_key() == key.public_key()
    assert isinstance(key.curve, ec.SECP256R1)


def test_signature_and_key_are_recognised() -> None:
    ca, other = issue_ca(NOW), issue_ca(NOW)
    leaf = issue_leaf(ca, NAMES, NOW)
    assert is_signed_by(leaf.cert_pem, ca.cert_pem)
    assert not is_signed_by(leaf.cert_pem, other.cert_pem)
    assert is_key_of(leaf.key_pem, leaf.cert_pem)
    assert not is_key_of(other.key_pem, leaf.cert_pem)


def test_facts_say_when_a_certificate_is_not_valid() -> None:
    facts = read_facts(issue_ca(NOW, life=timedelta(days=1)).cert_pem)
    assert facts.fault(NOW) == ""
    assert facts.fault(NOW - timedelta(hours=2)) == "it is not valid before 2026-11-23 11:00:00 UTC"
    assert facts.fault(NOW + timedelta(days=2)) == "it expired on 2026-11-24 12:00:00 UTC"


def test_pem_of_any_size_is_not_parsed() -> None:
    flood = issue_ca(NOW).cert_pem * (MAX_PEM_BYTES // 500)
    with pytest.raises(CertificateError, match="longer than 65536 bytes"):
        read_facts(flood)


@pytest.mark.parametrize("pem", [b"", b"\x00\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_an_error_and_not_a_crash(pem: bytes) -> None:
    with pytest.raises(CertificateError, match="no PEM certificate"):
        read_facts(pem)


def test_a_certificate_without_names_has_none() -> None:
    assert read_facts(issue_ca(NOW).cert_pem).names == Names()
    extensions = {extension.oid for extension in x509.load_pem_x509_certificate(issue_ca(NOW).cert_pem).extensions}
    assert ExtensionOID.SUBJECT_ALTERNATIVE_NAME not in extensions


def test_an_authority_with_an_rsa_key_is_refused() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(CertificateError, match="the key is not the authority's"):
        issue_leaf(Pair(issue_ca(NOW).cert_pem, pem), NAMES, NOW)


def test_names_are_sorted_lower_case_and_unique() -> None:
    names = parse_names(["b.svc", "A.svc", "a.svc", "::1", "127.0.0.1", "0:0::1"])
    assert names == Names(("a.svc", "b.svc"), (ip_address("127.0.0.1"), ip_address("::1")))


@pytest.mark.parametrize("text", ["", "a_b.svc", "-a.svc", "a..svc", "a.svc.", "*.svc", "1" * 64, "fe80::1%eth0"])
def test_what_is_neither_name_nor_address_is_refused_by_its_text(text: str) -> None:
    with pytest.raises(ValueError, match=r"neither a DNS name nor an IP address|has a zone") as caught:
        parse_names([text])
    assert repr(text) in str(caught.value)


def test_no_name_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        parse_names([])


def test_a_wildcard_covers_one_label() -> None:
    wanted = parse_names(["airlock.airflow.svc", "a.b.airflow.svc"])
    assert wanted.without(Names(("*.airflow.svc",))) == Names(("a.b.airflow.svc",))
