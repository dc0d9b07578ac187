"""`airlock fix`: turns findings into a patch of Helm values, or into digests; it prints, and changes nothing."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.commands.options import NamespaceName, documents
from webhook.commands.output import write

if TYPE_CHECKING:
    from webhook.audit.survey import Survey
    from webhook.commands.audit_input import Choice

_SKIPPED = 10  # lines, as in a table of check


@click.command(context_settings={"auto_envvar_prefix": "AIRLOCK"})
@click.argument("paths", metavar="[FILE|DIR|-]...", nargs=-1)
@click.option("--pin", is_flag=True, help="Pin images to the digests that run now, in a cluster or a dump.")
@click.option(
    "--output",
    "-o",
    type=click.Choice(["values", "kubectl"]),
    default="values",
    show_default=True,
    help="A patch of Helm values; or, with --pin, lines of kubectl set image.",
)
@click.option(
    "--output-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of standard output.",
)
@documents(
    policy="the installed or built-in one",
)
@click.option(
    "--namespace",
    "-n",
    "namespaces",
    type=NamespaceName(),
    metavar="NAME",
    multiple=True,
    help="The namespace, as in check and audit.",
)
@click.option("--all-namespaces", "-A", "everywhere", is_flag=True, help="Use all namespaces of the cluster.")
@click.option("--file", "-f", "files", metavar="FILE", multiple=True, help="Use a dump instead of a cluster.")
@click.option("--context", metavar="NAME", help="The context of the kubeconfig.")
@click.option("--kubeconfig", metavar="FILE", help="The kubeconfig.")
def fix(  # noqa: PLR0913 - an argument for each option
    *,
    paths: tuple[str, ...],
    pin: bool,
    output: str,
    output_file: Path | None,
    policy: Path | None,
    namespaces: tuple[str, ...],
    everywhere: bool,
    files: tuple[str, ...],
    context: str | None,
    kubeconfig: str | None,
) -> None:
    """Print the Helm values or digests that fix the findings.

    \b
      helm template airflow apache-airflow/airflow -f values.yaml | airlock fix - > fixed.yaml
      airlock fix -n airflow --pin
      airlock fix -n airflow --pin -o kubectl

    The values fit the chart you use. With FILEs it fixes what check finds in them; without, what audit finds in the
    cluster, or in a dump with -f. A comment above each value says why. If a value alone cannot fix a finding, for
    example in your own list of containers, it prints a comment instead. It changes nothing itself.

    Exits with 0, or with 2 if something could not be read.
    """  # noqa: D301 - click reads the backspace
    from webhook.commands.inputs import taken
    from webhook.commands.reading import document
    from webhook.documents.policy import DEFAULT, read_policy
    from webhook.documents.required_env import EMPTY
    from webhook.manifests.check import Asked
    from webhook.report import mending, patch
    from webhook.report.wording import shown

    if pin and paths:
        raise click.UsageError("--pin needs what runs: leave FILE out, or give a dump with -f")
    if output == "kubectl" and not pin:
        raise click.UsageError("-o kubectl sets images by digest: add --pin")
    if paths and (everywhere or files or context or kubeconfig or len(namespaces) > 1):
        raise click.UsageError("FILE and a cluster or a dump exclude each other")
    if paths:
        asked = Asked(
            DEFAULT if policy is None else document(policy, read_policy).value,
            EMPTY,
            datetime.now(UTC).date(),
            namespaces[0] if namespaces else "default",
        )
        outcome = taken(asked, paths).outcome()
        for remark in (*outcome.unusable, *outcome.notes, *outcome.skipped[:_SKIPPED]):
            click.echo(shown(remark), err=True)
        if (more := len(outcome.skipped) - _SKIPPED) > 0:
            click.echo(f"{more} more skipped, which airlock check -o json lists", err=True)
        write(patch.values(mending.of_files(outcome)), output_file)
        sys.exit(2 if outcome.unusable else 0)
    from webhook.commands.audit_input import Choice

    survey = _survey(Choice(context, kubeconfig, everywhere, namespaces, files), policy)
    if output == "kubectl":
        write(patch.commands(*mending.set_image(survey), mending.caution(survey)), output_file)
    else:
        write(patch.values(mending.of_cluster(survey, pin=pin)), output_file)
    sys.exit(0 if survey.complete else 2)


def _survey(choice: "Choice", policy: Path | None) -> "Survey":
    """Return what runs; ends the program with 2 when nothing can be seen."""
    from webhook.commands.audit_input import ground_of, papers, surveys
    from webhook.report.wording import shown

    try:
        with ground_of(choice, lambda _what, _count, _of: None) as ground:
            (survey,) = surveys(ground, papers(policy), lambda text: click.echo(shown(text), err=True))
    except OSError as error:
        click.echo(shown(error), err=True)
        sys.exit(2)
    for remark in survey.remarks:
        if remark.note or not remark.usable:
            click.echo(shown(remark), err=True)
    return survey
