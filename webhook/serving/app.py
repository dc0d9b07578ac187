"""The HTTP routes: bytes in, one pure decision, bytes out; no I/O while a request waits."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from time import perf_counter

from flask import Flask, Response, request
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    LengthRequired,
    RequestEntityTooLarge,
    ServiceUnavailable,
)

from webhook.admission import guard, review
from webhook.admission.guard import Guards, Judgement
from webhook.admission.review import Edit, ReviewError
from webhook.judge import message
from webhook.judge.decision import Decision
from webhook.judge.gate import Gate
from webhook.serving.health import Readiness, add_probes, bare_app, http_line, line

# The API server sends the old and the new object, 3 MiB each at most, and little else.
MAX_BODY = 7 * 1024 * 1024
JSON = "application/json"
GUARD = "/guard"


@dataclass(frozen=True, slots=True)
class Collaborators:
    """What the routes need from outside."""

    gate: Callable[[], Gate | None]  # the one in force; None until there was a good policy
    observers: Iterable[Callable[[Decision], None]]
    refused: Callable[[str], None]  # counts a body that is no AdmissionReview, by path
    failed: Callable[[str, BaseException], None]  # counts and logs a decision that broke, by path
    readiness: Callable[[], Readiness]
    today: Callable[[], date] = lambda: datetime.now(UTC)  # a moment: the release goes by that
    guards: Guards = field(default_factory=dict)  # the documents whose edits are judged on /guard
    guarded: Callable[[Edit, Judgement], None] = lambda *_: None  # hears of each


def create_app(parts: Collaborators) -> Flask:
    """Return the WSGI application of the TLS port."""
    app = bare_app()
    observers = tuple(parts.observers)

    def gate() -> Gate:
        if (current := parts.gate()) is not None:
            return current
        # The API server asks again within its own time limit; then its failurePolicy decides.
        raise ServiceUnavailable("airlock has not had a valid policy yet", retry_after=1)

    def tell(decision: Decision, began: float) -> None:
        timed = replace(decision, seconds=perf_counter() - began)
        for observe in observers:
            observe(timed)

    @app.post("/validate", provide_automatic_options=False)
    def validate() -> Response:
        began = perf_counter()
        asked = review.decode(_body())
        decision = gate().validate(asked, parts.today())
        if decision.verdict.allowed:
            answer = review.allow(asked.uid, message.warnings(decision))
        else:
            answer = review.deny(asked.uid, message.denial(decision))
        tell(decision, began)
        return Response(answer, content_type=JSON)

    @app.post("/mutate", provide_automatic_options=False)
    def mutate() -> Response:
        began = perf_counter()
        asked = review.decode(_body())
        decision, operations = gate().mutate(asked, parts.today())
        answer = review.allow(asked.uid, operations=operations)
        tell(decision, began)
        return Response(answer, content_type=JSON)

    _add_guard(app, parts)
    _add_errors(app, parts)
    add_probes(app, parts.readiness)
    return app


def _add_guard(app: Flask, parts: Collaborators) -> None:
    @app.post(GUARD, provide_automatic_options=False)
    def judge_edit() -> Response:
        edit = review.decode_edit(_body())
        judgement = guard.judge(edit, parts.guards)
        parts.guarded(edit, judgement)
        if judgement.denial:
            return Response(review.deny(edit.uid, judgement.denial), content_type=JSON)
        return Response(review.allow(edit.uid, judgement.warnings), content_type=JSON)


def _add_errors(app: Flask, parts: Collaborators) -> None:
    @app.errorhandler(ReviewError)
    def refuse(error: ReviewError) -> Response:
        parts.refused(request.path)
        return line(str(error), 400)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        if request.path in ("/validate", "/mutate", GUARD) and error.code is not None and error.code < 500:  # noqa: PLR2004
            parts.refused(request.path)
        return http_line(error)

    @app.errorhandler(Exception)
    def broken(error: Exception) -> Response:
        # Neither admitted nor denied here: a 500 leaves it to the failurePolicy of the webhook configuration.
        parts.failed(request.path, error)
        return line("airlock failed to decide; its log says why", 500)


def _body() -> bytes:
    """Return the request's body, read past Flask's own layers: they take as long as half a decision."""
    environ = request.environ
    kind = environ.get("CONTENT_TYPE", "")
    if kind != JSON and kind.partition(";")[0].strip().lower() != JSON:
        raise BadRequest(f"the Content-Type is {kind[:80]!r}, and only {JSON!r} is read")
    if encoding := environ.get("HTTP_CONTENT_ENCODING"):
        raise BadRequest(f"the Content-Encoding is {encoding[:80]!r}, and no body is decompressed")
    length = environ.get("CONTENT_LENGTH", "")
    if not length.isascii() or not length.isdigit():
        raise LengthRequired("the body has no Content-Length")
    if int(length) > MAX_BODY:
        raise RequestEntityTooLarge(f"the body has {length} bytes, and at most {MAX_BODY} are read")
    body: bytes = environ["wsgi.input"].read(int(length))
    return body
