"""The identity in force: what is loaded, what is rejected, and what is told about it."""

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

import pytest
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from certs.certificate import MAX_PEM_BYTES, read_facts
from certs.issue import Pair, issue_ca, issue_leaf, new_key
from certs.names import parse_names
from tests.harness.serving_process import PATIENCE, SecretVolume, put
from webhook.serving.http.certfile import Reload, TlsError, held
from webhook.serving.http.tls import DeadlineSocket, LiveIdentity, load_identity

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


def test_openssl_gets_the_file_that_was_looked_at_whatever_has_taken_its_place(tmp_path: Path) -> None:
    path = tmp_path / "tls.crt"
    path.write_bytes(b"a certificate")
    with held(path) as name:
        path.unlink()
        os.mkfifo(path)
        assert Path(name).read_bytes() == b"a certificate"
    with pytest.raises(TlsError, match="not a regular file"), held(path):
        pass
