"""Only what an API server sends is read by hand; whatever could be read in two ways goes to gunicorn's parser."""

import pytest

from webhook.serving.http.head import plain_path, timeout

LINES = (
    "POST /validate?timeout=10s HTTP/1.1",
    "Host: airlock.airlock.svc:443",
    "User-Agent: kube-apiserver-admission",
    "Content-Length: 11317",
    "Accept: application/json, */*",
    "Content-Type: application/json",
    "Accept-Encoding: gzip",
)


def head(*lines: str) -> bytes:
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def test_the_head_of_an_api_server_is_plain() -> None:
    assert plain_path(head(*LINES)) == "/validate"
    assert plain_path(head(*LINES, "Traceparent: 00-0af7-b7ad-01")) == "/validate"
    assert plain_path(head("POST /mutate HTTP/1.1", *LINES[1:])) == "/mutate"


@pytest.mark.parametrize("missing", range(1, 6))
def test_a_head_without_host_length_or_type_is_not_plain(missing: int) -> None:
    found = plain_path(head(*LINES[:missing], *LINES[missing + 1 :]))
    assert (found is None) == (LINES[missing].split(":")[0] in ("Host", "Content-Length", "Content-Type"))


@pytest.mark.parametrize(
    "line",
    [
        "GET /validate HTTP/1.1",
        "POST /validate HTTP/1.0",
        "POST /validate HTTP/2.0",
        "POST  /validate HTTP/1.1",
        "POST /validate/ HTTP/1.1",
        "POST /Validate HTTP/1.1",
        "POST /%76alidate HTTP/1.1",
        "POST https://airlock/validate HTTP/1.1",
        "POST /validate?timeout=10s&x=1 HTTP/1.1",
        "POST /validate?timeout=-1s HTTP/1.1",
        "post /validate HTTP/1.1",
    ],
)
def test_any_other_request_line_is_not_plain(line: str) -> None:
    assert plain_path(head(line, *LINES[1:])) is None


@pytest.mark.parametrize(
    "field",
    [
        "Content-Length: 11317",
        "content-length: 5",
        "Transfer-Encoding: chunked",
        "Content-Encoding: gzip",
        "Connection: close",
        "Connection: keep-alive",
        "Expect: 100-continue",
        "Upgrade: h2c",
        "X-Forwarded-Proto: http",
        "Traceparent:",
        "Traceparent: a\x01b",
        "Traceparent: \xe9",
        "Traceparent : a",
        " folded",
        "no colon",
        "Host: other",
    ],
)
def test_a_field_that_is_unknown_double_or_odd_makes_a_head_not_plain(field: str) -> None:
    assert plain_path(head(*LINES, field)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Content-Length: 11317", "Content-Length: +5"),
        ("Content-Length: 11317", "Content-Length: 1,2"),
        ("Content-Length: 11317", "Content-Length: 9999999999"),
        ("Content-Type: application/json", "Content-Type: application/json; charset=utf-8"),
        ("Content-Type: application/json", "Content-Type: text/json"),
        ("Host: airlock.airlock.svc:443", "Host: a b"),
        ("Host: airlock.airlock.svc:443", "Host: a/b"),
    ],
)
def test_an_odd_value_makes_a_head_not_plain(old: str, new: str) -> None:
    assert plain_path(head(*LINES).replace(old.encode(), new.encode())) is None


def test_bare_line_feeds_and_bytes_behind_the_end_are_not_plain() -> None:
    assert plain_path(head(*LINES).replace(b"\r\n", b"\n")) is None
    assert plain_path(head(*LINES) + b"x") is None


def test_how_long_a_client_waits_is_read_from_its_request_line() -> None:
    assert timeout(head(*LINES)) == 10.0
    assert timeout(b"POST /validate?timeout=2s&x=y HTTP/1.1\r\n") == 2.0
    assert timeout(b"POST /validate?timeout=x HTTP/1.1\r\n") is None
    assert timeout(b"POST /validate HTTP/1.1\r\n") is None
    assert timeout(b"") is None
