"""Clients that send slowly, halfway or not at all hold no thread, and are closed at the deadline."""

import os
import re
import resource
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import pytest

from tests.harness.serving_process import PATIENCE, Server, ask, is_closed, poll, serving
from webhook.serving.http.inbox import FRONT
from webhook.serving.http.keeper import HELD_LIMIT, MOST_UNSHAKEN
from webhook.serving.http.poller import ROOM

THREADS = 4
DEADLINE = 1.0
MANY = 4 * THREADS

HEAD = b"POST /validate HTTP/1.1\r\nHost: airlock\r\nContent-Length: 40\r\n"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving("--threads", str(THREADS), "--deadline", str(DEADLINE)) as running:
        yield running


def client_hello() -> bytes:
    out = ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
    return out.read()


def say(server: Server, data: bytes) -> socket.socket:
    sock = server.tcp()
    sock.sendall(data)
    return sock


def say_in_tls(server: Server, data: bytes) -> socket.socket:
    sock = server.tls()
    sock.sendall(data)
    return sock


def half_a_record(server: Server) -> socket.socket:
    """Make a request, then send the beginning of a TLS record: application data, 4096 bytes announced."""
    sock = server.tls()
    sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: airlock\r\n\r\n")
    assert sock.recv(4096).startswith(b"HTTP/1.1 200 OK")
    raw = socket.socket(fileno=os.dup(sock.fileno()))
    sock.detach()
    raw.sendall(b"\x17\x03\x03\x10\x00" + bytes(20))
    return raw


def memory(pid: int) -> int:
    """Return the resident memory of a process, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


SILENT: dict[str, Callable[[Server], socket.socket]] = {
    "no byte": partial(say, data=b""),
    "one byte": partial(say, data=b"\x16"),
    "half a ClientHello": lambda server: say(server, client_hello()[:60]),
    "no answer to the handshake": lambda server: say(server, client_hello()),
    "half a head": partial(say_in_tls, data=HEAD),
    "half a body": partial(say_in_tls, data=HEAD + b"\r\n{"),
    "half a TLS record": half_a_record,
}
# Ten bytes a second of each, and more than the test waits for: what is closed has not just become silent.
DRIPPING: dict[str, tuple[Callable[[Server], socket.socket], bytes]] = {
    "a ClientHello": (partial(say, data=b""), client_hello()),
    "a head": (partial(say_in_tls, data=b""), HEAD * 9),
    "a body": (partial(say_in_tls, data=HEAD.replace(b"40", b"900") + b"\r\n"), b"{" * 899),
    "a TLS record": (half_a_record, bytes(900)),
}


def seconds_of(request: Callable[[], int]) -> float:
    begin = monotonic()
    assert request() == 200
    return monotonic() - begin


@contextmanager
def dripping(socks: list[socket.socket], data: bytes) -> Iterator[None]:
    """Send *data* over each of *socks*, a byte at a time, as long as the block lasts and the server lets them."""
    done = threading.Event()

    def drip() -> None:
        alive = dict.fromkeys(socks)
        for number in range(len(data)):
            for sock in list(alive):
                try:
                    sock.send(data[number : number + 1])
                except OSError:
                    del alive[sock]
            if done.wait(0.1):
                return

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_silent_clients_of_every_kind_delay_nobody_and_are_closed(server: Server) -> None:
    with ExitStack() as stack:
        socks = [(how, stack.enter_context(SILENT[how](server))) for how in SILENT for _ in range(MANY)]
        assert (
            seconds_of(server.ask) < 8 * DEADLINE
        )  # with a thread for each it would be len(socks) / THREADS deadlines
        poll(lambda: not still_open(socks), "closed")


def test_dripping_clients_of_every_kind_delay_nobody_and_are_closed_at_the_same_deadline(server: Server) -> None:
    with ExitStack() as stack:
        socks = [(what, stack.enter_context(DRIPPING[what][0](server))) for what in DRIPPING for _ in range(MANY)]
        for what, (_, data) in DRIPPING.items():
            assert len(data) > 10 * PATIENCE
            stack.enter_context(dripping([sock for name, sock in socks if name == what], data))
        assert seconds_of(server.ask) < 8 * DEADLINE  # with a thread for each it would be 16
        poll(lambda: not still_open(socks), "closed")


def still_open(socks: list[tuple[str, socket.socket]]) -> set[str]:
    return {kind for kind, sock in socks if not is_closed(sock)}


def test_a_client_that_does_not_read_its_answer_holds_a_thread_no_longer_than_the_deadline(server: Server) -> None:
    with ExitStack() as stack:
        for _ in range(THREADS):
            sock = server.tcp()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            tls = stack.enter_context(server.context.wrap_socket(sock, server_hostname="127.0.0.1"))
            tls.sendall(b"GET /large?30000000 HTTP/1.1\r\nHost: airlock\r\n\r\n")
        assert seconds_of(server.ask) < 10 * DEADLINE  # each thread is held for one; without it for ever
        assert "Traceback" not in server.log()


def test_a_connection_without_a_request_is_kept_since_gos_transport_keeps_such_for_later(server: Server) -> None:
    with server.tls() as sock:
        sleep(1.5 * DEADLINE)
        assert not is_closed(sock)
        sock.settimeout(10)
        sock.sendall(b"GET /readyz HTTP/1.1\r\nHost: airlock\r\n\r\n")
        assert sock.recv(15) == b"HTTP/1.1 200 OK"


def test_a_kept_alive_connection_outlives_deadlines_and_gunicorns_two_seconds(server: Server) -> None:
    with server.client() as client:
        assert ask(client, "/validate").headers["Connection"] == "keep-alive"
        before = client.sock
        sleep(2.5)
        assert ask(client, "/validate").status == 200
        assert client.sock is before


def test_an_idle_connection_is_closed_when_keepalive_is_over() -> None:
    with serving("--keepalive", "1") as server, server.client() as client:
        ask(client, "/validate")
        sock = client.sock
        poll(lambda: is_closed(sock), "closed")


def test_a_slow_answer_is_not_a_slow_client(server: Server) -> None:
    assert server.ask(f"/sleep?{1.5 * DEADLINE}") == 200


@contextmanager
def open_files(wanted: int) -> Iterator[int]:
    """Let this process open *wanted* files if it may; yields how many it may open beside its present ones."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, enough), hard))
    try:
        yield enough - 200
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_two_thousand_idle_connections_delay_nobody_and_the_newest_without_a_handshake_stay() -> None:
    with serving("--deadline", "30") as server, ExitStack() as stack:
        count = min(2000, stack.enter_context(open_files(2400)))
        socks = [stack.enter_context(server.tcp()) for _ in range(count)]
        assert max(seconds_of(server.ask) for _ in range(20)) < 15  # half of the deadline
        assert server.probe() == 200
        gone = [is_closed(sock) for sock in socks]
        assert gone == sorted(gone, reverse=True)  # the oldest gave way
        assert MOST_UNSHAKEN - 40 < gone.count(False) <= MOST_UNSHAKEN  # others for the honest clients


def test_a_client_has_no_tls_state_before_its_whole_hello_has_come() -> None:
    with serving("--deadline", "60") as server, ExitStack() as stack:
        children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        before = memory(int(children[0]))
        for _ in range(MOST_UNSHAKEN):
            stack.enter_context(server.tcp()).sendall(client_hello()[:-1])
        assert server.ask() == 200
        assert memory(int(children[0])) - before < 8 * 1024  # with TLS state it would be 20 MiB


@pytest.mark.parametrize(
    "options", [("--connections", "100"), ("--files", "300"), ("--files", "80")], ids=["cap", "few files", "no files"]
)
def test_when_there_is_no_room_the_connection_that_was_silent_longest_gives_way(options: tuple[str, ...]) -> None:
    with serving("--deadline", "30", *options) as server, ExitStack() as stack:
        socks = [stack.enter_context(server.tcp()) for _ in range(200)]
        assert max(seconds_of(server.ask) for _ in range(20)) < 15  # half of the deadline
        assert is_closed(socks[0])
        assert not is_closed(socks[-1])
        assert server.log().count("WARNING") <= 6


def test_unfinished_small_requests_never_hold_more_than_their_share_of_memory() -> None:
    kibibyte = 1024
    head = b"POST /validate HTTP/1.1\r\nHost: airlock\r\nContent-Length: %d\r\n\r\n" % (250 * kibibyte)
    count = HELD_LIMIT // (240 * kibibyte) + 20
    with serving("--deadline", "30") as server, ExitStack() as stack:
        socks = []
        for _ in range(count):
            socks.append(stack.enter_context(server.tls()))
            socks[-1].sendall(head + bytes(240 * kibibyte))
        poll(lambda: is_closed(socks[0]), "the oldest is closed")
        assert not is_closed(socks[-1])
        assert server.ask(body=bytes(240 * kibibyte)) == 200


def length_told(sock: ssl.SSLSocket) -> int:
    answer = b""
    while not answer.endswith(b"}"):
        answer += sock.recv(65536)
    return int(re.findall(rb'{"length": (\d+)}', answer)[0])


def test_large_bodies_that_find_no_room_in_half_of_their_time_are_answered_by_their_beginning() -> None:
    size = ROOM // 2
    head = b"POST /validate?timeout=2s HTTP/1.1\r\nHost: airlock\r\nContent-Length: %d\r\n\r\n" % size
    with serving("--deadline", "30") as server, ExitStack() as stack:
        holders = [stack.enter_context(server.tls()) for _ in range(2)]
        for sock in holders:
            sock.sendall(head.replace(b"2s", b"30s") + bytes(FRONT))
        late = stack.enter_context(server.tls())
        late.sendall(head + bytes(2 * FRONT))
        assert length_told(late) == FRONT
        assert not any(map(is_closed, holders))
        for sock in holders:
            sock.settimeout(30)
            sock.sendall(bytes(size - FRONT))
            assert length_told(sock) == size
