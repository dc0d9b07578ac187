"""The four layers of one task as a checklist: the cause, not the cause, or cannot know, each with its evidence.

What was not looked at is never "not the cause", and the first cause hides none of the others.
"""

from collections.abc import Iterator
from enum import StrEnum

import msgspec

from webhook.audit.layers import State, layers
from webhook.diagnosis.evidence import CALLBACK, Clues, Evidence, Patient, evidence
from webhook.diagnosis.message import Message
from webhook.manifests.outcome import Remark
from webhook.pods.text import plural, quote

_BESIDE = "; that is a cause by itself, beside the four layers"
_DENIALS = (400, 422)  # what admission webhooks answer with


class Answer(StrEnum):
    """What is to be said of a layer."""

    CAUSE = "the cause"
    NOT = "not the cause"
    UNKNOWN = "cannot know"


class Item(msgspec.Struct, frozen=True):
    """One layer of the checklist."""

    number: int
    name: str
    question: str
    answer: Answer
    evidence: tuple[Evidence, ...]
    told: tuple[str, ...]  # why it is not the cause, or cannot be known; each a clause
    marks: tuple[str, ...] = ()  # what airlock's annotations on pods say about it, a hint


class Diagnosis(msgspec.Struct, frozen=True):
    """The answer: what was said at the time, and the four layers."""

    patient: Patient
    said: tuple[str, ...]  # what the message and the Events say, the latest first
    items: tuple[Item, ...]
    remarks: tuple[Remark, ...]
    source: str
    policy: str
    required_env: str
    beside: bool = False  # whether the message names a cause that is none of the layers

    @property
    def causes(self) -> tuple[Item, ...]:
        """The layers that are at work."""
        return tuple(item for item in self.items if item.answer is Answer.CAUSE)

    @property
    def headline(self) -> str:
        """The answer in one line."""
        unknown = sum(item.answer is Answer.UNKNOWN for item in self.items)
        found = f"{plural(len(self.causes), 'cause')} found" if self.causes else "no cause found"
        found = f"1 cause beside the four layers, {found} in them" if self.beside else found
        open_ = f", {plural(unknown, 'layer')} unknown" if unknown else ""
        return f"{self.patient.title}: {found}{open_}"


def diagnose(patient: Patient, clues: Clues) -> Diagnosis:
    """Return what *clues* say of *patient*."""
    shown = list(evidence(patient, clues))
    items = []
    for number, layer in enumerate(layers(clues.survey), 1):
        mine = tuple(dict.fromkeys(one for which, one in shown if which == number))
        answer, told = _answer(layer.state, layer.told, mine)
        callbacks = clues.survey.callbacks
        if number == CALLBACK and callbacks is None:
            told = (*told, "name it by --dags")
        elif number == CALLBACK and callbacks is not None and callbacks.without and answer is Answer.NOT:
            why = f"no DAG file that was read has the id {quote(callbacks.without)}; --dags takes several folders"
            answer, told = Answer.UNKNOWN, (why,)
        items.append(Item(number, layer.name, layer.question, answer, mine, told, layer.marks))
    basis = clues.survey.basis
    return Diagnosis(
        patient,
        tuple(_said(patient, clues)),
        tuple(items),
        (*clues.survey.remarks, *clues.remarks),
        basis.source,
        basis.policy,
        basis.required_env,
        clues.message is not None and _is_beside(clues.message),
    )


def _answer(state: State, told: tuple[str, ...], shown: tuple[Evidence, ...]) -> tuple[Answer, tuple[str, ...]]:
    if shown:
        return Answer.CAUSE, ()
    if state is State.CLEAR:
        return Answer.NOT, told
    if state is State.FOUND:
        return Answer.NOT, tuple(f"what was found concerns other tasks: {clause}" for clause in told)
    return Answer.UNKNOWN, told


def _said(patient: Patient, clues: Clues) -> Iterator[str]:
    message = clues.message
    if message is not None:
        if clues.others:
            left = plural(clues.others, "message")
            yield f"{left} about other tasks left aside: this is the last one; --dag names another"
        yield f"the executor reported {message.finished or 'the end of a task'} while the task was {message.says}"
        if not message.ids:
            named = "" if patient.task_id else ": name it by --dag and --task"
            yield f"the message names no task (a browser hides <TaskInstance: ...>){named}"
        yield _reason(message)
    if (
        clues.looked
        and patient.dag_id
        and not clues.occurred
        and not any(patient.is_its(group) for group in clues.survey.groups)
    ):
        yield "no pod and no Event of it was seen: the name may be wrong, or both are gone"
    for one in clues.occurred:
        times = f", {one.count} times" if one.count > 1 else ""
        yield f"{one.at:%Y-%m-%d %H:%M} UTC{times}: {one.reason} of {one.regarding}: {_first(one.note)}"


def _is_beside(message: Message) -> bool:
    """Return whether *message* has an answer that is not airlock's: a quota, another webhook, a right."""
    return bool(message.answer) if message.denial is None else not message.denial.by_airlock


def _reason(message: Message) -> str:
    """Return what *message* says of the reason, in words."""
    if message.denial is not None:
        who = "airlock" if message.denial.by_airlock else f"the webhook {message.denial.webhook}"
        beside = _BESIDE if _is_beside(message) else ""
        return f"its pod was denied by {who}: {_first(message.denial.text)}{beside}"
    status = "" if message.status is None else f" {message.status}"
    if message.answer:
        return f"the API server answered{status}: {_first(message.answer)}{_BESIDE}"
    if message.status in _DENIALS:
        return f"the API server answered{status}, so a webhook denied the pod: its words follow in the log (grep -A 5)"
    if message.cut:
        return "the message is cut off before its reason: give the lines that follow it in the log as well (grep -A 5)"
    if message.info:
        return f"Extra info: {_first(message.info)}"
    return f"the message names no reason (Info: None){_without_reason(message.executor)}"


def _without_reason(executor: str) -> str:
    """Return what follows when *executor*, "" if the message does not name it, gave no reason."""
    if executor and "Kubernetes" not in executor:
        return f", and the {executor.partition('(')[0]} makes no pod for a task: its worker's log says more"
    who = "" if executor else " with the KubernetesExecutor"
    return f":{who} the pod was made, and ended or was deleted"


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
