"""The HTTP routes of both ports; the desk decides the answers."""

from collections.abc import Callable
from functools import partial

import msgspec
from flask import Flask, Response, request
from werkzeug.exceptions import BadRequest, Forbidden, HTTPException, LengthRequired, ServiceUnavailable

from webhook.admission.review import ReviewError
from webhook.pods.skim import Data
from webhook.serving.desk import GUARD, MUTATE, VALIDATE, Answer, Desk, UnpreparedError
from webhook.serving.health import Readiness, add_probes, bare_app, http_line, line
from webhook.serving.http.inbox import Body

JSON = "application/json"


class Collaborators(msgspec.Struct, frozen=True):
    """What the routes need from outside."""

    desk: Desk
    refused: Callable[[str], None]  # counts a body that is not an AdmissionReview, by path
    failed: Callable[[str, BaseException], None]  # counts and logs a request that broke, by path
    readiness: Callable[[], Readiness]


def create_app(parts: Collaborators) -> Flask:
    """Return the WSGI application of the TLS port."""
    app = bare_app()

    def answer(path: str) -> Response:
        if refusal := getattr(request.environ.get("gunicorn.socket"), "refusal", ""):
            raise Forbidden(refusal)
        found = parts.desk.answer(path, *_body())
        response = Response(found.body, content_type=JSON)
        response.call_on_close(partial(_tell_all, found))
        return response

    for path in (VALIDATE, MUTATE, GUARD):
        app.add_url_rule(path, path, partial(answer, path), methods=["POST"], provide_automatic_options=False)
    _add_errors(app, parts)
    add_probes(app, parts.readiness)
    return app


def _tell_all(answer: Answer) -> None:
    answer.tell()()


def _add_errors(app: Flask, parts: Collaborators) -> None:
    @app.errorhandler(ReviewError)
    def refuse(error: ReviewError) -> Response:
        parts.refused(request.path)
        return line(str(error), 400)

    @app.errorhandler(UnpreparedError)
    def unprepared(_error: UnpreparedError) -> Response:
        # The API server asks again within its own time limit; then its failurePolicy decides.
        parts.refused(request.path)
        return http_line(ServiceUnavailable("airlock has not had a valid policy yet", retry_after=1))

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if request.path in (VALIDATE, MUTATE, GUARD):
            parts.refused(request.path)
        return http_line(error)

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        # Neither admitted nor denied here: a 500 leaves it to the failurePolicy of the webhook configuration.
        parts.failed(request.path, error)
        return line("airlock failed to decide; its log says why", 500)


def _body() -> tuple[Data, str]:
    """Return the request's body, and why that is only its beginning ("" when it is all).

    It is read past Flask's own layers: they take as long as half a decision.
    """
    environ = request.environ
    kind = environ.get("CONTENT_TYPE", "")
    if kind != JSON and kind.partition(";")[0].strip().lower() != JSON:
        raise BadRequest(f"the Content-Type is {kind[:80]!r}, and only {JSON!r} is read")
    if encoding := environ.get("HTTP_CONTENT_ENCODING"):
        raise BadRequest(f"the Content-Encoding is {encoding[:80]!r}, and no body is decompressed")
    whole = environ["wsgi.input"]
    if isinstance(whole, Body):
        return whole.data, whole.unread
    length = environ.get("CONTENT_LENGTH", "")
    if not length.isascii() or not length.isdigit():
        raise LengthRequired("the body has no Content-Length")
    return whole.read(int(length)), ""
