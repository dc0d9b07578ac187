"""Secrets and bundles of authorities are read whole, or reported and left out."""

from base64 import b64encode
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from certs.certificate import CertificateError
from certs.issue import issue_ca, issue_leaf
from certs.names import parse_names
from certs.secret import Signer, read_leaf, read_signers, write_leaf, write_signers
from certs.store import Bundle
from certs.trust import issuer_of, read_authority, read_trust, write_trust
from tests.harness.cost import LINEAR, growth

NOW = datetime(2026, 3, 1, tzinfo=UTC)
BEGIN = b"-----BEGIN CERTIFICATE-----\n"
FIRST, SECOND = issue_ca(NOW), issue_ca(NOW + timedelta(days=1))
SIGNERS = [Signer(read_authority(pair.cert_pem), pair) for pair in (FIRST, SECOND)]
LEAF = issue_leaf(FIRST, parse_names(["airlock.airlock.svc"]), NOW)


def b64(data: bytes) -> str:
    return b64encode(data).decode()


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_ca_secret_reads_back_as_it_was_written(number: int) -> None:
    found = read_signers(write_signers(SIGNERS[:number]))
    assert found.signers == tuple(SIGNERS[:number])
    assert not found.torn


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"next.key": ""}, "next.crt and next.key: next.key is missing"),
        ({"next.key": "?"}, "next.crt and next.key: next.key is not base64"),
        ({"next.key": b64(FIRST.key_pem)}, "next.crt and next.key: the key is not the certificate's"),
        ({"next.crt": b64(LEAF.cert_pem)}, "next.crt and next.key: the certificate is not an authority's"),
        ({"next.crt": b64(b"hello")}, "next.crt and next.key: it holds no PEM certificate that can be read"),
    ],
)
def test_a_torn_pair_is_left_out_and_told_of(changes: dict[str, str], why: str) -> None:
    found = read_signers(write_signers(SIGNERS) | changes)
    assert found.signers == (SIGNERS[0],)
    assert found.torn == why


def test_a_tls_secret_reads_back_as_it_was_written() -> None:
    bundle = Bundle(LEAF.cert_pem, LEAF.key_pem, FIRST.cert_pem)
    assert read_leaf(write_leaf(bundle)) == bundle


def test_a_torn_tls_secret_is_refused() -> None:
    whole = write_leaf(Bundle(LEAF.cert_pem, LEAF.key_pem, FIRST.cert_pem))
    with pytest.raises(CertificateError, match=r"^tls\.key is not the key of tls\.crt$"):
        read_leaf(whole | {"tls.key": b64(FIRST.key_pem)})
    with pytest.raises(CertificateError, match=r"^tls\.crt is missing$"):
        read_leaf({})


def test_a_bundle_of_authorities_reads_back_as_it_was_written() -> None:
    authorities = [signer.authority for signer in SIGNERS]
    found = read_trust(write_trust([*authorities, authorities[0]]))
    assert found.authorities == tuple(authorities)
    assert found.tidy


@pytest.mark.parametrize("junk", [LEAF.cert_pem, BEGIN + b"x\n-----END CERTIFICATE-----\n", BEGIN + b"x\n", BEGIN])
def test_what_is_no_authority_makes_a_bundle_untidy(junk: bytes) -> None:
    found = read_trust(FIRST.cert_pem + junk)
    assert found.authorities == (SIGNERS[0].authority,)
    assert not found.tidy


def test_beginnings_without_an_end_cost_a_time_that_grows_with_their_number() -> None:
    assert not read_trust(BEGIN * 2000).authorities
    assert growth(lambda number: partial(read_trust, BEGIN * number), 125) < LINEAR


def test_a_bundle_without_certificates_or_of_any_length_is_nothing_to_trust() -> None:
    assert read_trust(b"").tidy
    assert not read_trust(b"hello").tidy
    assert not read_trust(FIRST.cert_pem * 200).authorities


def test_a_leaf_names_the_authority_that_signed_it() -> None:
    authorities = [signer.authority for signer in SIGNERS]
    assert issuer_of(LEAF.cert_pem, authorities) == authorities[0].mark
    assert issuer_of(LEAF.cert_pem, authorities[1:]) == ""
