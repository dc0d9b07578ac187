"""`airlock diagnose`: the four layers of one task, DAG or pod as a checklist with evidence."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import click
import msgspec

from webhook.audit.survey import Survey
from webhook.commands import dags as dag_folder
from webhook.commands.audit_input import Choice, Ground, Papers, ground_of, surveys
from webhook.commands.output import write, write_table
from webhook.commands.progress import reading, warn
from webhook.diagnosis.checklist import Diagnosis
from webhook.diagnosis.checklist import diagnose as diagnosed
from webhook.diagnosis.events import Occurred, about, decode_event
from webhook.diagnosis.evidence import Clues, Patient
from webhook.diagnosis.message import Message, read_message
from webhook.judge.decision import TaskRef, task_ref
from webhook.manifests.outcome import Remark
from webhook.manifests.place import Place
from webhook.pods.live import decode_pod
from webhook.pods.workload import UnreadableError
from webhook.report import diagnosis as report
from webhook.report.wording import shown
from webhook.scan.pages import ListError
from webhook.scan.supply import CORE_EVENTS, EVENTS, PODS

_MOST_EVENTS = 8  # that are shown


@click.command(context_settings={"auto_envvar_prefix": "AIRLOCK"})
@click.argument("pod", required=False)
@click.option("--context", metavar="NAME", help="The context of the kubeconfig; without it the current one.")
@click.option("--kubeconfig", metavar="FILE", help="The kubeconfig; else $KUBECONFIG, this pod's, ~/.kube/config.")
@click.option(
    "--namespace", "-n", metavar="NAME", help="The namespace where Airflow runs; without it the context's namespace."
)
@click.option(
    "--file", "-f", "files", metavar="FILE", multiple=True, help="Use a dump instead of a cluster; repeatable."
)
@click.option("--dag", metavar="ID", default="", help="The ID of the DAG.")
@click.option("--task", metavar="ID", default="", help="The ID of the task; needs --dag.")
@click.option(
    "--message",
    type=click.File(),
    help="The scheduler's message, a file or - for standard input; airlock reads DAG, task and answer from it.",
)
@click.option(
    "--dags", type=click.Path(), multiple=True, help="A folder of DAG files, for the fourth layer; repeatable."
)
@click.option("--policy", type=click.Path(path_type=Path), help="The policy file; without it the installed one.")
@click.option(
    "--required-env",
    type=click.Path(path_type=Path),
    help="The required-env manifest file; without it the installed one.",
)
@click.option(
    "--output",
    "-o",
    type=click.Choice(["text", "json", "html"]),
    default="text",
    show_default=True,
    help="The output format.",
)
@click.option(
    "--output-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of standard output.",
)
def diagnose(  # noqa: PLR0913 - an argument for each option
    *,
    pod: str | None,
    context: str | None,
    kubeconfig: str | None,
    namespace: str | None,
    files: tuple[str, ...],
    dag: str,
    task: str,
    message: TextIO | None,
    dags: tuple[str, ...],
    policy: Path | None,
    required_env: Path | None,
    output: str,
    output_file: Path | None,
) -> None:
    """Show which of the four layers keeps a task from running, and how to fix each one.

    \b
      airlock diagnose -n airflow --dag sales_daily --task load_orders --dags dags/
      airlock diagnose -n airflow sales-daily-load-orders-swd42sz2
      kubectl logs deploy/airflow-scheduler -n airflow | grep "state attribute is queued" | airlock diagnose --message -

    It reads running pods, pods that would start, the Events of the task and, with --dags, the callbacks. For each layer
    it says whether that is the cause, is not the cause, or cannot be known, and why. No layer hides another. Read-only
    access is enough (docs/audit.md has the table); it writes nothing.

    Exits with 0 if it found no cause, with 1 if it found one, with 2 if it could not read what you asked for.
    """  # noqa: D301 - click reads the backspace
    if task and not dag:
        raise click.UsageError("--task needs the --dag that it is in")
    read = _message(message)
    choice = Choice(context, kubeconfig, everywhere=False, namespaces=(namespace,) if namespace else (), files=files)
    try:
        with reading() as told, ground_of(choice, told) as ground:
            (survey,) = surveys(ground, Papers(policy, required_env, None), warn)
            if dags:
                survey = replace(survey, callbacks=dag_folder.read(dags, survey))
            patient = _patient(ground, Patient(ground.scope.namespaces or (), dag, task, pod or ""), read, survey)
            found = diagnosed(patient, _clues(ground, patient, survey, read))
    except OSError as error:
        click.echo(shown(error), err=True)
        sys.exit(2)
    _write(found, output, output_file)
    sys.exit(_code(found))


def _message(file: TextIO | None) -> Message | None:
    if file is None:
        return None
    read = read_message(file.read())
    if read is None:
        text = "no such message: it begins with 'Executor' and names a <TaskInstance: ...> in one of two wordings"
        raise click.UsageError(f"--message: {text} (docs/troubleshooting.md)")
    return read


def _patient(ground: Ground, asked: Patient, message: Message | None, survey: Survey) -> Patient:
    """Return *asked* with the DAG and task that its pod or the message name."""
    if asked.pod:
        named = _task_of(ground, asked)
        return replace(asked, dag_id=named.dag_id, task_id=named.task_id) if named is not None else asked
    if message is None or asked.dag_id:
        return asked
    running = ((group.task.dag_id, group.task.task_id) for group in survey.groups if group.task is not None)
    dag_id, task_id = message.task(running)
    return replace(asked, dag_id=dag_id, task_id=task_id)


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
    pods = frozenset({patient.pod} | {g.name for g in survey.groups if g.task is not None and patient.is_of(g)}) - {""}
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


def _write(found: Diagnosis, output: str, file: Path | None) -> None:
    if output == "json":
        write(report.render(found), file)
    elif output == "html":
        from webhook.report import diagnosis_page  # noqa: PLC0415 - its templates' language is for this format alone

        write(diagnosis_page.render(found), file)
    else:
        write_table(lambda console: report.show(console, found), file)


def _code(found: Diagnosis) -> int:
    if any(not remark.usable for remark in found.remarks):
        return 2
    return 1 if found.causes else 0
