"""The metrics port: one listener, few threads, and nobody who can starve it."""

import http.client
import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import sleep
from wsgiref.simple_server import WSGIRequestHandler
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from tests.harness.serving_process import PATIENCE, is_closed, poll
from webhook.serving.http.metrics_port import ProbeServer

SECONDS = 0.6
CONNECTIONS = 8


def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/bug":
        raise KeyError("a bug")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode() * int(environ["QUERY_STRING"] or 1)]


@contextmanager
def probing(host: str = "127.0.0.1", seconds: float = SECONDS) -> Iterator[ProbeServer]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    server = ProbeServer(listener, answer, connections=CONNECTIONS, seconds=seconds)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def get(server: ProbeServer, path: str, host: str = "127.0.0.1") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(host, server.port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def say(server: ProbeServer, data: bytes) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
    sock.sendall(data)
    return sock


def test_a_request_is_answered() -> None:
    with probing() as server:
        assert get(server, "/healthz") == (200, b"/healthz")


def test_ipv6_is_served() -> None:
    with probing("::1") as server:
        assert get(server, "/healthz", "::1") == (200, b"/healthz")


@pytest.mark.parametrize(
    "data", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost:"], ids=["nothing", "a byte", "half a head"]
)
def test_silent_clients_are_closed_and_give_way_to_others(data: bytes) -> None:
    with probing() as server, ExitStack() as stack:
        socks = [stack.enter_context(say(server, data)) for _ in range(4 * CONNECTIONS)]
        assert get(server, "/healthz") == (200, b"/healthz")
        poll(lambda: all(map(is_closed, socks)), "closed")


def test_a_probe_after_a_flood_is_answered_though_the_connections_that_were_cut_end_slowly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finish = WSGIRequestHandler.finish

    def slowly(handler: WSGIRequestHandler) -> None:
        sleep(0.05)
        finish(handler)

    monkeypatch.setattr(WSGIRequestHandler, "finish", slowly)
    with probing() as server, ExitStack() as stack:
        for _ in range(4 * CONNECTIONS):
            stack.enter_context(say(server, b""))
        assert get(server, "/healthz") == (200, b"/healthz")


def test_a_client_that_drips_is_closed_at_the_same_deadline() -> None:
    with probing() as server, say(server, b"") as sock:

        def closed_after_a_drip() -> bool:
            sleep(0.1)
            try:
                sock.send(b"x")
            except OSError:
                return True
            return is_closed(sock)

        poll(closed_after_a_drip, "closed")


def test_a_client_that_does_not_read_is_closed() -> None:
    with probing() as server, say(server, b"GET /metrics?3000000 HTTP/1.0\r\n\r\n"):
        assert get(server, "/healthz")[0] == 200  # so the one before has its thread
        poll(lambda: threads(server) == 0, "the thread has ended")


def test_never_many_more_threads_than_connections_allowed() -> None:
    with probing(seconds=2 * PATIENCE) as server, ExitStack() as stack:
        for _ in range(10 * CONNECTIONS):
            stack.enter_context(say(server, b""))
        assert get(server, "/healthz")[0] == 200  # so those before have had their turn, and no deadline ends them
        poll(lambda: threads(server) <= CONNECTIONS, "threads have ended")


def threads(server: ProbeServer) -> int:
    del server
    return sum("process_request_thread" in thread.name for thread in threading.enumerate())


def test_an_error_of_the_application_is_a_500_and_a_line_in_the_log(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with probing() as server:
        assert get(server, "/bug") == (500, b"internal error\n")
    assert [record.levelname for record in caplog.records if record.name == "airlock.probes"] == ["ERROR"]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01", b"GET\r\n\r\n", b"A" * 70000 + b"\r\n"], ids=["TLS", "no path", "long"]
)
def test_what_is_no_request_is_no_news(
    data: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with probing() as server, say(server, data) as sock:
        poll(closing(sock), "closed")
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]
    assert capfd.readouterr().err == ""


def closing(sock: socket.socket) -> Callable[[], bool]:
    return lambda: is_closed(sock)


def test_clients_that_never_finish_open_no_more_descriptors_than_there_may_be_connections() -> None:
    with probing() as server, ExitStack() as stack:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for number in range(40 * CONNECTIONS):
            stack.enter_context(say(server, b"GET /hea"))
            mine = number + 1
            held = len(list(Path("/proc/self/fd").iterdir())) - before - mine
            assert (
                held <= 2 * CONNECTIONS + 4
            )  # those that were cut wait for their threads, and then there is a bound too
        assert get(server, "/healthz")[0] == 200
