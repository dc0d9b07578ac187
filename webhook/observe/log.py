"""The log: each record is one line of JSON, whatever it contains, with only the fields that are allowed there."""

import json
import logging
import math
import sys
import threading
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from webhook.judge.decision import Decision
from webhook.judge.message import headline
from webhook.rules.finding import Mode

LONGEST = 512  # characters of one string in a record
LONGEST_TRACEBACK = 8192  # its end is kept: that names the error
LONGEST_LIST = 32  # items of one list in a record

# Below this level others' loggers stay silent: at debug, HTTP clients print what was sent and answered.
_OTHERS = {"urllib3": logging.INFO, "kubernetes": logging.INFO, "asyncio": logging.INFO}

_decisions = structlog.stdlib.get_logger("airlock.decision")


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every record of structlog and of `logging` from *level* up to *stream* (stderr), rendered the same way.

    Raises ValueError when *level* is none. For a server that brings its own handlers (gunicorn does), let its loggers
    have none and propagate.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"{level!r} is not a level of logging: debug, info, warning, error or critical")
    lines = _Lines(sys.stderr if stream is None else stream)
    structlog.configure(
        processors=[_rendered],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Handler(lines)]
    root.setLevel(number)
    for name, lowest in _OTHERS.items():
        logging.getLogger(name).setLevel(max(number, lowest))
    logging.captureWarnings(capture=True)


def log_decision(decision: Decision, when: datetime) -> None:
    """Write one line about *decision*, made *when*: what was asked and answered, never a variable's value or an object.

    A denial is a warning, with the first line of its text. What is not Airflow's is told at debug level only: it is
    most of a cluster's traffic.
    """
    fields = {"timestamp": _timestamp(when), **decision_fields(decision)}
    if not decision.verdict.allowed:
        _decisions.warning("decision", **fields, text=headline(decision))
    elif decision.component or decision.distrusted or decision.verdict.violations:
        _decisions.info("decision", **fields)
    else:
        _decisions.debug("decision", **fields)


def decision_fields(decision: Decision) -> dict[str, Any]:
    """Return the facts of *decision* that a log may hold; those that say nothing are left out."""
    verdict, regarding, task = decision.verdict, decision.regarding, decision.task
    fields: dict[str, Any] = {
        "uid": decision.uid,
        "path": decision.path,
        "operation": decision.operation,
        "kind": regarding.kind,
        "namespace": regarding.namespace,
        "name": regarding.name,
        "component": decision.component,
        "distrusted": decision.distrusted,
        "dag_id": task.dag_id if task else None,
        "task_id": task.task_id if task else None,
        "verdict": "allowed" if verdict.allowed else "denied",
        "mode": verdict.mode if verdict.mode is not Mode.OFF else None,
        "rules": _names(violation.rule for violation in verdict.violations),
        "exemptions": _names(exempted.exemption for exempted in verdict.exempted),
        "mutation": decision.mutation,
        "dry_run": decision.dry_run or None,
        "ms": round(decision.seconds * 1000, 3),
    }
    return {name: value for name, value in fields.items() if value is not None}


def _names(names: Iterable[str]) -> list[str] | None:
    return sorted(set(names)) or None


class _Lines:
    """Where lines go: whole, one after the other; a stream that is gone must not fail a request.

    structlog calls the method named like the level.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        """Write *line* and its end at once."""
        with self._lock, suppress(OSError, ValueError):
            self._stream.write(line + "\n")
            self._stream.flush()

    debug = info = warning = error = critical = write


class _Handler(logging.Handler):
    """The records of the standard library's `logging`, as the same lines."""

    def __init__(self, lines: _Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*; one whose arguments do not fit its format is written without them."""
        try:
            event = record.getMessage()
        except (TypeError, ValueError, KeyError):
            event = str(record.msg)
        fields: dict[str, Any] = {"event": event, "logger": record.name}
        if record.exc_info and record.exc_info[0]:
            fields["exc_info"] = record.exc_info
        self._lines.write(_rendered(None, record.levelname.lower(), fields))


def _rendered(_logger: object, level: str, fields: MutableMapping[str, Any]) -> str:
    """Return *fields* as one line of ASCII; JSON escapes the control characters."""
    if exc_info := fields.pop("exc_info", None):
        fields["exception"] = _traceback(exc_info)
    head = {
        "timestamp": fields.pop("timestamp", "") or _timestamp(datetime.now(UTC)),
        "level": level,
        "event": fields.pop("event", ""),
    }
    return json.dumps({name: _bounded(name, value) for name, value in (*head.items(), *fields.items())})


def _timestamp(when: datetime) -> str:
    return when.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _traceback(exc_info: Any) -> str:  # noqa: ANN401  # logging takes True, an exception or a tuple
    if isinstance(exc_info, BaseException):
        exc_info = (type(exc_info), exc_info, exc_info.__traceback__)
    elif not isinstance(exc_info, tuple):
        exc_info = sys.exc_info()
    return logging.Formatter().formatException(exc_info)


def _bounded(name: str, value: object) -> object:
    """Return *value* as JSON, at most as long as a line of a log should be."""
    match value:
        case str():
            return _cut(name, value)
        case bool() | int() | None:
            return value
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {_cut("", str(key)): _bounded("", item) for key, item in _few(value.items())}
        case list() | tuple() | set() | frozenset():
            return [_bounded("", item) for item in _few(value)]
        case _:
            return _cut(name, str(value))


def _few(items: Iterable[Any]) -> list[Any]:
    return [item for item, _ in zip(items, range(LONGEST_LIST), strict=False)]


def _cut(name: str, text: str) -> str:
    if name == "exception":
        cut = text if len(text) <= LONGEST_TRACEBACK else "…" + text[1 - LONGEST_TRACEBACK :]
    else:
        cut = text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
    # Half a surrogate pair has no UTF-8, and strict readers refuse the whole line for its JSON escape too.
    return cut if cut.isascii() else cut.encode(errors="backslashreplace").decode()
