"""TLS over the wire: versions, a certificate that changes, clients that do not speak it."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from certs.certificate import read_facts
from tests.harness.serving_process import SecretVolume, Server, ask, new_authority, poll, put, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def serial(server: Server) -> int:
    with server.tls() as sock:
        certificate = sock.getpeercert()
        assert certificate is not None
        return int(str(certificate["serialNumber"]), 16)


def reloads(server: Server) -> list[str]:
    return [told["reload"] for told in server.told() if "reload" in told]


def test_a_new_certificate_is_served_to_new_connections_and_old_ones_go_on(tmp_path: Path) -> None:
    authority = new_authority()
    volume = SecretVolume(tmp_path, authority.leaf())
    with serving(authority=authority, directory=tmp_path) as server, server.client() as kept:
        ask(kept, "/validate")
        sock = kept.sock
        fresh = authority.leaf()
        volume.swap(fresh)
        poll(lambda: serial(server) == read_facts(fresh.cert_pem).serial, "the new one is served")
        assert ask(kept, "/validate").status == 200
        assert kept.sock is sock
        poll(lambda: reloads(server) == ["accepted"], "told")  # once it is served


def test_a_torn_pair_is_told_and_the_old_one_is_served(tmp_path: Path) -> None:
    authority = new_authority()
    first, second = authority.leaf(), authority.leaf()
    put(tmp_path, first)
    with serving(authority=authority, directory=tmp_path) as server:
        (tmp_path / "tls.crt").write_bytes(second.cert_pem)
        poll(lambda: reloads(server) == ["rejected"], "told")
        assert serial(server) == read_facts(first.cert_pem).serial
        assert server.ask() == 200
        (tmp_path / "tls.key").write_bytes(second.key_pem)
        poll(lambda: serial(server) == read_facts(second.cert_pem).serial, "repaired")
        poll(lambda: reloads(server) == ["rejected", "accepted"], "told")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(server: Server, version: ssl.TLSVersion) -> None:
    context = server.authority.client()
    context.minimum_version = context.maximum_version = version
    with context.wrap_socket(server.tcp(), server_hostname="localhost") as sock:
        assert sock.version() == version.name.replace("_", ".")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_tls_1_1_is_refused_with_an_alert(server: Server) -> None:
    context = server.authority.client()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with server.tcp() as sock, pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        context.wrap_socket(sock, server_hostname="localhost")


def test_http_2_is_not_offered(server: Server) -> None:
    context = server.authority.client()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(server.tcp(), server_hostname="localhost") as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"


def test_clients_that_speak_no_tls_are_closed_without_a_flood_in_the_log() -> None:
    with serving() as server:
        for _ in range(40):
            with server.tcp() as sock:
                sock.sendall(b"GET / HTTP/1.1\r\nHost: airlock\r\n\r\n")
                while sock.recv(4096):
                    pass
        assert server.ask() == 200
        assert "Traceback" not in server.log()
        assert 1 <= server.log().count("TLS handshake failed, http request: client 127.0.0.1") <= 5


def test_a_client_that_does_not_trust_the_certificate_is_told_in_the_log_by_its_alert(server: Server) -> None:
    with server.tcp() as sock, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")
    poll(lambda: "TLS handshake failed, tlsv1 alert unknown ca: client 127.0.0.1" in server.log(), "told")


def test_a_client_that_hangs_up_within_the_handshake_is_no_news(server: Server) -> None:
    before = server.log()
    for data in (b"", b"\x16"):
        with server.tcp() as sock:
            sock.sendall(data)
    assert server.ask() == 200
    assert server.log() == before


def test_another_server_name_is_answered_with_the_one_certificate(server: Server) -> None:
    context = server.authority.client()
    context.check_hostname = False
    with context.wrap_socket(server.tcp(), server_hostname="somebody.else") as sock:
        assert sock.getpeercert()
