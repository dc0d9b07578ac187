"""The scheduler's message about a task that failed although it was queued, read for what it names.

Both wordings, as the scheduler's log, the Audit Log or the REST API have them, JSON-escaped or not:

* up to 2.9.2: `Executor reports task instance %s finished (%s) although the task says it's %s. (Info: %s) Was the task
  killed externally?` (apache/airflow, jobs/scheduler_job_runner.py)
* from 2.9.3 (#40334): `Executor %s reported that the task instance %s finished with state %s, but the task instance's
  state attribute is %s. Learn more: ... Extra info: %s`

Extra info is the text of the Kubernetes client's exception: status, headers, and the API server's answer.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

_MOST = 1 << 20  # characters that are read; an API server's answer and its headers have some thousands
_ESCAPED = 4  # JSON in JSON in JSON: a log line of a message of a body, and one to spare

_TASK = r"<TaskInstance: (?P<ids>\S+) (?P<run>\S+)(?: map_index=(?P<map>-?\d+))? \[(?P<state>[^\]]*)\]>"
_WORDINGS = (
    re.compile(
        rf"Executor reports task instance {_TASK} finished \((?P<finished>[^)]*)\) although the task says it's"
        r" (?P<says>\w+)\.(?: \(Info: (?P<info>.*?)(?:\) Was the task killed externally\?|$))?",
        re.DOTALL,
    ),
    re.compile(
        rf"Executor (?P<executor>.{{0,200}}?) reported that the task instance {_TASK} finished with state"
        r" (?P<finished>\w+), but the task instance's state attribute is (?P<says>\w+)\."
        r"(?:.{0,400}?Extra info: (?P<info>.*))?",
        re.DOTALL,
    ),
)
_START = re.compile(r"Executor (?:reports|[^\n]{0,200}? reported that the) task instance <TaskInstance: ")
_STATUS = re.compile(r"\((\d{3})\)\s*(?:Reason:|$)")
_BODY = re.compile(r"HTTP response body: (?:b['\"])?(?=\{)")
_DENIED = re.compile(r'admission webhook "([^"]{1,253})" denied the request: (.*)', re.DOTALL)
_QUOTED = re.compile(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})')


@dataclass(frozen=True, slots=True)
class Denial:
    """An admission webhook's answer inside a message."""

    webhook: str  # as it is registered: "pods.validate.airlock"
    text: str

    @property
    def by_airlock(self) -> bool:
        """Whether the webhook is called as airlock's chart calls its own."""
        return self.webhook == "airlock" or self.webhook.endswith(".airlock") or ".airlock." in self.webhook


@dataclass(frozen=True, slots=True)
class Message:
    """What the message says."""

    ids: str  # DAG and task as the message has them, joined by a dot: either may hold dots itself
    run_id: str
    map_index: str  # "" when the task is not mapped
    finished: str  # the state that the executor reported
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
        return any(dag_id in ("", dag) and task_id in ("", task) for dag, task in self.tasks or ((self.ids, ""),))

    def task(self, known: Iterable[tuple[str, str]], dag_id: str = "") -> tuple[str, str]:
        """Return DAG and task: the reading that is *known*, from pods say, else the likeliest; of *dag_id* if given."""
        there, every = set(known), self.tasks or ((self.ids, ""),)
        readings = [one for one in every if dag_id in ("", one[0])] or every
        return next((one for one in readings if one in there), readings[0])


def read_messages(text: str) -> tuple[Message, ...]:
    """Return what *text*, a message or a log that holds some, says: one for each task instance, the latest last."""
    found: dict[tuple[str, ...], Message] = {}
    for reading in _readings(text[-_MOST:]):
        for one in _messages(reading):
            key = (one.ids, one.run_id, one.map_index)
            before = found.get(key)
            if before is None or _worth(one) > _worth(before):
                found[key] = one
    return tuple(found.values())


def _worth(one: Message) -> tuple[bool, bool, int]:
    """Return how much *one* says of the reason."""
    return one.denial is not None, bool(one.answer), one.status or 0


def _messages(reading: str) -> Iterator[Message]:
    """Yield the messages in *reading*: each ends where the next one begins."""
    starts = [match.start() for match in _START.finditer(reading)]
    for start, end in pairwise([*starts, len(reading)]):
        matches = (wording.match(reading, start, end) for wording in _WORDINGS)
        yield from (_message(match) for match in matches if match)


def _readings(text: str) -> list[str]:
    """Return *text* as it is, and with one layer of JSON's escapes after the other taken away."""
    readings = [text]
    while len(readings) < _ESCAPED and (plain := _unescaped(readings[-1])) != readings[-1]:
        readings.append(plain)
    return readings


def _unescaped(text: str) -> str:
    def plain(match: re.Match[str]) -> str:
        try:
            found: str = json.loads(f'"{match[0]}"')
        except ValueError:
            return match[0]
        return match[0] if "\ud800" <= found <= "\udfff" else found

    return _QUOTED.sub(plain, text)


def _message(found: re.Match[str]) -> Message:
    groups = found.groupdict()
    info = (groups.get("info") or "").strip()
    info = "" if info == "None" else info
    status = _STATUS.search(info)
    answer = _answer(info)
    denied = _DENIED.search(answer or info)
    return Message(
        ids=groups["ids"],
        run_id=groups["run"],
        map_index=groups["map"] or "",
        finished=groups["finished"],
        says=groups["says"],
        executor=groups.get("executor") or "",
        info=info,
        status=int(status[1]) if status else None,
        answer=answer,
        denial=Denial(denied[1], denied[2].strip()) if denied else None,
        cut=groups.get("info") is None,
    )


def _answer(info: str) -> str:
    """Return the message in the API server's answer; "" when there is none that can be read."""
    body = _BODY.search(info)
    if body is None:
        return ""
    rest = info[body.end() :]
    try:
        status, _ = json.JSONDecoder(strict=False).raw_decode(rest)  # a line break may stand as it is by now
    except (ValueError, RecursionError):
        return _by_hand(rest)
    message = status.get("message") if isinstance(status, dict) else None
    return message if isinstance(message, str) else ""


def _by_hand(body: str) -> str:
    """Return the message in *body*, whose quotes have lost their escapes: up to the next field of a Status."""
    found = re.search(r'"message":\s*"(.*?)"\s*,\s*"(?:reason|details|code|metadata|status|kind)"\s*:', body, re.DOTALL)
    return found[1] if found else ""
