"""The scheduler's message about a task that failed although it was queued, read for what it names.

Both wordings, as the scheduler's log, the Audit Log or the REST API have them, JSON-escaped or not:

* up to 2.9.2: `Executor reports task instance %s finished (%s) although the task says it's %s. (Info: %s) Was the task
  killed externally?` (apache/airflow, jobs/scheduler_job_runner.py); `its` for `it's` in the first releases of 2
* from 2.9.3 (#40334): `Executor %s reported that the task instance %s finished with state %s, but the task instance's
  state attribute is %s. Learn more: ... Extra info: %s`

Extra info is the text of the Kubernetes client's exception: status, headers, and the API server's answer. Lines may be
wrapped, and the task may be missing: a browser hides `<TaskInstance: ...>`, which looks like a tag.
"""

import json
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

import msgspec

from webhook.diagnosis.readings import readings, unbroken

_MOST = 1 << 20  # characters that are read; an API server's answer and its headers have some thousands

_TASK = r"<TaskInstance: (?P<ids>\S+) (?P<run>.{1,500}?)(?: map_index=(?P<map>-?\d+))? \[(?P<state>[^\]\[>]*)\]>"
_QUOTES = r"['\u2019]{0,2}"  # none in the first releases of Airflow 2, two in SQL and YAML
_OLDER = (
    rf"although the task says it{_QUOTES}s (?P<says>\w+)\.?"
    r"(?: \(Info: (?P<info>.*?)(?:\) Was the task killed externally\?|$))?"
)
_NEWER = rf"the task instance{_QUOTES}s state attribute is (?P<says>\w+)\.(?:.{{0,600}}?Extra info: (?P<info>.*))?"


def _wrapped(pattern: str) -> re.Pattern[str]:
    """Return *pattern* for text in which a line may end wherever there is a space."""
    return re.compile(pattern.replace(" ", r"\s++"), re.DOTALL)


_WORDINGS = (
    _wrapped(rf"Executor reports task instance(?: {_TASK})? finished \((?P<finished>[^)]*)\) {_OLDER}"),
    _wrapped(
        rf"Executor (?P<executor>.{{0,200}}?) reported that the task instance(?: {_TASK})? finished with state"
        rf" (?P<finished>\w+), but {_NEWER}"
    ),
)
_START = _wrapped(r"Executor (?:reports|[^\n]{0,200}? reported that the) task instance(?= <TaskInstance: | finished )")
_PARTS = (_wrapped(_OLDER), _wrapped(_NEWER))  # of a message whose beginning is missing
_STATUS = re.compile(r"^\((\d{3})\)(?!\w)|\((\d{3})\)\s*Reason:")
_BODY = _wrapped(r"HTTP response body: (?:b['\"])?(?=\{)")
_DENIED = _wrapped(r'admission webhook "([^"]{1,253})" denied the request: (.*)')
_TASK_OF_DAG = re.compile(r"task '(?P<task>[^'\s]+)' of DAG '(?P<dag>[^'\s]+)'")
_BREAK = re.compile(r"[ \t\r]*\n[ \t\r]*")
_MESSAGE = re.compile(r'"message":\s*"')
_NEXT_FIELD = re.compile(r'"\s*,\s*"(?:reason|details|code|metadata|status|kind)"\s*:')


class Denial(msgspec.Struct, frozen=True):
    """An admission webhook's answer inside a message."""

    webhook: str  # as it is registered: "pods.validate.airlock"
    text: str

    @property
    def by_airlock(self) -> bool:
        """Whether the webhook is called as airlock's chart calls its own."""
        return self.webhook == "airlock" or self.webhook.endswith(".airlock") or ".airlock." in self.webhook


class Message(msgspec.Struct, frozen=True):
    """What the message says."""

    ids: str  # DAG and task as the message has them, joined by a dot: either may hold dots itself; "" if it names none
    run_id: str
    map_index: str  # "" when the task is not mapped
    finished: str  # the state that the executor reported, "" where that is cut off
    says: str  # the state that the task had
    executor: str  # as the message has it; "" in the older wording
    info: str  # what follows "Extra info" or "Info"; "" when there is nothing
    status: int | None  # of the API server's answer, when there is one
    answer: str  # the API server's own sentence; "" when there is none
    denial: Denial | None
    cut: bool = False  # whether it ends before it says a reason, or that there is none

    @property
    def tasks(self) -> tuple[tuple[str, str], ...]:
        """Every way to read `ids` as a DAG and a task, the shortest id of a DAG first: dots are rare in those.

        >>> read_messages("Executor reports task instance <TaskInstance: a.b.c r [queued]> finished (failed) although"
        ...               " the task says it's queued. (Info: None) Was the task killed externally?")[0].tasks
        (('a', 'b.c'), ('a.b', 'c'))
        """
        parts = self.ids.split(".")
        return tuple((".".join(parts[:cut]), ".".join(parts[cut:])) for cut in range(1, len(parts)))

    def is_of(self, dag_id: str, task_id: str) -> bool:
        """Return whether it may be about that task; what is "" may be any."""
        return not self.ids or any(
            dag_id in ("", dag) and task_id in ("", task) for dag, task in self.tasks or ((self.ids, ""),)
        )

    def task(self, known: Iterable[tuple[str, str]], dag_id: str = "") -> tuple[str, str]:
        """Return DAG and task: the reading that is *known*, from pods say, else the likeliest; of *dag_id* if given."""
        if not self.ids:
            return dag_id, ""
        there, every = set(known), self.tasks or ((self.ids, ""),)
        readings = [one for one in every if dag_id in ("", one[0])] or every
        return next((one for one in readings if one in there), readings[0])


def read_messages(text: str) -> tuple[Message, ...]:
    """Return what *text*, a message or a log that holds some, says: one for each task instance, the latest last."""
    found: dict[tuple[str, ...], Message] = {}
    for one in _read(text[-_MOST:]):
        key = (one.ids, readings(one.run_id)[-1], one.map_index)
        before = found.get(key)
        if before is None or _worth(one) > _worth(before):
            found[key] = one
    if len(found) > 1:  # what names no task is a copy of what does
        found = {key: one for key, one in found.items() if one.ids}
    return tuple(found.values())


def _read(text: str) -> list[Message]:
    found: list[Message] = []
    for one in dict.fromkeys((unbroken(text), text)):
        found = [message for reading in readings(one) for message in _messages(reading)]
        if any(message.ids for message in found):
            break
    return found


def _worth(one: Message) -> tuple[bool, bool, int]:
    """Return how much *one* says of the reason."""
    return one.denial is not None, bool(one.answer), one.status or 0


def _messages(reading: str) -> Iterator[Message]:
    """Yield the messages in *reading*: each ends where the next one begins."""
    starts = [match.start() for match in _START.finditer(reading)]
    for start, end in pairwise([*(starts or [0]), len(reading)]):
        whole = [match for wording in _WORDINGS if (match := wording.match(reading, start, end))]
        parts = [match for part in _PARTS if (match := part.search(reading, start, end))]
        yield from map(_message, whole or parts)


def _message(found: re.Match[str]) -> Message:
    groups = found.groupdict()
    info = (groups.get("info") or "").strip()
    info = "" if info == "None" else info
    status = _STATUS.search(info)
    answer = _answer(info)
    denied = _DENIED.search(answer or info)
    denial = Denial(denied[1], denied[2].strip()) if denied else None
    return Message(
        ids=groups.get("ids") or _named(denial),
        run_id=" ".join((groups.get("run") or "").split()),
        map_index=groups.get("map") or "",
        finished=groups.get("finished") or "",
        says=groups["says"],
        executor=groups.get("executor") or "",
        info=info,
        status=int(status[1] or status[2]) if status else None,
        answer=answer,
        denial=denial,
        cut=groups.get("info") is None,
    )


def _named(denial: Denial | None) -> str:
    """Return the DAG and task that airlock's own denial names, as a message has them; "" when it names none."""
    found = _TASK_OF_DAG.search(denial.text) if denial is not None and denial.by_airlock else None
    return f"{found['dag']}.{found['task']}" if found else ""


def _answer(info: str) -> str:
    """Return the message in the API server's answer; "" when there is none that can be read."""
    body = _BODY.search(info)
    if body is None:
        return ""
    rest = info[body.end() :]
    if r"\n" in rest:  # as long as the answer's own line breaks are escaped, others are a wrapped line's
        rest = _BREAK.sub(" ", rest)
    try:
        status, _ = json.JSONDecoder(strict=False).raw_decode(rest)  # a line break may stand as it is by now
    except (ValueError, RecursionError):
        return _by_hand(rest)
    message = status.get("message") if isinstance(status, dict) else None
    return message if isinstance(message, str) else ""


def _by_hand(body: str) -> str:
    """Return the message in *body*, whose quotes have lost their escapes: up to the next field of a Status."""
    message = _MESSAGE.search(body)
    end = _NEXT_FIELD.search(body, message.end()) if message is not None else None
    return body[message.end() : end.start()] if message is not None and end is not None else ""
