"""The identity in force: what is loaded, what is rejected, and what is told about it."""

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from certs.certificate import MAX_PEM_BYTES, read_facts
from certs.issue import Pair, issue_ca, issue_leaf, new_key
from certs.names import parse_names
from tests.serving_process import PATIENCE, Server, ask, new_authority, poll, put, serving
from webhook.tls import DeadlineSocket, LiveIdentity, Reload, TlsError, load_identity

NOW = datetime.now(UTC).replace(microsecond=0)
CA = issue_ca(NOW - timedelta(days=100))
NAMES = parse_names(["localhost"])


def leaf(begin: datetime = NOW, days: int = 30) -> Pair:
    return issue_leaf(CA, NAMES, begin, life=timedelta(days=days))


class Live:
    """A LiveIdentity that looks when told to, its clock, and what it has told."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.now = NOW
        self.told: list[tuple[Reload, str]] = []
        self.pair = leaf()
        put(directory, self.pair)
        identity = load_identity(directory)
        self.identity = LiveIdentity(directory, identity, self._hear, clock=lambda: self.now)
        self.first = self.identity.context

    def _hear(self, outcome: Reload, detail: str) -> None:
        self.told.append((outcome, detail))

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.identity.check()

    @property
    def outcomes(self) -> list[Reload]:
        return [outcome for outcome, _ in self.told]


@pytest.fixture
def live(tmp_path: Path) -> Live:
    return Live(tmp_path)


def test_nothing_is_told_while_nothing_changes(live: Live) -> None:
    live.look(3)
    assert live.told == []
    assert live.identity.context is live.first


def test_a_new_pair_makes_a_new_context_and_is_told_with_its_serial_number(live: Live) -> None:
    fresh = leaf()
    put(live.directory, fresh)
    live.look(3)
    facts = read_facts(fresh.cert_pem)
    until = f"{facts.not_after:%Y-%m-%d %H:%M}"
    assert live.told == [(Reload.ACCEPTED, f"serial {facts.serial:x}, for localhost, valid until {until} UTC")]
    assert live.identity.context is not live.first


BAD = {
    "a key of another certificate": ("tls.key", leaf().key_pem, "tls.key is not the key of tls.crt"),
    "a certificate of another key": ("tls.crt", leaf().cert_pem, "tls.key is not the key of tls.crt"),
    "garbage for a certificate": ("tls.crt", b"garbage", "tls.crt: it holds no PEM certificate that can be read"),
    "garbage for a key": ("tls.key", b"\x00", "tls.key: it holds no unencrypted PEM private key that can be read"),
    "an empty certificate": ("tls.crt", b"", "tls.crt: it holds no PEM certificate that can be read"),
    "a flood": ("tls.crt", b"x" * (MAX_PEM_BYTES + 9), "tls.crt: it is longer than 65536 bytes"),
    "an encrypted key": (
        "tls.key",
        new_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")),
        "tls.key: it holds no unencrypted PEM private key that can be read",
    ),
}


@pytest.mark.parametrize(("name", "content", "said"), BAD.values(), ids=BAD)
def test_what_cannot_be_served_is_told_once_and_the_old_pair_stays(
    live: Live, name: str, content: bytes, said: str
) -> None:
    (live.directory / name).write_bytes(content)
    live.look(5)
    assert live.outcomes == [Reload.REJECTED]
    assert live.told[0][1].startswith(said)
    assert f"; still serving serial {read_facts(live.pair.cert_pem).serial:x}" in live.told[0][1]
    assert live.identity.context is live.first


@pytest.mark.parametrize("name", ["tls.crt", "tls.key"])
def test_a_file_that_is_gone_is_told_once_and_the_old_pair_stays(live: Live, name: str) -> None:
    (live.directory / name).unlink()
    live.look(5)
    assert live.outcomes == [Reload.REJECTED]
    assert live.told[0][1].startswith(f"{live.directory / name}: No such file or directory; still serving")


def test_each_other_bad_content_is_told(live: Live) -> None:
    for content in (b"garbage", b"more garbage"):
        (live.directory / "tls.crt").write_bytes(content)
        live.look(3)
    assert live.outcomes == [Reload.REJECTED, Reload.REJECTED]


def test_a_pair_that_is_torn_at_one_look_only_is_no_news(live: Live) -> None:
    fresh = leaf()
    (live.directory / "tls.crt").write_bytes(fresh.cert_pem)
    live.look()
    (live.directory / "tls.key").write_bytes(fresh.key_pem)
    live.look()
    assert live.outcomes == [Reload.ACCEPTED]


def test_the_return_of_the_pair_in_force_is_told(live: Live) -> None:
    (live.directory / "tls.crt").write_bytes(b"garbage")
    live.look(2)
    put(live.directory, live.pair)
    live.look(2)
    assert live.outcomes == [Reload.REJECTED, Reload.ACCEPTED]
    assert live.identity.context is live.first


def test_a_certificate_of_the_future_waits_until_it_is_valid(live: Live) -> None:
    put(live.directory, leaf(NOW + timedelta(hours=3)))
    live.look(3)
    assert live.outcomes == [Reload.REJECTED]
    assert live.told[0][1].startswith("tls.crt: it is not valid before")
    live.now = NOW + timedelta(hours=2, seconds=1)
    live.look()
    assert live.outcomes == [Reload.REJECTED, Reload.ACCEPTED]


def test_an_expired_certificate_replaces_none_that_is_valid(live: Live) -> None:
    put(live.directory, leaf(NOW - timedelta(days=9), days=5))
    live.look(3)
    assert live.outcomes == [Reload.REJECTED]
    assert live.told[0][1].startswith("tls.crt: it expired on")


def test_an_expired_certificate_is_served_when_there_is_no_better_one(tmp_path: Path) -> None:
    put(tmp_path, leaf(NOW - timedelta(days=9), days=5))
    assert load_identity(tmp_path).facts.fault(NOW).startswith("it expired on")


def test_a_secret_volume_is_followed_when_kubernetes_swaps_its_directory(tmp_path: Path) -> None:
    mount = SecretVolume(tmp_path, leaf())
    told: list[Reload] = []
    identity = LiveIdentity(tmp_path, load_identity(tmp_path), lambda outcome, _: told.append(outcome))
    mount.swap(leaf())
    identity.check()
    assert told == [Reload.ACCEPTED]


def test_a_callback_that_fails_does_not_end_the_thread(tmp_path: Path) -> None:
    put(tmp_path, leaf())
    heard = threading.Semaphore(0)

    def hear(outcome: Reload, detail: str) -> None:
        heard.release()
        raise KeyError(outcome, detail)

    identity = LiveIdentity(tmp_path, load_identity(tmp_path), hear, interval=0.01)
    identity.start()
    for _ in range(2):
        put(tmp_path, leaf())
        assert heard.acquire(timeout=PATIENCE)
    identity.stop()


def test_sends_of_a_deadline_socket_end_together(tmp_path: Path) -> None:
    put(tmp_path, leaf())
    ours, theirs = socket.socketpair()
    client_context = ssl.create_default_context(cadata=CA.cert_pem.decode())
    with ours, theirs:
        shaking = threading.Thread(
            target=lambda: shaken.append(client_context.wrap_socket(theirs, server_hostname="localhost"))
        )
        shaken: list[ssl.SSLSocket] = []
        shaking.start()
        server = load_identity(tmp_path).context.wrap_socket(ours, server_side=True)
        shaking.join()
        with server, shaken[0]:
            assert isinstance(server, DeadlineSocket)
            server.patience = 0.3
            begin = monotonic()
            with pytest.raises(TimeoutError):
                server.sendall(bytes(10_000_000))
            assert 0.2 < monotonic() - begin < PATIENCE


@pytest.mark.parametrize("name", ["tls.crt", "tls.key"])
def test_a_directory_that_lacks_a_file_cannot_be_served(tmp_path: Path, name: str) -> None:
    put(tmp_path, leaf())
    (tmp_path / name).unlink()
    with pytest.raises(TlsError, match=f"{name}: No such file"):
        load_identity(tmp_path)


# Over the wire


class SecretVolume:
    """A directory as the kubelet writes a Secret: names are links into `..data`, which is swapped as a whole."""

    def __init__(self, directory: Path, pair: Pair) -> None:
        self._directory = directory
        self._number = 0
        self.swap(pair)
        for name in ("tls.crt", "tls.key"):
            (directory / name).symlink_to(f"..data/{name}")

    def swap(self, pair: Pair) -> None:
        self._number += 1
        fresh = self._directory / f"..{self._number}"
        fresh.mkdir()
        put(fresh, pair)
        link = self._directory / "..data_tmp"
        link.symlink_to(fresh.name)
        link.replace(self._directory / "..data")
        for old in self._directory.glob(f"..{self._number - 1}"):
            shutil.rmtree(old)


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
        assert reloads(server) == ["accepted"]


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
        assert reloads(server) == ["rejected", "accepted"]


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
