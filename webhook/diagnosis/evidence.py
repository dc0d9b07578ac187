"""What shows a layer to be at work: findings of what runs, sentences of the time, faults in DAG files."""

import re
from collections.abc import Iterator

import msgspec

from webhook.audit.findings import Excused, Told
from webhook.audit.group import Group
from webhook.audit.survey import Survey
from webhook.diagnosis.events import Occurred
from webhook.diagnosis.message import Message
from webhook.judge.message import problem
from webhook.judge.verdict import Exempted, Violation
from webhook.manifests.outcome import Remark
from webhook.rules.finding import Mode

# The layer of the story that each rule looks at.
LAYERS = {
    "image-skew": 1,
    "expected-image": 1,
    "mutable-tag": 2,
    "image-drift": 2,
    "pin-digest": 2,
    "required-env": 3,
    "env-reference": 3,
    "callback": 4,
}
CALLBACK = 4
_FIRST = re.compile(rf": ((?:{'|'.join(LAYERS)}): .+)")  # the problem that the first line of a denial names


class Evidence(msgspec.Struct, frozen=True):
    """One thing that shows a layer to be at work."""

    where: str  # the workload, the file, or the message that it comes from
    text: str
    fix: str = ""
    mode: Mode = Mode.AUDIT


class Patient(msgspec.Struct, frozen=True):
    """Whose trouble is looked at; what is "" was not named."""

    namespaces: tuple[str, ...]
    dag_id: str = ""
    task_id: str = ""
    pod: str = ""

    @property
    def title(self) -> str:
        """The patient in words: `task 'load' of DAG 'etl' in namespace airflow`."""
        where = f"in namespace {', '.join(self.namespaces)}" if self.namespaces else "in all namespaces"
        what = f"DAG '{self.dag_id}'" if self.dag_id else "every DAG"
        what = f"task '{self.task_id}' of {what}" if self.task_id else what
        return f"{what} {where}" + (f" (pod {self.pod})" if self.pod else "")

    def is_of(self, group: Group) -> bool:
        """Return whether what is found in *group* can have to do with it: no task but its own has."""
        return group.task is None or not self.dag_id or self.is_its(group)

    def is_its(self, group: Group) -> bool:
        """Return whether *group* are pods of it."""
        if group.task is None:
            return False
        return group.task.dag_id == self.dag_id and self.task_id in ("", group.task.task_id)

    def is_meant(self, dags: frozenset[str], tasks: frozenset[str]) -> bool:
        """Return whether a fault of *dags* and *tasks*, "" for any, can concern it; a task's id may name its group."""
        of_dag = not self.dag_id or not dags.isdisjoint(("", self.dag_id))
        return of_dag and (
            not self.task_id or not tasks.isdisjoint(("", self.task_id, self.task_id.rpartition(".")[2]))
        )


class Clues(msgspec.Struct, frozen=True):
    """Everything that a diagnosis rests on."""

    survey: Survey
    message: Message | None = None
    occurred: tuple[Occurred, ...] = ()  # Events about the task, the latest first
    remarks: tuple[Remark, ...] = ()  # what could not be seen, besides the survey's
    others: int = 0  # messages beside that one, about other tasks
    looked: bool = True  # whether anybody looked for pods and Events


def evidence(patient: Patient, clues: Clues) -> Iterator[tuple[int, Evidence]]:
    """Yield what shows a layer, with its number: what runs, what was said at the time, and what the files hold."""
    shown = [one for one in clues.survey.findings if any(patient.is_of(group) for group, _ in one.shown)]
    for found in sorted(shown, key=lambda one: -one.violation.mode.rank):
        yield from _of_rule(found.violation, _where(found, patient))
    for lifted in clues.survey.exempted:
        if any(patient.is_of(group) for group, _ in lifted.shown):
            yield from _of_rule(lifted.exempted, _where(lifted, patient))
    told = {one.cause.text for found in shown for one in (found.violation,)}
    rules = {found.violation.rule for found in shown}
    for line in _lines(clues):
        if line.rule not in rules if line.short else not any(text in line.text for text in told):
            yield LAYERS[line.rule], Evidence(line.where, line.text, line.fix, Mode.ENFORCE)
    callbacks = clues.survey.callbacks
    for fault in callbacks.faults if callbacks is not None else ():
        if patient.is_meant(fault.dags, fault.tasks):
            yield CALLBACK, Evidence(str(fault.place), fault.text, fault.fix, fault.mode)


def _of_rule(found: Violation | Exempted, where: str) -> Iterator[tuple[int, Evidence]]:
    number = LAYERS.get(found.rule)
    if number is not None:
        exempted = f" (exempted by '{found.exemption}')" if isinstance(found, Exempted) else ""
        mode = found.mode if isinstance(found, Violation) else Mode.AUDIT
        yield number, Evidence(where, f"{problem(found)}{exempted}", found.cause.fix, mode)


def _where(found: Told | Excused, patient: Patient) -> str:
    titles = [group.title for group, _ in found.shown if patient.is_of(group)]
    return titles[0] if len(titles) == 1 else f"{titles[0]} and {len(titles) - 1} more"


class _Line(msgspec.Struct, frozen=True):
    where: str
    rule: str
    text: str
    fix: str
    short: bool = False  # whether it is the first line of a denial whose others are missing


def _lines(clues: Clues) -> Iterator[_Line]:
    """Yield airlock's findings in what was said when the task failed, each once."""
    texts = [(f"Event {one.reason} of {one.regarding}", one.note) for one in clues.occurred if one.by_airlock]
    if clues.message is not None and clues.message.denial is not None and clues.message.denial.by_airlock:
        texts.insert(0, ("the scheduler's message", clues.message.denial.text))
    seen = set()
    for where, text in texts:
        head, *lines = text.splitlines() or [""]
        rows = [line.removeprefix("- ").removeprefix("(warning) ") for line in lines]
        found = [said for said in rows if said.partition(": ")[0] in LAYERS and said.partition(": ")[2]]
        cut = _FIRST.search(head) if not found else None
        for said in (cut[1],) if cut else found:
            if said not in seen:
                seen.add(said)
                before, _, fix = said.partition("; fix: ")
                yield _Line(where, said.partition(": ")[0], before, fix, short=cut is not None)
