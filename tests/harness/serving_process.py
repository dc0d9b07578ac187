"""Starts `tests.harness.serving_app` as a process, and talks to it as clients do, honest and otherwise."""

import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from certs.issue import Pair, issue_ca, issue_leaf
from certs.names import parse_names
from tests.harness import places

NAMES = parse_names(["localhost", "127.0.0.1", "::1"])
PATIENCE = 30.0  # seconds; for what happens in milliseconds on a machine that is not busy


def poll(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait until *condition* holds, *seconds* at most."""
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"not within {seconds} s: {what}"
        sleep(0.02)


@dataclass(frozen=True)
class Authority:
    """A throw-away CA, and the client context that trusts it."""

    pair: Pair

    def leaf(self) -> Pair:
        return issue_leaf(self.pair, NAMES, datetime.now(UTC))

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.pair.cert_pem.decode())


def new_authority() -> Authority:
    return Authority(issue_ca(datetime.now(UTC)))


def put(directory: Path, leaf: Pair) -> None:
    """Write a pair as an editor would, one file after the other."""
    (directory / "tls.crt").write_bytes(leaf.cert_pem)
    (directory / "tls.key").write_bytes(leaf.key_pem)


class SecretVolume:
    """A directory as the kubelet writes a Secret: names are links into `..data`, which is swapped as a whole."""

    def __init__(self, directory: Path, pair: Pair) -> None:
        self._directory = directory
        self._number = 0
        self.swap(pair)
        for name in ("tls.crt", "tls.key"):
            (directory / name).symlink_to(f"..data/{name}")

    def swap(self, pair: Pair) -> None:
        self._number += 1
        fresh = self._directory / f"..{self._number}"
        fresh.mkdir()
        put(fresh, pair)
        link = self._directory / "..data_tmp"
        link.symlink_to(fresh.name)
        link.replace(self._directory / "..data")
        for old in self._directory.glob(f"..{self._number - 1}"):
            shutil.rmtree(old)


class Server:
    """A running `tests.harness.serving_app`; *authority* is the one that signed what it serves."""

    def __init__(self, authority: Authority, directory: Path, *options: str) -> None:
        self.authority = authority
        self.context = authority.client()
        self.port = self.metrics = 0  # known when it serves
        self._directory = tempfile.TemporaryDirectory()
        with self._out.open("a") as out, self._log.open("a") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-W",
                    "error",
                    "-m",
                    "tests.harness.serving_app",
                    "--cert-dir",
                    str(directory),
                    *options,
                ],
                cwd=places.ROOT,
                stdout=out,
                stderr=log,
                text=True,
                start_new_session=True,
            )

    @property
    def _out(self) -> Path:
        return Path(self._directory.name, "out")

    @property
    def _log(self) -> Path:
        return Path(self._directory.name, "log")

    def told(self) -> list[dict[str, Any]]:
        """What the service has printed, in whole lines."""
        whole, _, _ = self._out.read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines()]

    def log(self) -> str:
        """Standard error so far."""
        return self._log.read_text()

    def wait_until_serving(self) -> None:
        poll(lambda: self.process.poll() is not None or bool(self.told()), "it serves")
        assert self.process.poll() is None, self.log()
        self.port, self.metrics = (int(self.told()[0][key]) for key in ("tls", "metrics"))

    def wait(self, seconds: float = PATIENCE) -> int:
        return self.process.wait(seconds)

    def close(self) -> None:
        try:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGINT)
                self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            raise
        finally:
            self._directory.cleanup()

    @contextmanager
    def client(self, timeout: float = PATIENCE) -> Iterator[http.client.HTTPSConnection]:
        """An honest client with one kept-alive connection."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.context)
        try:
            yield connection
        finally:
            connection.close()

    def ask(self, path: str = "/validate", body: bytes = b"{}", timeout: float = PATIENCE) -> int:
        """Make one honest request over a new connection; return its status."""
        with self.client(timeout) as connection:
            return ask(connection, path, body).status

    def probe(self, path: str = "/readyz") -> int:
        """Ask the metrics port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.metrics, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def tcp(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def tls(self) -> ssl.SSLSocket:
        return self.context.wrap_socket(self.tcp(), server_hostname="127.0.0.1")


def ask(connection: http.client.HTTPConnection, path: str, body: bytes = b"{}") -> http.client.HTTPResponse:
    """Make one request and read its whole answer."""
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    response.read()
    return response


@contextmanager
def serving(*options: str, authority: Authority | None = None, directory: Path | None = None) -> Iterator[Server]:
    """Run a server until the block ends."""
    authority = authority or new_authority()
    with tempfile.TemporaryDirectory() as fallback:
        if directory is None:
            directory = Path(fallback)
            put(directory, authority.leaf())
        server = Server(authority, directory, *options)
        try:
            server.wait_until_serving()
            yield server
        finally:
            server.close()


def is_closed(sock: socket.socket) -> bool:
    """Whether the server has ended this connection; drops what it sent before."""
    sock.settimeout(0)
    try:
        while sock.recv(65536):
            pass
    except (BlockingIOError, ssl.SSLWantReadError):
        return False
    except OSError:
        return True
    return True
