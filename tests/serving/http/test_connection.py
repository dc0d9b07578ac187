"""Requests are begun when they are whole, whatever pieces they come in; what cannot be read is refused."""

import re
import socket
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.cost import LINEAR, growth
from tests.harness.serving_process import Server, is_closed, poll, serving
from webhook.serving.http.head import LONGEST
from webhook.serving.http.inbox import FRONT, HEAD_LIMIT, Inbox, UnsentError

LIMIT = 1000


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def post(body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST /validate HTTP/1.1", b"Host: airlock", *headers, b"Content-Length: %d" % len(body)]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def taken(inbox: Inbox) -> bytes:
    """Take the request out, in small pieces, as a parser does."""
    data = b""
    try:
        while True:
            data += inbox.recv(7)
    except UnsentError:
        inbox.drop()
        return data


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=4), st.data())
def test_requests_come_out_one_by_one_however_they_were_cut(bodies: list[bytes], data: st.DataObject) -> None:
    requests = [post(body) for body in bodies]
    stream = b"".join(requests)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)) | {0, len(stream)})
    inbox = Inbox(LIMIT)
    out = []
    for begin, end in pairwise(cuts):
        inbox.put(stream[begin:end])
        while inbox.is_whole():
            out.append(taken(inbox))
    assert out == requests
    assert len(inbox) == 0


@given(st.integers(LIMIT + 1, 3 * LIMIT), st.binary(max_size=40), st.data())
def test_a_large_body_is_collected_apart_and_what_follows_it_is_kept(
    size: int, rest: bytes, data: st.DataObject
) -> None:
    stream = post(bytes(size)) + rest
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)) | {0, len(stream)})
    inbox = Inbox(LIMIT)
    whole = []
    for begin, end in pairwise(cuts):
        inbox.put(stream[begin:end])
        whole.append(inbox.is_whole())
        assert inbox.has_front == (inbox.body is not None and end >= len(inbox.head) + min(size, FRONT))
    assert whole == [end >= len(stream) - len(rest) for end in cuts[1:]]
    assert inbox.body == bytearray(size)
    assert taken(inbox) == stream[: -size - len(rest)]
    assert len(inbox) == len(rest)


@given(st.binary(max_size=300))
def test_any_bytes_are_waited_for_or_given_out(data: bytes) -> None:
    inbox = Inbox(LIMIT)
    inbox.put(data)
    if inbox.is_whole():
        assert data.startswith(taken(inbox))


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1,2\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding : chunked\r\n\r\n",
        b"\r\n\r\n",
        b"x" * (HEAD_LIMIT + 1),
    ],
)
def test_what_is_going_to_be_refused_is_not_waited_for(head: bytes) -> None:
    inbox = Inbox(LIMIT)
    inbox.put(head)
    assert inbox.is_whole()
    assert taken(inbox) == head


@pytest.mark.parametrize("line", [b"Content-Length: x%sx", b"Content-Length:%sx", b"Content-Length%sx", b"Expect:%sx"])
def test_blanks_in_a_head_cost_a_time_that_grows_with_their_number(line: bytes) -> None:
    def work(blanks: int) -> Callable[[], object]:
        head = b"POST / HTTP/1.1\r\n" + line % (b" " * blanks) + b"\r\n\r\n"
        return lambda: [read_head(head) for _ in range(20)]

    assert growth(work, HEAD_LIMIT // 20) < LINEAR


def read_head(head: bytes) -> bool:
    inbox = Inbox(LIMIT)
    inbox.put(head)
    return inbox.is_whole()


def exchange(server: Server, *pieces: bytes) -> bytes:
    """Send *pieces* and return all that is answered until the server closes."""
    with server.tls() as sock:
        for piece in pieces:
            sock.sendall(piece)
        answer = b""
        while data := sock.recv(65536):
            answer += data
        return answer


def status(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1.1 ")
    return int(answer[9:12])


CLOSE = b"Connection: close"


def test_requests_sent_together_are_answered_in_order(server: Server) -> None:
    answer = exchange(server, b"".join([post(b"x"), post(b"xx"), post(b"xxx", CLOSE)]))
    lengths = [int(length) for length in re.findall(rb'{"length": (\d+)}', answer)]
    assert lengths == [1, 2, 3]


def test_a_head_longer_than_an_api_servers_is_answered_as_well(server: Server) -> None:
    answer = exchange(server, post(b"x", b"User-Agent: " + b"x" * LONGEST, CLOSE))
    assert answer.endswith(b'{"length": 1}')


def test_a_body_that_the_application_did_not_read_is_not_the_next_request(server: Server) -> None:
    first = post(post(b"", CLOSE)).replace(b"/validate", b"/unread", 1)
    answer = exchange(server, first + post(b"abc", CLOSE))
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert answer.endswith(b'{"length": 3}')


def test_a_client_that_expects_a_100_gets_it_before_it_sends_the_body(server: Server) -> None:
    request = post(b"x" * 2000, b"Expect: 100-continue", CLOSE)
    head, body = request[:-2000], request[-2000:]
    with server.tls() as sock:
        sock.sendall(head)
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        answer = b""
        while data := sock.recv(65536):
            answer += data
    assert answer.endswith(b'{"length": 2000}')


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1,2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(100)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 10000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 6000, 431),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    ],
)
def test_what_cannot_be_read_is_refused_and_closed(server: Server, request_: bytes, expected: int) -> None:
    answer = exchange(server, request_)
    assert status(answer) == expected
    assert b"Connection: close" in answer


def test_requests_that_cannot_be_read_do_not_fill_the_log() -> None:
    with serving() as server:
        for _ in range(40):
            exchange(server, b"nonsense\r\n\r\n")
        assert server.log().count("Invalid request from") == 6  # five, and a line that says there will be no more
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("length", [b"1000000000", b"99999999999999999999999"])
def test_a_body_that_no_room_can_hold_is_answered_by_its_beginning_and_the_connection_ends(
    server: Server, length: bytes
) -> None:
    head = b"POST /validate HTTP/1.1\r\nHost: airlock\r\nContent-Length: %s\r\n\r\n" % length
    answer = exchange(server, head, bytes(FRONT + 5000))
    assert answer.endswith(b'{"length": %d}' % FRONT)
    assert b"Connection: close" in answer


def test_a_large_body_is_read_whole_and_the_connection_goes_on(server: Server) -> None:
    answer = exchange(server, post(bytes(3_000_000)) + post(b"abc", CLOSE))
    assert [int(length) for length in re.findall(rb'{"length": (\d+)}', answer)] == [3_000_000, 3]


def test_an_answer_is_read_to_its_end_though_the_client_goes_on_sending(server: Server) -> None:
    """Closing at once would make the kernel reset the connection, and the client lose the answer."""
    assert status(exchange(server, b"nonsense\r\n\r\n" + b"x" * 200_000)) == 400


def test_the_end_of_tls_is_said(server: Server) -> None:
    context = server.authority.client()
    with context.wrap_socket(server.tcp(), server_hostname="127.0.0.1", suppress_ragged_eofs=False) as sock:
        sock.sendall(post(b"", CLOSE))
        while sock.recv(65536):
            pass  # an end without close_notify would raise SSLEOFError


def test_an_error_of_the_application_is_a_500(server: Server) -> None:
    assert server.ask("/bug") == 500
    assert server.ask() == 200


def test_noise_in_place_of_tls_records_ends_the_connection_and_is_no_news(server: Server) -> None:
    before = server.log()
    with server.tls() as sock, socket.socket(fileno=sock.detach()) as raw:
        raw.sendall(b"noise" * 10)
        poll(lambda: is_closed(raw), "closed")
    assert server.log() == before
