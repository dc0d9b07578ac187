"""A registry may say what it likes: airlock goes nowhere for it, waits little, reads little and believes digests."""

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest

from certs.issue import issue_ca, issue_leaf
from certs.names import parse_names
from tests.harness.docker_registry import digest_of
from tests.harness.hostile import Asked, Hostile, endless, hostile, reply
from webhook.pods.image import parse
from webhook.registry.client import AwayError, RegistryError
from webhook.registry.credentials import Login
from webhook.registry.hosts import allowed
from webhook.registry.revision import MOST_PLATFORMS, Registries
from webhook.registry.wire import SECONDS, Wire, resolve

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = json.dumps({"config": {"Labels": {"org.opencontainers.image.revision": "4f2c9d1"}}}).encode()


def manifest(config: bytes = CONFIG, **more: object) -> bytes:
    return json.dumps({"mediaType": MANIFEST, "config": {"digest": digest_of(config)}, **more}).encode()


def ask(server: Hostile, reference: str = "etl:1", *options: str) -> str:
    """Ask *server* for the revision of *reference*, with a login at hand, and return why there is none."""
    registries = Registries(
        allowed([";".join([server.address, "plain-http", *options])]),
        lambda: {server.address: Login("ci", "secret")},
        wire=Wire(ssl.create_default_context()),
    )
    with pytest.raises(RegistryError) as refused:
        registries.revision(parse(f"{server.address}/{reference}"))
    assert "secret" not in str(refused.value)
    return str(refused.value)


def says(*whole: bytes) -> Callable[[Asked], Iterator[bytes]]:
    """Answer requests with *whole*, one after the other, and all further ones with the last."""
    left = list(whole)
    return lambda _: iter([left.pop(0) if len(left) > 1 else left[0]])


def test_a_good_answer_is_taken_from_the_same_kind_of_server() -> None:
    with hostile(says(reply("200 OK", manifest()), reply("200 OK", CONFIG))) as server:
        registries = Registries(allowed([f"{server.address};plain-http"]))
        assert registries.revision(parse(f"{server.address}/etl:1")).revisions == ("4f2c9d1",)
    assert [asked.target for asked in server.asked] == ["/v2/etl/manifests/1", f"/v2/etl/blobs/{digest_of(CONFIG)}"]


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("http://169.254.169.254/latest/meta-data/", "http://169.254.169.254"),
        ("//169.254.169.254/latest/meta-data/", "http://169.254.169.254"),
        ("https://registry.example.com/v2/", "https://registry.example.com"),
        ("http://127.0.0.1:1/v2/", "http://127.0.0.1:1"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_a_redirect_to_another_host_is_not_followed(location: str, told: str) -> None:
    with hostile(says(reply("307 Temporary Redirect", b"", f"Location: {location}"))) as server:
        assert f"redirects to '{told}', which is not followed" in ask(server)
    assert len(server.asked) == 1


def test_a_redirect_that_leads_back_to_the_server_ends_after_a_few() -> None:
    with hostile(says(reply("302 Found", b"", "Location: /v2/again"))) as server:
        assert "answers 302" in ask(server)
    assert len(server.asked) == 4


def test_a_redirect_carries_no_user() -> None:
    with hostile(
        lambda asked: iter([reply("302 Found", b"", f"Location: http://me@{asked.headers['host']}/")])
    ) as server:
        assert "is not followed" in ask(server)


@pytest.mark.parametrize(
    "realm",
    [
        "http://169.254.169.254/token",
        "https://auth.example.com/token",
        "http://127.0.0.1:1/token",
        "https://ci:secret@auth.example.com/",
        "/token",
        "",
        "http://[::1",
    ],
)
def test_a_realm_elsewhere_is_not_asked(realm: str) -> None:
    challenge = f'WWW-Authenticate: Bearer realm="{realm}",service="x"'
    with hostile(says(reply("401 Unauthorized", b"", challenge))) as server:
        told = ask(server)
    assert "for a token" in told or "for tokens" in told
    assert len(server.asked) == 1


def test_credentials_go_nowhere_without_tls() -> None:
    def answer(asked: Asked) -> Iterator[bytes]:
        yield reply("401 Unauthorized", b"", f'WWW-Authenticate: Bearer realm="http://{asked.headers["host"]}/token"')

    with hostile(says(reply("401 Unauthorized", b"", "WWW-Authenticate: Basic realm=x"))) as server:
        assert "none are sent without TLS" in ask(server)
    with hostile(answer) as other:
        assert "gives no token anonymously: 401" in ask(other)
    assert [asked.headers.get("authorization") for asked in server.asked + other.asked] == [None, None, None]
    assert other.asked[1].target == "/token?scope=repository%3Aetl%3Apull"


def test_a_token_with_a_line_end_is_not_sent() -> None:
    def answer(asked: Asked) -> Iterator[bytes]:
        if asked.target.startswith("/token"):
            yield reply("200 OK", b'{"token": "x\\r\\nX-Injected: 1"}')
        yield reply("401 Unauthorized", b"", f'WWW-Authenticate: Bearer realm="http://{asked.headers["host"]}/token"')

    with hostile(answer) as server:
        assert "holds none that can be sent" in ask(server)
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("head", "chunk"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"{" * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b" " * 65536 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", b" " * 65536),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: 1\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 65536),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"", b"y" * 65536),
    ],
    ids=["until it closes", "chunked", "announced", "trailers", "one header", "headers", "continue", "no line"],
)
def test_an_endless_answer_is_left_in_bounds(head: bytes, chunk: bytes) -> None:
    with hostile(lambda _: endless(head, chunk)) as server:
        ask(server)
    # What lies in the buffers of two sockets is beyond the client's doing.
    assert server.sent < 24 << 20
    assert len(server.asked) == 1


def test_a_stalled_registry_costs_one_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        address = f"127.0.0.1:{deaf.getsockname()[1]}"
        times = iter([0.0, 0.0, SECONDS - 0.1, SECONDS - 0.1])
        wire = Wire(ssl.create_default_context(), clock=lambda: next(times, SECONDS))
        registries = Registries(allowed([f"{address};plain-http"]), wire=wire)
        with pytest.raises(AwayError, match=f"{address} did not answer within 2 s"):
            registries.revision(parse(f"{address}/etl:1"))


def test_a_registry_that_drips_has_as_long_as_one_that_is_silent() -> None:
    ticks, read = count(), threading.Semaphore(0)

    def clock() -> float:  # a quarter of a second passes whenever the client waits for a byte, which comes only then
        read.release()
        return next(ticks) / 4

    def drip(_: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
        for _byte in range(100):
            read.acquire()
            yield b" "

    with hostile(drip) as server:
        wire = Wire(ssl.create_default_context(), clock=clock)
        registries = Registries(allowed([f"{server.address};plain-http"]), wire=wire)
        with pytest.raises(AwayError, match="did not answer within 2 s"):
            registries.revision(parse(f"{server.address}/etl:1"))
        read.release(100)


def test_a_body_that_is_not_what_its_digest_says_is_refused() -> None:
    body = manifest()
    wrong, right = "sha256:" + "0" * 64, f"Docker-Content-Digest: {digest_of(body)}"
    with hostile(says(reply("200 OK", body))) as by_digest:
        assert "sends something else than sha256:" in ask(by_digest, f"etl@{wrong}")
    with hostile(says(reply("200 OK", body, f"Docker-Content-Digest: {wrong}"))) as by_tag:
        assert "sends something else than sha256:" in ask(by_tag)
    with hostile(says(reply("200 OK", body, right), reply("200 OK", b"{}"))) as blob:
        assert "sends something else than sha256:" in ask(blob)
    with hostile(says(reply("200 OK", body, "Docker-Content-Digest: md5:0"))) as odd:
        assert "which is no digest" in ask(odd)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"config": 5}',
        b'{"config": {"digest": "../../etc"}}',
        b"{}",
        b"\xff",
        json.dumps({"mediaType": INDEX, "manifests": []}).encode(),
        json.dumps({"mediaType": INDEX, "manifests": [{"digest": "x?y=1"}]}).encode(),
        json.dumps({"mediaType": INDEX, "manifests": [{"digest": "sha256:../"}]}).encode(),
        json.dumps({"mediaType": INDEX, "manifests": [{"digest": digest_of(b"")}] * (MOST_PLATFORMS + 1)}).encode(),
        json.dumps({"mediaType": "application/vnd.docker.distribution.manifest.v1+prettyjws"}).encode(),
    ],
)
def test_what_is_no_manifest_is_told_and_leads_nowhere(body: bytes) -> None:
    with hostile(says(reply("200 OK", body))) as server:
        ask(server)
    assert len(server.asked) == 1


def test_an_index_within_an_index_is_not_followed_for_ever() -> None:
    inner = json.dumps({"mediaType": INDEX, "manifests": [{"digest": digest_of(b"")}]}).encode()
    outer = json.dumps({"mediaType": INDEX, "manifests": [{"digest": digest_of(inner)}]}).encode()
    with hostile(says(reply("200 OK", outer), reply("200 OK", inner))) as server:
        assert "of a kind that airlock does not read" in ask(server)
    assert len(server.asked) == 2


def test_a_revision_that_is_too_long_is_none() -> None:
    config = json.dumps({"config": {"Labels": {"org.opencontainers.image.revision": "x" * 257}}}).encode()
    with hostile(says(reply("200 OK", manifest(config)), reply("200 OK", config))) as server:
        assert "more than 256 characters" in ask(server)


def test_all_answers_about_one_image_share_one_limit() -> None:
    padded = manifest(pad=" " * (3 << 20))
    index = json.dumps({"mediaType": INDEX, "manifests": [{"digest": digest_of(padded)}] * 2}).encode()
    with hostile(
        says(reply("200 OK", index), reply("200 OK", padded), reply("200 OK", CONFIG), reply("200 OK", padded))
    ) as server:
        assert "announces" in ask(server)
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "127.0.0.1", "::1", "::ffff:169.254.169.254", "fe80::1%eth0", "0.0.0.0"],  # noqa: S104
)
def test_a_name_that_leads_to_metadata_or_to_this_machine_is_not_dialled(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    wire = Wire(ssl.create_default_context(), resolve=lambda _, __: [(family, address)])
    registries = Registries(allowed(["registry.example.com"]), wire=wire)
    with pytest.raises(AwayError, match="leads to an address that airlock never asks"):
        registries.revision(parse("registry.example.com/etl:1"))


def test_blobs_come_from_where_they_are_declared_to_come_from_without_what_the_registry_was_given(
    tmp_path: Path,
) -> None:
    now = datetime.now(UTC)
    ca = issue_ca(now)
    pair = issue_leaf(ca, parse_names(["127.0.0.1"]), now)
    (tmp_path / "crt").write_bytes(pair.cert_pem)
    (tmp_path / "key").write_bytes(pair.key_pem)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    trusting = Wire(ssl.create_default_context(cadata=ca.cert_pem.decode()))
    with hostile(says(reply("200 OK", CONFIG)), served) as store:

        def answer(asked: Asked) -> Iterator[bytes]:
            if "authorization" not in asked.headers:
                yield reply("401 Unauthorized", b"", "WWW-Authenticate: Basic realm=x")
            elif "/blobs/" in asked.target:
                yield reply("307 Temporary Redirect", b"", f"Location: https://{store.address}/signed?by=me")
            else:
                yield reply("200 OK", manifest())

        with hostile(answer, served) as server:
            logins = {server.address: Login("ci", "secret")}
            image = parse(f"{server.address}/etl:1")
            strict = Registries(allowed([server.address]), lambda: logins, wire=trusting)
            with pytest.raises(RegistryError, match=f"not followed; .* declare it: blobs={store.address}"):
                strict.revision(image)
            assert store.asked == []
            declared = allowed([f"{server.address};blobs={store.address}"])
            assert Registries(declared, lambda: logins, wire=trusting).revision(image).revisions == ("4f2c9d1",)
    assert [(asked.target, asked.headers.get("authorization")) for asked in store.asked] == [("/signed?by=me", None)]


def test_the_system_says_where_a_host_is() -> None:
    assert (socket.AF_INET, "127.0.0.1") in resolve("127.0.0.1", 443)
