"""A real registry is asked what an image was built from, as nobody, by password and by token."""

import base64
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from certs.issue import Pair, issue_ca, issue_leaf
from certs.names import parse_names
from tests.harness.docker_registry import PASSWORD, USER, DockerRegistry, basic, running
from webhook.pods.image import parse
from webhook.registry.client import RegistryError
from webhook.registry.credentials import read_credentials
from webhook.registry.hosts import allowed
from webhook.registry.revision import Registries, Revision
from webhook.registry.wire import Wire

COMMIT, OTHER = "4f2c9d1" + "0" * 33, "9e107d9" + "0" * 33


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    with running(tmp_path_factory.mktemp("registry")) as registry:
        yield registry


@pytest.fixture(scope="module")
def leaf(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Pair]:
    folder = tmp_path_factory.mktemp("tls")
    now = datetime.now(UTC)
    ca = issue_ca(now)
    (folder / "ca.crt").write_bytes(ca.cert_pem)
    return folder, issue_leaf(ca, parse_names(["127.0.0.1"]), now)


def asking(registry: DockerRegistry, *options: str, login: bytes = b"{}") -> Registries:
    declared = ";".join([registry.address, *options, *(() if registry.tls else ("plain-http",))])
    logins = read_credentials(login)
    return Registries(allowed([declared]), lambda: logins, wire=Wire(registry.tls or ssl.create_default_context()))


def docker_config(address: str, password: str = PASSWORD) -> bytes:
    auth = base64.b64encode(f"{USER}:{password}".encode()).decode()
    return json.dumps({"auths": {f"https://{address}/v1/": {"auth": auth}}}).encode()


def test_both_platforms_of_an_index_are_read(plain: DockerRegistry) -> None:
    digest = plain.index("data/airflow", "2.10.5", {"linux/amd64": COMMIT, "linux/arm64": COMMIT})
    found = asking(plain).revision(parse(f"{plain.address}/data/airflow:2.10.5"))
    assert (found.digest, found.revisions, len(found.platforms)) == (digest, (COMMIT,), 2)


def test_platforms_of_different_revisions_are_both_told(plain: DockerRegistry) -> None:
    plain.index("data/airflow", "mixed", {"linux/amd64": COMMIT, "linux/arm64": None})
    assert asking(plain).revision(parse(f"{plain.address}/data/airflow:mixed")).revisions == ("", COMMIT)


def test_an_image_without_an_index_is_found_by_its_digest_whatever_tag_stands_before_it(plain: DockerRegistry) -> None:
    digest, _ = plain.image("etl", OTHER, "nightly")
    found = asking(plain).revision(parse(f"{plain.address}/etl:gone@{digest}"))
    assert found == Revision(digest, (OTHER,))


def test_a_tag_that_was_pushed_again_is_what_it_is_now(plain: DockerRegistry) -> None:
    plain.image("etl", OTHER, "moving")
    digest, _ = plain.image("etl", COMMIT, "moving")
    assert asking(plain).revision(parse(f"{plain.address}/etl:moving")) == Revision(digest, (COMMIT,))


def test_what_is_not_there_is_told(plain: DockerRegistry) -> None:
    with pytest.raises(RegistryError, match="has no such image"):
        asking(plain).revision(parse(f"{plain.address}/etl:never"))


def test_a_registry_that_is_not_allowed_is_not_asked(plain: DockerRegistry) -> None:
    with pytest.raises(RegistryError, match=r"registry\.example\.com is not among the registries that airlock may ask"):
        asking(plain).revision(parse("registry.example.com/etl:1"))
    with pytest.raises(RegistryError, match="localhost"):
        asking(plain).revision(parse(plain.address.replace("127.0.0.1", "localhost") + "/etl:1"))


def test_a_password_is_given_over_tls_alone(leaf: tuple[Path, Pair], tmp_path: Path) -> None:
    folder, pair = leaf
    (tmp_path / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())
    with running(tmp_path, pair, login=True) as registry:
        registry.index("data/airflow", "1", {"linux/amd64": COMMIT, "linux/arm64": COMMIT})
        image = parse(f"{registry.address}/data/airflow:1")
        assert asking(registry, login=docker_config(registry.address)).revision(image).revisions == (COMMIT,)
        with pytest.raises(RegistryError, match="asks for credentials"):
            asking(registry).revision(image)
        with pytest.raises(RegistryError, match="does not take the credentials given") as refused:
            asking(registry, login=docker_config(registry.address, "wrong")).revision(image)
        assert "wrong" not in str(refused.value)
        untrusting = Registries(allowed([registry.address]))
        with pytest.raises(RegistryError, match="certificate is not trusted"):
            untrusting.revision(image)
    with running(tmp_path, login=True) as registry:
        image = parse(f"{registry.address}/data/airflow:1")
        with pytest.raises(RegistryError, match="none are sent without TLS"):
            asking(registry, login=docker_config(registry.address)).revision(image)


class Tokens:
    """Gives tokens as a registry's own server does: to USER for what is asked for, to nobody for `open/`."""

    def __init__(self, pair: Pair, tls: ssl.SSLContext) -> None:
        self.asked: list[tuple[dict[str, list[str]], str | None]] = []
        self._pair = pair
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = parse_qs(urlsplit(self.path).query)
                outer.asked.append((query, self.headers["Authorization"]))
                body = json.dumps(outer.answer(query, self.headers["Authorization"])).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.address = f"127.0.0.1:{self.server.server_port}"

    def answer(self, query: Mapping[str, list[str]], authorization: str | None) -> dict[str, Any]:
        kind, name, actions = query["scope"][0].split(":")
        good = authorization == basic() or (authorization is None and name.startswith("open/"))
        access = [{"type": kind, "name": name, "actions": actions.split(",")}] if good else []
        return {"access_token": self.signed(query["service"][0], access)}

    def signed(self, service: str, access: list[dict[str, Any]]) -> str:
        now = datetime.now(UTC)
        certificate = load_pem_x509_certificate(self._pair.cert_pem)
        chain = [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()]
        claims = {
            "iss": "airlock's tests",
            "sub": USER,
            "aud": service,
            "iat": int(now.timestamp()) - 10,
            "nbf": int(now.timestamp()) - 10,
            "exp": int((now + timedelta(minutes=5)).timestamp()),
            "access": access,
        }
        text = ".".join(
            _b64(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ES256", "x5c": chain}, claims)
        )
        key = load_pem_private_key(self._pair.key_pem, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        r, s = decode_dss_signature(key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{text}.{_b64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def test_a_token_is_fetched_from_the_realm_that_was_declared_and_from_no_other(
    leaf: tuple[Path, Pair], tmp_path: Path
) -> None:
    folder, pair = leaf
    (tmp_path / "ca.crt").write_bytes((folder / "ca.crt").read_bytes())
    (tmp_path / "leaf.crt").write_bytes(pair.cert_pem)
    (tmp_path / "leaf.key").write_bytes(pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "leaf.crt", tmp_path / "leaf.key")
    tokens = Tokens(pair, context)
    thread = threading.Thread(target=tokens.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    settings = {
        "realm": f"https://{tokens.address}/token",
        "service": "the registry",
        "issuer": "airlock's tests",
        "rootcertbundle": str(tmp_path / "ca.crt"),
    }
    try:
        with running(tmp_path, pair, token=settings) as registry:
            every = ["pull", "push"]
            for name in ("open/airflow", "data/airflow"):
                access = [{"type": "repository", "name": name, "actions": every}]
                pushing = DockerRegistry(
                    registry.address,
                    registry.tls,
                    registry.log,
                    {"Authorization": f"Bearer {tokens.signed('the registry', access)}"},
                )
                pushing.index(name, "1", {"linux/amd64": COMMIT, "linux/arm64": COMMIT})
            open_, closed = (parse(f"{registry.address}/{name}/airflow:1") for name in ("open", "data"))
            realm, login = f"realm={tokens.address}", docker_config(registry.address)
            assert asking(registry, realm).revision(open_).revisions == (COMMIT,)
            assert asking(registry, realm, login=login).revision(closed).revisions == (COMMIT,)
            with pytest.raises(RegistryError, match="does not take the credentials given"):
                asking(registry, realm).revision(closed)
            before = len(tokens.asked)
            with pytest.raises(RegistryError, match=f"for a token; if it may, declare it: {realm}"):
                asking(registry, login=login).revision(closed)
            assert len(tokens.asked) == before
    finally:
        tokens.server.shutdown()
        tokens.server.server_close()
        thread.join()
    assert {query["scope"][0] for query, _ in tokens.asked} == {
        "repository:open/airflow:pull",
        "repository:data/airflow:pull",
    }
    assert [authorization for _, authorization in tokens.asked] == [None, basic(), None]
