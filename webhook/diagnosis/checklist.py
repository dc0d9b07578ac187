"""The four layers of one task as a checklist: the cause, not the cause, or cannot know, each with its evidence.

What was not looked at is never "not the cause", and the first cause hides none of the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from webhook.audit.layers import State, layers
from webhook.diagnosis.evidence import CALLBACK, Clues, Evidence, Patient, evidence
from webhook.manifests.outcome import Remark
from webhook.pods.text import plural


class Answer(StrEnum):
    """What is to be said of a layer."""

    CAUSE = "the cause"
    NOT = "not the cause"
    UNKNOWN = "cannot know"


@dataclass(frozen=True, slots=True)
class Item:
    """One layer of the checklist."""

    number: int
    name: str
    question: str
    answer: Answer
    evidence: tuple[Evidence, ...]
    told: tuple[str, ...]  # why it is not the cause, or cannot be known; each a clause
    marks: tuple[str, ...] = ()  # what airlock's annotations on pods say about it, a hint


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The answer: what was said at the time, and the four layers."""

    patient: Patient
    said: tuple[str, ...]  # what the message and the Events say, the latest first
    items: tuple[Item, ...]
    remarks: tuple[Remark, ...]
    source: str
    policy: str
    required_env: str

    @property
    def causes(self) -> tuple[Item, ...]:
        """The layers that are at work."""
        return tuple(item for item in self.items if item.answer is Answer.CAUSE)

    @property
    def headline(self) -> str:
        """The answer in one line."""
        unknown = sum(item.answer is Answer.UNKNOWN for item in self.items)
        found = f"{plural(len(self.causes), 'cause')} found" if self.causes else "no cause found"
        open_ = f", {plural(unknown, 'layer')} nobody can know from here" if unknown else ""
        return f"{self.patient.title}: {found}{open_}"


def diagnose(patient: Patient, clues: Clues) -> Diagnosis:
    """Return what *clues* say of *patient*."""
    shown = list(evidence(patient, clues))
    items = []
    for number, layer in enumerate(layers(clues.survey), 1):
        mine = tuple(dict.fromkeys(one for which, one in shown if which == number))
        answer, told = _answer(layer.state, layer.told, mine)
        if number == CALLBACK and clues.survey.callbacks is None:
            told = (*told, "name it by --dags")
        items.append(Item(number, layer.name, layer.question, answer, mine, told, layer.marks))
    basis = clues.survey.basis
    return Diagnosis(
        patient,
        tuple(_said(clues)),
        tuple(items),
        (*clues.survey.remarks, *clues.remarks),
        basis.source,
        basis.policy,
        basis.required_env,
    )


def _answer(state: State, told: tuple[str, ...], shown: tuple[Evidence, ...]) -> tuple[Answer, tuple[str, ...]]:
    if shown:
        return Answer.CAUSE, ()
    if state is State.CLEAR:
        return Answer.NOT, told
    if state is State.FOUND:
        return Answer.NOT, tuple(f"what was found concerns other tasks: {clause}" for clause in told)
    return Answer.UNKNOWN, told


def _said(clues: Clues) -> Iterator[str]:
    message = clues.message
    if message is not None:
        yield f"the executor reported {message.finished} while the task was {message.says}"
        if message.denial is not None:
            who = "airlock" if message.denial.by_airlock else f"the webhook {message.denial.webhook}"
            yield f"its pod was denied by {who}: {_first(message.denial.text)}"
        elif message.answer:
            yield f"the API server answered {message.status or ''}: {_first(message.answer)}".replace(" :", ":")
        elif message.info:
            yield f"Extra info: {_first(message.info)}"
        else:
            yield "the message names no reason (Info: None): the pod was made, and ended or was deleted"
    for one in clues.occurred:
        times = f", {one.count} times" if one.count > 1 else ""
        yield f"{one.at:%Y-%m-%d %H:%M} UTC{times}: {one.reason} of {one.regarding}: {_first(one.note)}"


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")
