"""How much of a ClientHello is still to come is known from its beginning, however it was cut into records."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.serving.http.hello import MOST, needed


def client_hello() -> bytes:
    out = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


HELLO = client_hello()


@given(st.integers(0, len(HELLO) - 1))
def test_a_real_hello_is_whole_at_its_last_byte(length: int) -> None:
    assert length < needed(HELLO[:length]) <= len(HELLO)
    assert needed(HELLO) == 0


def test_a_hello_in_records_of_one_byte_each_is_whole_at_the_last_of_them() -> None:
    content = HELLO[5:]
    records = b"".join(b"\x16\x03\x01\x00\x01" + content[n : n + 1] for n in range(len(content)))
    assert needed(records) == 0
    assert needed(records[:-6]) > len(records) - 6


ODD = [b"\x15\x03\x01\x00\x02", b"\x16\x02\x01\x00\x05", b"\x16\x03\x01\xff\xff", b"\x16\x03\x01\x00\x00"]


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n", *ODD])
def test_what_begins_like_no_hello_is_for_openssl_to_refuse(data: bytes) -> None:
    assert needed(data) == 0


def test_a_hello_that_never_ends_is_not_waited_for_without_limit() -> None:
    endless = b"\x16\x03\x01\x00\x04\x01\xff\xff\xff" + b"\x16\x03\x01\x40\x00" + bytes(16384)
    while len(endless) <= MOST:
        assert needed(endless) > 0
        endless += b"\x16\x03\x01\x40\x00" + bytes(16384)
    assert needed(endless) == 0
