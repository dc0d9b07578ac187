"""A service of a few lines under the real server, for the serving tests: `python -m tests.harness.serving_app`.

It prints one JSON object a line: its ports, reloads of the certificate, and that it was stopped.
"""

import argparse
import json
import logging
import resource
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from time import sleep
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webhook.serving.http.server import ServingOptions, run


def tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


@dataclass
class TinyService:
    """Answers how long a body was, sleeps when asked to, and is ready until it drains."""

    fail_at_start: str = ""
    draining: threading.Event = field(default_factory=threading.Event)

    @property
    def wsgi(self) -> WSGIApplication:
        return self.answer

    @property
    def probes(self) -> WSGIApplication:
        return self.answer

    def quick(self, path: str, body: bytes) -> None:
        """Leave everything to the application."""

    def dropped(self, reason: str) -> None:
        """Do nothing."""

    def follow(self, reader: str, silent: Callable[[], float]) -> None:
        """Do nothing."""

    def start(self) -> None:
        if self.fail_at_start:
            raise OSError(self.fail_at_start)

    def drain(self) -> None:
        self.draining.set()
        tell(draining=True)

    def stop(self) -> None:
        tell(stopped=True)

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path, query = environ["PATH_INFO"], environ["QUERY_STRING"]
        status, body = "200 OK", b""
        if path == "/readyz":
            status = "503 Service Unavailable" if self.draining.is_set() else "200 OK"
        elif path == "/sleep":
            tell(asleep=True)
            sleep(float(query))
        elif path == "/large":
            body = b"x" * int(query)
        elif path == "/bug":
            raise KeyError("a bug")
        elif path != "/unread":
            length = int(environ.get("CONTENT_LENGTH") or 0)
            body = json.dumps({"length": len(environ["wsgi.input"].read(length))}).encode()
        start_response(status, [("Content-Length", str(len(body)))])
        return [body]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cert-dir", type=Path, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--metrics-port", type=int, default=0)
    parser.add_argument("--threads", type=int, default=4)
    parser.add_argument("--connections", type=int, default=4096)
    parser.add_argument("--deadline", type=float, default=1.0)
    parser.add_argument("--keepalive", type=int, default=120)
    parser.add_argument("--drain", type=float, default=0.0)
    parser.add_argument("--drain-limit", type=float, default=20.0)
    parser.add_argument("--files", type=int, help="limit of open files")
    parser.add_argument("--fail", default="", help="what is wrong when the service is made")
    parser.add_argument("--fail-at-start", default="")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    if given.files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (given.files, given.files))

    def make_service() -> TinyService:
        if given.fail:
            raise ValueError(given.fail)
        return TinyService(given.fail_at_start)

    run(
        make_service,
        ServingOptions(
            cert_dir=given.cert_dir,
            host=given.host,
            port=given.port,
            metrics_port=given.metrics_port,
            threads=given.threads,
            connections=given.connections,
            request_deadline=given.deadline,
            keepalive=given.keepalive,
            drain_seconds=given.drain,
            drain_limit=given.drain_limit,
            on_listening=lambda tls, metrics: tell(tls=tls, metrics=metrics),
            on_reload=lambda outcome, detail: tell(reload=outcome, detail=detail),
        ),
    )


if __name__ == "__main__":
    main()
