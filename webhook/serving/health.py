"""Health: what `/healthz` and `/readyz` say on both ports of both programs, and the metrics port's application.

A kubelet writes a warning Event for each probe that fails. So `/healthz?patience=SECONDS`, for a start-up probe, waits
that long for a process that is not ready yet, and `/readyz?draining=ready` stays ready while one drains: Kubernetes
takes a pod that is deleted out of its Services by itself.
"""

from collections.abc import Callable
from time import monotonic, sleep

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

PATIENCE = 4.0  # seconds, on the metrics port: a connection may last 5 there
LOOK = 0.05  # seconds between two looks


class Readiness(msgspec.Struct, frozen=True):
    """Whether the process can answer, and a line on each thing that this depends on."""

    ready: bool
    lines: tuple[str, ...] = ()
    draining: bool = False  # it answers still, and would be ready if it were not about to end


def create_probes(readiness: Callable[[], Readiness], exposition: Callable[[str], tuple[bytes, str]]) -> Flask:
    """Return the WSGI application of the metrics port; *exposition* renders the metrics for an Accept header."""
    app = bare_app()

    @app.get("/metrics", provide_automatic_options=False)
    def metrics() -> Response:
        body, content_type = exposition(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)

    app.register_error_handler(HTTPException, http_line)
    add_probes(app, readiness, patience=PATIENCE)
    return app


def bare_app() -> Flask:
    """Return an application without routes that never sends a redirect."""
    app = Flask(__name__, static_folder=None)
    # The API server follows redirects (CVE-2020-8561), so none is ever sent.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    return app


def add_probes(app: Flask, readiness: Callable[[], Readiness], *, patience: float = 0.0) -> None:
    """Add `/healthz` and `/readyz` to *app*; a client of `/healthz` can have it wait for *patience* seconds at most."""

    @app.get("/healthz", provide_automatic_options=False)
    def healthz() -> Response:
        deadline = monotonic() + min(request.args.get("patience", 0.0, float), patience)
        while monotonic() < deadline and not readiness().ready:
            sleep(LOOK)
        return line("ok", 200)

    @app.get("/readyz", provide_automatic_options=False)
    def readyz() -> Response:
        state = readiness()
        ready = state.ready or (state.draining and request.args.get("draining") == "ready")
        text = "\n".join(("ready" if ready else "not ready", *state.lines))
        return line(text, 200 if ready else 503)


def line(text: str, status: int) -> Response:
    """Return a response of one line of plain text."""
    return Response(text + "\n", status, content_type="text/plain; charset=utf-8")


def http_line(error: HTTPException) -> Response:
    """Return the answer to a request that cannot be served, in one line."""
    response = line(" ".join((error.description or error.name).split()), error.code or 500)
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response
