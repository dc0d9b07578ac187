"""Health: what `/healthz` and `/readyz` say on both ports of both programs, and the metrics port's application."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the process can answer, and a line on each thing that this depends on."""

    ready: bool
    lines: tuple[str, ...] = ()


def create_probes(readiness: Callable[[], Readiness], exposition: Callable[[str], tuple[bytes, str]]) -> Flask:
    """Return the WSGI application of the metrics port; *exposition* renders the metrics for an Accept header."""
    app = bare_app()

    @app.get("/metrics", provide_automatic_options=False)
    def metrics() -> Response:
        body, content_type = exposition(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)

    app.register_error_handler(HTTPException, http_line)
    add_probes(app, readiness)
    return app


def bare_app() -> Flask:
    """Return an application without routes that never sends a redirect."""
    app = Flask(__name__, static_folder=None)
    # The API server follows redirects (CVE-2020-8561), so none is ever sent.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    return app


def add_probes(app: Flask, readiness: Callable[[], Readiness]) -> None:
    """Add `/healthz` and `/readyz` to *app*."""

    @app.get("/healthz", provide_automatic_options=False)
    def healthz() -> Response:
        return line("ok", 200)

    @app.get("/readyz", provide_automatic_options=False)
    def readyz() -> Response:
        state = readiness()
        text = "\n".join(("ready" if state.ready else "not ready", *state.lines))
        return line(text, 200 if state.ready else 503)


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
