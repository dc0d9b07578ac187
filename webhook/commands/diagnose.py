"""`airlock diagnose`: the four layers of one task, DAG or pod as a checklist with evidence."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.commands.options import NamespaceName, documents
from webhook.commands.output import write, write_table

if TYPE_CHECKING:
    from webhook.diagnosis.checklist import Diagnosis


@click.command(context_settings={"auto_envvar_prefix": "AIRLOCK"})
@click.argument("pod", required=False)
@click.option("--context", metavar="NAME", help="The context of the kubeconfig; without it the current one.")
@click.option("--kubeconfig", metavar="FILE", help="The kubeconfig; else $KUBECONFIG, this pod's, ~/.kube/config.")
@click.option(
    "--namespace",
    "-n",
    type=NamespaceName(),
    metavar="NAME",
    help="The namespace where Airflow runs; without it the context's namespace.",
)
@click.option(
    "--file", "-f", "files", metavar="FILE", multiple=True, help="Use a dump instead of a cluster; repeatable."
)
@click.option("--dag", metavar="ID", default="", help="The ID of the DAG.")
@click.option("--task", metavar="ID", default="", help="The ID of the task; needs --dag.")
@click.option(
    "--message",
    type=click.Path(path_type=Path),
    help="The scheduler's message, a file or - for standard input; airlock reads DAG, task and answer from it.",
)
@click.option(
    "--dags", type=click.Path(), multiple=True, help="A folder of DAG files, for the fourth layer; repeatable."
)
@documents(
    policy="the installed one",
    required_env="the installed one",
)
@click.option(
    "--secrets",
    is_flag=True,
    help="Also look up the Secrets that pods refer to. The API server sends values too; airlock keeps names and keys.",
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
    message: Path | None,
    dags: tuple[str, ...],
    policy: Path | None,
    required_env: Path | None,
    secrets: bool,
    output: str,
    output_file: Path | None,
) -> None:
    """Show which of the four layers keeps a task from running, and how to fix each one.

    \b
      airlock diagnose -n airflow --dag sales_daily --task load_orders --dags dags/
      airlock diagnose -n airflow sales-daily-load-orders-swd42sz2
      kubectl logs deploy/airflow-scheduler -n airflow | grep -A 5 "attribute is queued" | airlock diagnose --message -

    It reads running pods, pods that would start, the Events of the task and, with --dags, the callbacks. For each layer
    it says whether that is the cause, is not the cause, or cannot be known, and why. No layer hides another. Read-only
    access is enough (docs/audit.md has the table); it writes nothing.

    Exits with 0 if it found no cause, with 1 if it found one, with 2 if it could not read what you asked for.
    """  # noqa: D301 - click reads the backspace
    from webhook.commands.audit_input import Choice, papers
    from webhook.commands.diagnose_run import Asked, run
    from webhook.commands.pipes import refuse_twice
    from webhook.diagnosis.evidence import Patient
    from webhook.report.wording import shown

    if task and not dag:
        raise click.UsageError("--task needs the --dag that it is in")
    refuse_twice(*files, policy, required_env, message)
    choice = Choice(
        context,
        kubeconfig,
        everywhere=False,
        namespaces=(namespace,) if namespace else (),
        files=files,
        elsewhere="-n names another",
    )
    try:
        text = None if message is None else _text(message)
        found = run(
            Asked(choice, papers(policy, required_env, secrets=secrets), Patient((), dag, task, pod or ""), text, dags)
        )
    except OSError as error:
        click.echo(shown(error), err=True)
        sys.exit(2)
    _write(found, output, output_file)
    sys.exit(_code(found))


def _text(message: Path) -> str:
    from webhook.commands.reading import contents

    try:
        return contents(message).decode(errors="replace")
    except OSError as error:
        if " " in str(message):  # most likely the message, and no file's name
            # First, since the message itself may be longer than what is shown.
            raise OSError(f"--message takes a file, or - for the text on standard input: {error}") from error
        raise


def _write(found: "Diagnosis", output: str, file: Path | None) -> None:
    from webhook.report import diagnosis as report
    from webhook.report.wording import shown

    told = shown(found.headline)
    if output == "json":
        write(report.render(found), file, told)
    elif output == "html":
        from webhook.report import diagnosis_page

        write(diagnosis_page.render(found), file, told)
    else:
        write_table(lambda console: report.show(console, found), file, told)


def _code(found: "Diagnosis") -> int:
    if any(not remark.usable for remark in found.remarks):
        return 2
    return 1 if found.causes or found.beside else 0
