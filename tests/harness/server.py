"""A real `airlock serve` for tests: its own process, real TLS, free ports."""

import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.harness.probed import Probed, records
from tests.harness.reviews import review, scheduler
from tests.harness.waiting import until


@dataclass(frozen=True, slots=True)
class Server(Probed):
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int
    metrics_port: int
    ca: Path
    log: Path

    def ask(self, path: str, body: bytes | None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """POST *body* (GET without one) over TLS; return status, headers in lower case, body."""
        context = ssl.create_default_context(cafile=self.ca)
        connection = HTTPSConnection("localhost", self.port, context=context, timeout=30)
        sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            connection.request("GET" if body is None else "POST", path, body, sent)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def review(self, path: str, body: bytes) -> dict[str, Any]:
        """Return the response to the review in *body*."""
        status, _, answer = self.ask(path, body)
        assert status == 200, answer
        response: dict[str, Any] = json.loads(answer)["response"]
        return response

    def settled(self) -> "Server":
        """Wait until the log has the line of every decision so far: they are written later, in their order."""
        uid = str(uuid4())
        self.review("/validate", review(scheduler(), dry_run=True, uid=uid))
        until(lambda: uid in self.log.read_text(), "the line of a decision")
        return self

    def probes(self) -> int:
        """Return the metrics port."""
        return self.metrics_port


@contextmanager
def serving(
    folder: Path,
    *arguments: str,
    command: list[str] | None = None,
    environ: dict[str, str] | None = None,
    ready: bool = True,
) -> Iterator[Server]:
    """Run `airlock serve` with *arguments*, certificate and log in *folder*; end it when the block ends."""
    log, certs = folder / "log.json", folder / "certs"
    command = command or [sys.executable, "-m", "webhook", "serve", "--host", "127.0.0.1", "--drain-seconds", "0.1"]
    command += ["--self-signed", "--cert-dir", str(certs), "--port", "0", "--metrics-port", "0", *arguments]
    with log.open("wb") as output, subprocess.Popen(command, stderr=output, env=environ) as process:
        try:
            told = listening(process, log)
            assert told is not None, f"the server ended with code {process.returncode}:\n{log.read_text()}"
            server = Server(process, told["port"], told["metrics_port"], certs / "ca.crt", log)
            if ready:
                until(lambda: server.ready, "the server to be ready")
            yield server
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()


def listening(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any] | None:
    """Return the record in *log* that says where *process* listens, once it is there; None when it has ended before."""

    def told() -> dict[str, Any] | None:
        return next((record for record in records(log) if record["event"] == "listening"), None)

    until(lambda: told() or process.poll() is not None, f"a process to listen, as {log} would say")
    return told()
