"""What `airlock diagnose` does once it is called: finds the patient and the clues, in a cluster or a dump."""

from collections.abc import Iterator
from datetime import UTC, datetime

import click
import msgspec
from msgspec.structs import replace

from webhook.audit.clusters import unread
from webhook.audit.survey import Survey
from webhook.commands import dags as dag_folder
from webhook.commands.audit_input import Choice, Ground, Papers, ground_of, surveys
from webhook.commands.progress import reading
from webhook.diagnosis.checklist import Diagnosis
from webhook.diagnosis.checklist import diagnose as diagnosed
from webhook.diagnosis.events import Occurred, about, decode_event
from webhook.diagnosis.evidence import Clues, Patient
from webhook.diagnosis.message import Message, read_messages
from webhook.judge.decision import TaskRef, task_ref
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods.live import decode_pod
from webhook.pods.workload import UnreadableError
from webhook.scan.pages import ListError
from webhook.scan.supply import CORE_EVENTS, EVENTS, PODS

_MOST_EVENTS = 8  # that are shown


class Asked(msgspec.Struct, frozen=True):
    """What to diagnose, and where; *patient* has no namespaces yet."""

    choice: Choice
    papers: Papers
    patient: Patient
    message: str | None  # the scheduler's
    dags: tuple[str, ...]


def run(asked: Asked) -> Diagnosis:
    """Return the diagnosis; raises OSError when what was asked for cannot be read.

    Where a message is all there is, because no cluster answers, it says what the message and the DAG files show.
    """
    messages = _messages(asked)
    try:
        return _seen(asked, messages)
    except OSError as error:
        if not messages or asked.choice.files or asked.patient.pod:
            raise
        return _unseen(asked, messages, str(error))


def _seen(asked: Asked, messages: tuple[Message, ...]) -> Diagnosis:
    message = messages[-1] if messages else None
    with reading() as told, ground_of(asked.choice, told) as ground:
        # Its warnings are among what could not be seen, which every format tells.
        (survey,) = surveys(ground, asked.papers, lambda _: None)
        patient = replace(asked.patient, namespaces=ground.scope.namespaces or ())
        patient = _of_pod(ground, patient) if patient.pod else _patient(patient, message, survey)
        survey = _with_callbacks(survey, asked, patient)
        clues = _clues(ground, patient, survey, message)
        return diagnosed(patient, replace(clues, others=max(0, len(messages) - 1)))


def _unseen(asked: Asked, messages: tuple[Message, ...], why: str) -> Diagnosis:
    """Return what *messages* and DAG files alone tell, as no cluster could be read."""
    survey = unread("no cluster, only at the message", why, datetime.now(UTC))
    patient = _patient(replace(asked.patient, namespaces=asked.choice.namespaces), messages[-1], survey)
    survey = _with_callbacks(survey, asked, patient)
    return diagnosed(patient, Clues(survey, messages[-1], others=len(messages) - 1, looked=False))


def _with_callbacks(survey: Survey, asked: Asked, patient: Patient) -> Survey:
    if not asked.dags:
        return survey
    return replace(survey, callbacks=dag_folder.read(asked.dags, survey, patient.dag_id))


def _messages(asked: Asked) -> tuple[Message, ...]:
    """Return the messages that are given, those about the asked task if one is named."""
    if asked.message is None:
        return ()
    found = read_messages(asked.message)
    if not found:
        why = "no such message: it begins with 'Executor' and names a <TaskInstance: ...> in one of two wordings"
        raise click.UsageError(f"--message: {why} (docs/troubleshooting.md)")
    dag_id, task_id = asked.patient.dag_id, asked.patient.task_id
    mine = tuple(one for one in found if one.is_of(dag_id, task_id))
    if not mine:
        named = ", ".join(dict.fromkeys(one.ids for one in found))
        raise click.UsageError(f"--message: no message is about DAG '{dag_id}', only about {named}")
    return mine


def _patient(asked: Patient, message: Message | None, survey: Survey) -> Patient:
    """Return *asked* with the DAG and task that the message names."""
    if message is None or asked.task_id:
        return asked
    running = ((group.task.dag_id, group.task.task_id) for group in survey.groups if group.task is not None)
    dag_id, task_id = message.task(running, asked.dag_id)
    return replace(asked, dag_id=dag_id, task_id=task_id)


def _of_pod(ground: Ground, asked: Patient) -> Patient:
    """Return *asked* with the DAG and task that its pod names."""
    named = _task_of(ground, asked)
    return replace(asked, dag_id=named.dag_id, task_id=named.task_id) if named is not None else asked


def _task_of(ground: Ground, asked: Patient) -> TaskRef | None:
    """Return the task that the asked pod runs; raises OSError when there is no such pod."""
    for namespace in asked.namespaces or (None,):
        try:
            raw = ground.supply.item(PODS, namespace, asked.pod)
            live = decode_pod(raw) if raw is not None else None
        except (ListError, UnreadableError) as error:
            raise OSError(f"pod {asked.pod}: {error}") from error
        if live is not None:
            metadata = live.workload.metadata
            return task_ref(metadata.labels or {}, metadata.annotations or {})
    where = ", ".join(asked.namespaces)
    text = "a pod that was denied never was; name --dag and --task, or give the --message"
    raise OSError(f"there is no pod {asked.pod} in {where}: {text}")


def _clues(ground: Ground, patient: Patient, survey: Survey, message: Message | None) -> Clues:
    remarks: list[Remark] = []
    occurred = list(_occurred(ground, patient, survey, remarks))
    latest = sorted(occurred, key=lambda one: one.at, reverse=True)[:_MOST_EVENTS]
    return Clues(survey, message, tuple(latest), tuple(remarks))


def _occurred(ground: Ground, patient: Patient, survey: Survey, remarks: list[Remark]) -> Iterator[Occurred]:
    groups = [group for group in survey.groups if patient.is_its(group)]
    named = {group.regarding.name for group in groups if group.regarding is not None}
    pods = frozenset({patient.pod, *named, *(one.example for group in groups for one in group.found)}) - {""}
    for namespace in patient.namespaces or (None,):
        raws = _events(ground, namespace, remarks)
        events = [one for raw in raws if (one := decode_event(raw)) is not None]
        yield from about(events, patient.dag_id, patient.task_id, pods)


def _events(ground: Ground, namespace: str | None, remarks: list[Remark]) -> list[msgspec.Raw]:
    """Return the Events that are there, by the API that has them: a dump may hold them in the core API's words."""
    why = ""
    for collection in (EVENTS, CORE_EVENTS):
        try:
            return list(ground.supply.items(collection, namespace))
        except ListError as error:
            why = why or str(error)
    place = Place(f"events in {namespace}" if namespace else "events", 0)
    remarks.append(Remark(place, f"what was said at the time is not known: {why}", usable=True))
    return []
