"""Answers reviews: bytes in, one pure decision, bytes out; the same for every lane that a request can take."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from time import perf_counter

import msgspec
from msgspec import Struct, structs

from webhook.admission import guard, review
from webhook.admission.edit import Edit, decode_edit
from webhook.admission.guard import Guards, Judgement
from webhook.judge import message
from webhook.judge.case import Ruling
from webhook.judge.decision import Decision
from webhook.judge.gate import Gate
from webhook.judge.request import Obstacle, Request
from webhook.pods.skim import Data

VALIDATE, MUTATE, GUARD = "/validate", "/mutate", "/guard"

# What is decided in the event loop: more would keep others waiting.
QUICK_BYTES = 64 * 1024
_QUICK_PLACES = 100  # containers and volumes

_BROKEN = Obstacle(
    "could not be judged: airlock failed on it, and its log says why", "report it to the people who run airlock"
)


def _nothing() -> None: ...


class UnpreparedError(Exception):
    """There was no valid policy yet, so nothing can be decided."""


class Answer(Struct, frozen=True):
    """The bytes of an answer, and what to call when they are on their way; it returns what to call at leisure."""

    body: bytes
    tell: Callable[[], Callable[[], None]]


class Parts(msgspec.Struct, frozen=True):
    """What deciding needs from outside."""

    gate: Callable[[], Gate | None]  # the one in force; None until there was a good policy
    observers: Iterable[Callable[[Decision], None]]
    log: Callable[[Decision, datetime], None]  # writes a line about a decision, and the moment when it was made
    failed: Callable[[str, BaseException], None]  # counts and logs by path what broke on a decision, or after it
    now: Callable[[], datetime] = partial(datetime.now, UTC)
    guards: Guards = msgspec.field(default_factory=dict)  # the documents whose edits are judged on /guard
    guarded: Callable[[Edit, Judgement], None] = lambda *_: None  # hears of each


class Desk:
    """Answers reviews, from any thread."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._observers = tuple(parts.observers)
        self._deciding = {VALIDATE: self._validated, MUTATE: self._mutated}

    def answer(self, path: str, body: Data, unread: str = "") -> Answer:
        """Return the answer to the review in *body*, or what of it came when *unread* says why that is not all.

        Raises `ReviewError` for anything but a review, and UnpreparedError.
        """
        began = perf_counter()
        if path == GUARD:
            return self._edited(body, unread)
        asked, gate = review.decode(body, unread), self._gate()
        try:
            return self._deciding[path](gate, asked, began)
        except Exception as error:  # noqa: BLE001 - told below; what cannot be judged must not pass for that reason
            self._parts.failed(path, error)
            return self._deciding[path](gate, structs.replace(asked, obstacle=_BROKEN), began)

    def quickly(self, path: str, body: bytes) -> Answer | None:
        """Return the answer to a small review; None when it is none or may take long, for `answer` to answer."""
        decide, gate = self._deciding.get(path), self._parts.gate()
        if decide is None or gate is None or len(body) > QUICK_BYTES:
            return None
        began = perf_counter()
        try:
            asked = review.at_once(body)
            if asked is None or (asked.workload is not None and asked.workload.size > _QUICK_PLACES):
                return None
            return decide(gate, asked, began)
        except Exception:  # noqa: BLE001 - then it breaks in `answer` too, which says so
            return None

    def _gate(self) -> Gate:
        if (current := self._parts.gate()) is None:
            raise UnpreparedError
        return current

    def _validated(self, gate: Gate, asked: Request, began: float) -> Answer:
        now = self._parts.now()
        ruling = gate.judge(asked, now)
        if not ruling.verdict.violations:  # the usual case
            answer = review.allow(asked.uid)
        elif ruling.verdict.allowed:
            answer = review.allow(asked.uid, message.warnings(ruling.decision()))
        else:
            answer = review.deny(asked.uid, message.denial(ruling.decision()))
        return self._told(answer, ruling, began, now)

    def _mutated(self, gate: Gate, asked: Request, began: float) -> Answer:
        now = self._parts.now()
        ruling = gate.complete(asked, now)
        hints = message.hints(ruling.decision()) if ruling.hints else ()
        return self._told(review.allow(asked.uid, hints, ruling.patch), ruling, began, now)

    def _told(self, answer: bytes, ruling: Ruling, began: float, when: datetime) -> Answer:
        return Answer(answer, partial(self._tell, ruling, perf_counter() - began, when))

    def _tell(self, ruling: Ruling, seconds: float, when: datetime) -> Callable[[], None]:
        """Have the observers hear of *ruling*; returns what writes its line in the log. What breaks is told as well."""
        try:
            decision = ruling.decision(seconds)
        except Exception as error:  # noqa: BLE001 - told
            self._parts.failed(ruling.path, error)
            return _nothing
        try:
            for observe in self._observers:
                observe(decision)
        except Exception as error:  # noqa: BLE001 - told
            self._parts.failed(ruling.path, error)
        return partial(self._parts.log, decision, when)

    def _edited(self, body: Data, unread: str) -> Answer:
        edit = decode_edit(body, unread)
        judgement = guard.judge(edit, self._parts.guards)
        if judgement.denial:
            answer = review.deny(edit.uid, judgement.denial)
        else:
            answer = review.allow(edit.uid, judgement.warnings)
        return Answer(answer, partial(self._tell_of_edit, edit, judgement))

    def _tell_of_edit(self, edit: Edit, judgement: Judgement) -> Callable[[], None]:
        self._parts.guarded(edit, judgement)
        return _nothing
