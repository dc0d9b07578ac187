"""What the benchmark compares with: a constant as a Flask route and as bare WSGI, for gunicorn's own worker."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask

app = Flask(__name__)
app.add_url_rule("/", "constant", lambda: "constant", methods=["POST"])


def bare(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the constant when the body is read, as the Flask route does."""
    environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "8")])
    return [b"constant"]
