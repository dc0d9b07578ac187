"""How the server begins and ends: ports, errors at the start, the drain on SIGTERM, Ctrl-C."""

import os
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPException
from pathlib import Path
from time import monotonic

import pytest

from tests.harness.serving_process import PATIENCE, Server, ask, new_authority, poll, put, serving
from webhook.serving.http.drain import QUIET, Drain
from webhook.serving.http.server import ServingOptions

CLIENTS = 8


def failing(directory: Path, *options: str) -> tuple[int, str]:
    """Start a server that cannot serve; return its exit code and what it wrote to standard error."""
    with closing(Server(new_authority(), directory, *options)) as server:
        return server.wait(), server.log()


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    put(tmp_path, new_authority().leaf())
    return tmp_path


# Beginning


def test_the_ports_that_were_found_for_port_0_are_told() -> None:
    with serving() as server:
        assert server.port != server.metrics
        assert server.ask() == 200
        assert server.probe() == 200


def test_ipv6_is_served_on_both_ports() -> None:
    with serving("--host", "::1") as server:
        for port in (server.port, server.metrics):
            socket.create_connection(("::1", port), PATIENCE).close()


def test_the_host_of_all_addresses_is_ipv4_too() -> None:
    with serving("--host", "::") as server:
        assert server.ask() == 200
        socket.create_connection(("::1", server.metrics), PATIENCE).close()


@pytest.mark.parametrize("option", ["--port", "--metrics-port"])
def test_a_port_in_use_is_one_line_that_names_port_and_option(certificate: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, log = failing(certificate, option, str(port))
    assert code == 1
    assert log == f"airlock: cannot listen on 127.0.0.1 port {port} ({option}): the port is in use\n"


def test_an_address_of_another_machine_is_one_line(certificate: Path) -> None:
    code, log = failing(certificate, "--host", "192.0.2.1")
    assert code == 1
    assert log.count("\n") == 1
    assert "192.0.2.1 port 0 (--port)" in log


def test_no_certificate_is_one_line_that_names_the_file(tmp_path: Path) -> None:
    assert failing(tmp_path) == (1, f"airlock: {tmp_path}/tls.crt: No such file or directory\n")


@pytest.mark.parametrize("option", ["--fail", "--fail-at-start"])
def test_a_service_that_cannot_be_made_is_one_line_and_not_tried_again(certificate: Path, option: str) -> None:
    code, log = failing(certificate, option, "rules.mutable-tag: no such mode")
    assert code == 3
    assert "CRITICAL airlock.serving cannot start: rules.mutable-tag: no such mode\n" in log
    assert log.count("Booting worker") == 1
    assert "Traceback" not in log


def test_a_drain_cannot_be_longer_than_its_limit() -> None:
    with pytest.raises(ValueError, match=r"a drain of at most 5 s cannot take at least 10 s"):
        ServingOptions(cert_dir=Path(), drain_seconds=10, drain_limit=5)


def test_idle_connections_are_kept_longer_than_the_api_server_keeps_them() -> None:
    assert ServingOptions(cert_dir=Path()).keepalive > 90


# End


class Endpoints:
    """Clients that ask *first* until its readiness fails and all had answers from it since, then *second*."""

    def __init__(self, first: Server, second: Server) -> None:
        self.first, self.second = first, second
        self.target = first
        self.answers: Counter[tuple[str, str]] = Counter()  # (server, Connection header)
        self.failures: list[str] = []
        self.not_ready = 0
        self._done = threading.Event()

    @contextmanager
    def under_load(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._watch), *(threading.Thread(target=self._ask) for _ in range(CLIENTS))]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._done.set()
            for thread in threads:
                thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            try:
                ready = self.first.probe() == 200
            except OSError:
                ready = False
            if not ready:
                self.not_ready += 1
                # The cluster takes its time: each client comes at least once more.
                poll(lambda: self.answers["first", "close"] > CLIENTS, "answers within the drain")
                self.target = self.second
                return

    def _ask(self) -> None:
        with ExitStack() as stack:
            clients = {server: stack.enter_context(server.client()) for server in (self.first, self.second)}
            while not self._done.wait(0.08):
                target = self.target
                try:
                    response = ask(clients[target], "/validate", b"x" * 5000)
                except (OSError, HTTPException) as error:
                    self.failures.append(repr(error))
                    continue
                if response.status != 200:
                    self.failures.append(str(response.status))
                self.answers["first" if target is self.first else "second", response.headers["Connection"]] += 1


def test_sigterm_under_load_loses_no_request() -> None:
    with serving("--drain", "1") as first, serving() as second:
        endpoints = Endpoints(first, second)
        with endpoints.under_load():
            poll(lambda: endpoints.answers["first", "keep-alive"] > 100, "load")
            first.process.send_signal(signal.SIGTERM)
            assert first.wait() == 0
            poll(lambda: endpoints.answers["second", "keep-alive"] > 20, "the other one has the load")
        assert endpoints.failures == []
        assert endpoints.not_ready
        assert endpoints.answers["first", "close"] > CLIENTS
        assert first.told()[-2:] == [{"draining": True}, {"stopped": True}]
        assert "Traceback" not in first.log()


def test_while_draining_new_connections_are_answered_and_readiness_fails() -> None:
    with serving("--drain", "60", "--drain-limit", "60") as server, server.client() as kept:
        ask(kept, "/validate")
        server.process.send_signal(signal.SIGTERM)
        poll(lambda: server.probe() == 503, "not ready")
        assert server.ask("/readyz") == 503
        assert server.ask() == 200
        assert ask(kept, "/validate").headers["Connection"] == "close"
        server.process.send_signal(signal.SIGINT)
        assert server.wait() == 0


def test_a_request_under_way_at_the_end_of_the_drain_is_answered() -> None:
    with serving("--drain-limit", "0.1") as server:
        statuses: list[int] = []
        thread = threading.Thread(target=lambda: statuses.append(server.ask("/sleep?1.5")))
        thread.start()
        poll(lambda: {"asleep": True} in server.told(), "under way")
        server.process.send_signal(signal.SIGTERM)
        assert server.wait() == 0
        thread.join()
        assert statuses == [200]


def test_a_drain_ends_at_its_limit_though_requests_keep_coming() -> None:
    with serving("--drain-limit", "1") as server:
        server.process.send_signal(signal.SIGTERM)
        poll(lambda: not answers(server), "refused")
        assert server.wait() == 0


def answers(server: Server) -> bool:
    try:
        return server.ask() == 200
    except (OSError, HTTPException):
        return False


@pytest.mark.parametrize("as_a_terminal_does", [False, True], ids=["to the server", "to its process group"])
def test_ctrl_c_ends_at_once_and_quietly_even_with_a_request_under_way(*, as_a_terminal_does: bool) -> None:
    with serving() as server, server.tls() as sock:
        sock.sendall(b"GET /sleep?60 HTTP/1.1\r\nHost: airlock\r\n\r\n")
        poll(lambda: {"asleep": True} in server.told(), "under way")
        begin = monotonic()
        (os.killpg if as_a_terminal_does else os.kill)(server.process.pid, signal.SIGINT)
        assert server.wait() == 0
        assert monotonic() - begin < 30  # and not the minute that the request takes
        assert "Traceback" not in server.log()
        assert server.told()[-1] == {"stopped": True}


def test_ctrl_c_ends_a_drain() -> None:
    with serving("--drain", "60", "--drain-limit", "60") as server:
        server.process.send_signal(signal.SIGTERM)
        poll(lambda: server.probe() == 503, "not ready")
        server.process.send_signal(signal.SIGINT)
        assert server.wait() == 0


def test_signals_that_make_gunicorn_start_another_worker_are_ignored() -> None:
    with serving() as server:
        for number in (signal.SIGHUP, signal.SIGTTIN, signal.SIGUSR2):
            server.process.send_signal(number)
        poll(lambda: server.log().count("nothing to reload") == 3, "ignored")
        assert server.ask() == 200
        assert server.log().count("Booting worker") == 1


@pytest.mark.parametrize(
    ("looks", "over"),
    [
        ([(1, 0, 0)], False),
        ([(1, 0, 0), (5, 0, 0)], True),
        ([(1, 0, 0), (4.9, 0, 0)], False),
        ([(1, 0, 0), (4.5, 1, 0), (5, 1, 0)], False),
        ([(1, 0, 0), (4.5, 1, 0), (4.5 + QUIET, 1, 0)], True),
        ([(1, 0, 0), (8, 0, 1)], False),
        ([(20, 9, 3)], True),
    ],
    ids=["early", "quiet", "before its least", "a request of late", "quiet again", "a request under way", "limit"],
)
def test_a_drain_is_over_when_all_is_quiet_or_the_limit_reached(
    looks: list[tuple[float, int, int]], *, over: bool
) -> None:
    drain = Drain(seconds=5, limit=20, begun=0)
    answers = [drain.is_over(*look) for look in looks]
    assert answers[-1] is over
