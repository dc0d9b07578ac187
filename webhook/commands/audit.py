"""`airlock audit`: judges what runs in a cluster as the webhook would judge it if it were created again."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.commands.options import INSTALLED, NamespaceName, documents
from webhook.commands.output import report_options, write, write_table

if TYPE_CHECKING:
    from webhook.audit.preview import Preview
    from webhook.audit.survey import Survey
    from webhook.report.wording import Options

INTERRUPTED = 130  # the exit code of what Ctrl-C ended


@click.command(context_settings={"auto_envvar_prefix": "AIRLOCK"})
@click.option(
    "--context",
    "contexts",
    metavar="NAME",
    multiple=True,
    help="The context of the kubeconfig; without it the current one. Repeatable: one report on several clusters.",
)
@click.option("--kubeconfig", metavar="FILE", help="The kubeconfig; else $KUBECONFIG, this pod's, ~/.kube/config.")
@click.option("--all-namespaces", "-A", "everywhere", is_flag=True, help="Audit all namespaces.")
@click.option(
    "--namespace",
    "-n",
    "namespaces",
    type=NamespaceName(),
    metavar="NAME",
    multiple=True,
    help="Audit this namespace; repeatable. Without -A and -n: the context's namespace.",
)
@click.option(
    "--file",
    "-f",
    "files",
    metavar="FILE",
    multiple=True,
    help="Audit a dump (kubectl get pods,nodes,... -A -o json) instead of a cluster; repeatable.",
)
@documents(
    policy="the installed policy, else the built-in one",
    required_env="the installed one",
    release="the installed one, if there is one",
)
@click.option(
    "--secrets",
    is_flag=True,
    help="Also look up the Secrets that pods refer to. The API server sends values too; airlock keeps names and keys.",
)
@click.option(
    "--compare",
    metavar=f"FILE|{INSTALLED}",
    help="Show what --policy would newly deny or admit, compared with this policy.",
)
@click.option(
    "--dags",
    metavar="PATH",
    multiple=True,
    help="Also check the callbacks in this DAG folder, as airlock lint does: the fourth layer.",
)
@click.option(
    "--as",
    "as_mode",
    type=click.Choice(["enforce"]),
    envvar="AIRLOCK_AS",
    help="Treat every rule that is not off as if it had this mode.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["enforce", "warn", "audit", "never"]),
    default="enforce",
    show_default=True,
    help="Exit with 1 when a finding has this mode or a stricter one.",
)
@report_options("table", "json", "sarif", "junit", "html", "markdown")
def audit(  # noqa: PLR0913 - an argument for each option
    *,
    contexts: tuple[str, ...],
    kubeconfig: str | None,
    everywhere: bool,
    namespaces: tuple[str, ...],
    files: tuple[str, ...],
    policy: Path | None,
    required_env: Path | None,
    release: Path | None,
    secrets: bool,
    compare: str | None,
    dags: tuple[str, ...],
    as_mode: str | None,
    fail_on: str,
    output: str,
    output_file: Path | None,
    no_fixes: bool,
    summary: bool,
    show_exempted: bool,
) -> None:
    """Check the Airflow pods that run in a cluster as if they were recreated now.

    \b
      airlock audit -A
      airlock audit -n airflow --summary
      airlock audit -A --policy new.yaml --compare installed
      airlock audit -A --dags dags/ -o html --output-file audit.html
      airlock audit -A --context prod-eu --context prod-us
      kubectl get pods,nodes,namespaces -A -o json | airlock audit -f -

    The first line says how many running pods would not come back after, for example, a node drain. It only reads, with
    the rights you have (docs/audit.md has the table), and says what it was not allowed to read.

    Exits with 0 if all is well, with 1 if a finding is as strict as --fail-on (by default: a pod would not come back),
    with 2 if it could not read the pods you asked for. Every option has an environment variable: --fail-on is
    AIRLOCK_FAIL_ON.
    """  # noqa: D301 - click reads the backspace
    from webhook.audit.survey import code
    from webhook.commands.audit_input import Choice, papers
    from webhook.commands.clusters import read
    from webhook.commands.pipes import refuse_twice
    from webhook.commands.progress import reading, warn
    from webhook.report.wording import Options, shown
    from webhook.rules.finding import Mode

    if everywhere and namespaces:
        raise click.UsageError("-A and -n exclude each other")
    if files and (contexts or kubeconfig):
        raise click.UsageError("-f looks at a dump, which has no context and no kubeconfig")
    if compare is not None:
        _refuse_to_compare(compare, output, dags, changes=policy is not None or as_mode is not None)
    refuse_twice(*files, policy, required_env, release, compare)
    mode = None if fail_on == "never" else Mode(fail_on)
    options = Options(mode or Mode.ENFORCE, fixes=not no_fixes, summary=summary, exempted=show_exempted)
    choices = [Choice(name, kubeconfig, everywhere, namespaces, files) for name in dict.fromkeys(contexts or (None,))]
    documents = papers(policy, required_env, release, compare, enforcing=as_mode is not None, secrets=secrets)
    try:
        with reading() as progress:
            new, *old = read(choices, documents, progress, warn)
    except KeyboardInterrupt:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except OSError as error:
        click.echo(shown(error), err=True)
        sys.exit(2)
    if dags:
        from msgspec.structs import replace

        from webhook.commands import dags as dag_folder

        new = replace(new, callbacks=dag_folder.read(dags, new))
    if old:
        from webhook.audit import preview as previews

        found = previews.preview(old[0], new)
        _write_preview(found, output, output_file, options)
        sys.exit(previews.code(found, new, mode))
    _write(new, output, output_file, options)
    sys.exit(code(new, mode))


def _refuse_to_compare(compare: str, output: str, dags: tuple[str, ...], *, changes: bool) -> None:
    """Refuse what cannot be compared; *changes* is whether there is an edit to compare."""
    if output not in ("table", "json"):
        raise click.UsageError(f"--compare can be shown as table or json, not as {output}")
    if dags:
        raise click.UsageError("--compare is about the policy, which says nothing about --dags")
    if compare == INSTALLED and not changes:
        raise click.UsageError("--compare installed needs the --policy that is to be compared, or --as")


def _write_preview(found: "Preview", output: str, file: Path | None, options: "Options") -> None:
    if output == "json":
        from webhook.report import audit_json

        write(audit_json.render_preview(found), file)
    else:
        from webhook.report import audit_table

        write_table(lambda console: audit_table.show_preview(console, found, options), file)


def _write(survey: "Survey", output: str, file: Path | None, options: "Options") -> None:
    from webhook.report.wording import headline

    told = headline(survey)
    if output == "json":
        from webhook.report import audit_json

        write(audit_json.render(survey), file, told)
    elif output in ("sarif", "junit"):
        from webhook.report import audit_files

        render = audit_files.render_sarif if output == "sarif" else audit_files.render_junit
        write(render(survey, options), file, told)
    elif output == "markdown":
        from webhook.report import markdown

        write(markdown.render_audit(survey, options), file, told)
    elif output == "html":
        from webhook.report import page

        write(page.render(survey), file, told)
    else:
        from webhook.report import audit_table

        write_table(lambda console: audit_table.show(console, survey, options), file, told)
