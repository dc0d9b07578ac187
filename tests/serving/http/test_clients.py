"""Certificates of clients: who may ask for a judgement, over real handshakes with a real airlock."""

import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any, Self

import pytest
from click.testing import CliRunner
from cryptography import x509

from tests.harness.control_plane.pki import Authority, Pair
from tests.harness.reviews import review, scheduler
from tests.harness.server import Server, serving
from tests.harness.waiting import until
from webhook.__main__ import main
from webhook.serving.http.clients import refusal

KNOWN, FOREIGN = Authority("clients"), Authority("others")
NAMES = ("kube-apiserver", "api.example.com", "spiffe://example.com/api")
BODY = review(scheduler())
QUICK: dict[str, str] = {}
THREADS = {"X-Other": "1"}  # a head that the quick lane leaves to them
PATHS = ("/validate", "/mutate", "/guard")
NONE = "only clients with a certificate may ask, and this one has sent none"
OTHER = "the client's certificate is for 'kubelet', and only the names given with --client-name may ask"


class Client:
    """A client that shows *pair* over one connection, as long as a with block lasts."""

    def __init__(
        self, server: Server, folder: Path, pair: Pair | None = None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> None:
        context = ssl.create_default_context(cafile=server.ca)
        context.maximum_version = version
        if pair is not None:
            file = folder / "client.pem"
            file.write_text(pair.public + pair.key)
            context.load_cert_chain(file)
        self.connection = HTTPSConnection("localhost", server.port, context=context, timeout=30)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def ask(
        self, path: str = "/validate", body: bytes | None = BODY, headers: Mapping[str, str] = QUICK
    ) -> tuple[int, str]:
        """POST *body*, GET without one; return status and text."""
        sent = {"Content-Type": "application/json", **headers}
        self.connection.request("GET" if body is None else "POST", path, body, sent)
        answer = self.connection.getresponse()
        return answer.status, answer.read().decode()


def asked(
    server: Server, folder: Path, pair: Pair | None = None, path: str = "/validate", body: bytes | None = BODY
) -> tuple[int, str]:
    """Ask once, over a connection of its own."""
    with Client(server, folder, pair) as client:
        return client.ask(path, body)


def write(folder: Path, *certificates: str) -> Path:
    file = folder / "clients.crt"
    file.write_text("".join(certificates))
    return file


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return an airlock that answers clients of three names."""
    folder = tmp_path_factory.mktemp("named")
    names = [argument for name in NAMES for argument in ("--client-name", name)]
    with serving(folder, "--client-ca", str(write(folder, KNOWN.certificate)), *names) as running:
        yield running


@pytest.fixture
def unnamed(tmp_path: Path) -> Iterator[Server]:
    """Return an airlock that answers every client of an authority."""
    with serving(tmp_path, "--client-ca", str(write(tmp_path, KNOWN.certificate))) as running:
        yield running


BY_NAME = {
    "common name": KNOWN.client(NAMES[0]),
    "DNS name": KNOWN.client("other", names=[x509.DNSName(NAMES[1])]),
    "URI": KNOWN.client("other", names=[x509.UniformResourceIdentifier(NAMES[2])]),
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("pair", BY_NAME.values(), ids=BY_NAME)
def test_a_client_with_an_allowed_name_is_answered(
    server: Server, tmp_path: Path, pair: Pair, version: ssl.TLSVersion
) -> None:
    with Client(server, tmp_path, pair, version) as client:
        for path in PATHS:
            assert client.ask(path)[0] == 200  # in the loop
            assert client.ask(path, headers=THREADS)[0] == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    ("pair", "said"), [(None, NONE), (KNOWN.client("kubelet"), OTHER)], ids=["no certificate", "another name"]
)
def test_any_other_client_is_told_why_not_and_counted(
    server: Server, tmp_path: Path, pair: Pair | None, said: str, path: str
) -> None:
    series = f'airlock_admission_reviews_total{{dry_run="false",operation="other",path="{path}",verdict="refused"}}'
    before = server.metric(series)
    with Client(server, tmp_path, pair) as client:
        for body in (BODY, b"{"):  # it is not looked at
            assert [client.ask(path, body), client.ask(path, body, headers=THREADS)] == [(403, f"{said}\n")] * 2
    assert server.metric(series) == before + 4


@pytest.mark.parametrize("size", [300_000, 50_000_000])
def test_a_large_body_of_a_client_that_may_not_ask_is_not_read(server: Server, tmp_path: Path, size: int) -> None:
    with Client(server, tmp_path) as client:
        client.connection.putrequest("POST", "/validate")
        client.connection.putheader("Content-Type", "application/json")
        client.connection.putheader("Content-Length", str(size))
        client.connection.endheaders(b" " * 100_000)
        answer = client.connection.getresponse()
        assert (answer.status, answer.read().decode()) == (403, f"{NONE}\n")


def test_a_client_cannot_give_itself_a_name_by_a_header(server: Server, tmp_path: Path) -> None:
    headers = {"X-Remote-User": NAMES[0], "SSL-Client-S-Dn": f"CN={NAMES[0]}"}
    with Client(server, tmp_path) as client:
        assert client.ask(headers=headers)[0] == 403


def test_probes_need_no_certificate(server: Server, tmp_path: Path) -> None:
    for path in ("/readyz", "/healthz"):
        assert asked(server, tmp_path, None, path, None)[0] == 200
        assert server.probe(path)[0] == 200
    assert server.probe("/metrics")[0] == 200


def test_a_certificate_of_another_authority_gets_no_handshake_done(server: Server, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"(?i)unknown.ca|reset"):
        asked(server, tmp_path, FOREIGN.client(NAMES[0]))


def test_a_servers_certificate_is_no_clients(server: Server, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"(?i)certificate|reset"):
        asked(server, tmp_path, KNOWN.server(NAMES[0], [NAMES[1]]))


def test_without_names_any_certificate_of_the_authority_will_do(unnamed: Server, tmp_path: Path) -> None:
    assert asked(unnamed, tmp_path, KNOWN.client("anybody"))[0] == 200
    assert asked(unnamed, tmp_path) == (403, f"{NONE}\n")


def test_the_authorities_are_read_again_and_bad_ones_change_nothing(unnamed: Server, tmp_path: Path) -> None:
    def status(pair: Pair) -> int:
        try:
            return asked(unnamed, tmp_path, pair)[0]
        except OSError:
            return 0

    first, second = KNOWN.client("a"), FOREIGN.client("b")
    with Client(unnamed, tmp_path, first) as kept:
        assert (kept.ask()[0], status(second)) == (200, 0)
        write(tmp_path, KNOWN.certificate, FOREIGN.certificate)
        until(lambda: status(second) == 200, "the second authority")
        assert status(first) == 200
        write(tmp_path, "garbage")
        until(lambda: "it holds no PEM certificate of an authority" in unnamed.log.read_text(), "the rejection")
        assert (status(first), status(second)) == (200, 200)
        write(tmp_path, FOREIGN.certificate)
        until(lambda: status(first) == 0, "the end of the first authority")
        assert status(second) == 200
        assert kept.ask()[0] == 200  # as with a new certificate of the server: open connections stay as they are


def test_a_resumed_session_keeps_its_certificate(server: Server, tmp_path: Path) -> None:
    with Client(server, tmp_path, BY_NAME["common name"], ssl.TLSVersion.TLSv1_2) as client:
        assert client.ask()[0] == 200
        sock = client.connection.sock
        tcp = socket.create_connection(("127.0.0.1", server.port), 30)
        again = sock.context.wrap_socket(tcp, server_hostname="localhost", session=sock.session)
        assert again.session_reused
        client.connection.close()
        client.connection.sock = again
        assert client.ask()[0] == 200


BAD = {
    "no file": (None, "No such file or directory"),
    "an empty file": ("", "it holds no PEM certificate of an authority"),
    "garbage": ("garbage", "it holds no PEM certificate of an authority"),
    "a client's certificate": (KNOWN.client("a").public, "it holds no PEM certificate of an authority"),
    "a client's beside an authority's": (
        KNOWN.certificate + KNOWN.client("a").public,
        "one of its certificates is no authority's",
    ),
    "a flood": (KNOWN.certificate + "#" * 70_000, "it is longer than 65536 bytes"),
}


@pytest.mark.parametrize(("content", "said"), BAD.values(), ids=BAD)
def test_a_bad_file_at_the_start_ends_it_with_a_sentence(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "clients.crt" if content is None else write(tmp_path, content)
    run = started(tmp_path, "--client-ca", str(file))
    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith(f"airlock: {file}: {said}")


def test_names_without_an_authority_are_a_wrong_option(tmp_path: Path) -> None:
    run = started(tmp_path, "--client-name", "kube-apiserver")
    assert run.returncode == 2
    assert "--client-name needs --client-ca" in run.stderr


def started(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "webhook", "serve", "--self-signed", "--cert-dir", str(folder / "certs")]
    ports = ["--port", "0", "--metrics-port", "0"]
    return subprocess.run([*command, *ports, *arguments], capture_output=True, text=True, check=False)


def test_the_probe_of_helm_test_expects_to_be_refused(server: Server) -> None:
    arguments = ["probe", f"https://localhost:{server.port}", "--ca", str(server.ca)]
    run = CliRunner().invoke(main, [*arguments, "--expect-refusal"])
    assert run.exit_code == 0, run.output
    assert f"/validate: {NONE}\n" in run.output
    assert CliRunner().invoke(main, arguments).exit_code == 1


def test_the_probe_fails_where_everybody_is_answered(tmp_path: Path) -> None:
    with serving(tmp_path) as open_to_all:
        arguments = ["probe", f"https://localhost:{open_to_all.port}", "--ca", str(open_to_all.ca), "--expect-refusal"]
        assert CliRunner().invoke(main, arguments).exit_code == 1


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        ({"subject": ()}, "is for nobody"),
        ({"subject": (), "subjectAltName": (("IP Address", "kube-apiserver"),)}, "is for nobody"),
        ({"subject": ((("organizationName", "kube-apiserver"),),)}, "is for nobody"),
        ({"subject": ((("commonName", "KUBE-APISERVER"),),)}, "is for 'KUBE-APISERVER'"),
    ],
)
def test_only_common_name_dns_and_uri_are_names_and_they_are_compared_exactly(
    certificate: dict[str, Any], said: str
) -> None:
    assert said in refusal(certificate, frozenset(NAMES))
    assert refusal(certificate, frozenset()) == ""
