"""`airlock check`: judges manifests as the cluster would, before it does."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.commands.options import NamespaceName, documents
from webhook.commands.output import report_options, write, write_table
from webhook.pods.text import plural

if TYPE_CHECKING:
    from webhook.manifests.outcome import Outcome
    from webhook.report.wording import Options


@click.command(context_settings={"auto_envvar_prefix": "AIRLOCK"})
@click.argument("paths", metavar="FILE|DIR|-...", nargs=-1, required=True)
@documents(
    policy="the built-in policy, which only warns",
    required_env="no variables are required",
    release="images are not compared with a release",
)
@click.option(
    "--namespace",
    "-n",
    type=NamespaceName(),
    metavar="NAME",
    default="default",
    show_default=True,
    help="The namespace of objects that do not name one.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["enforce", "warn", "audit"]),
    default="warn",
    show_default=True,
    help="Exit with 1 when a finding has this mode or a stricter one.",
)
@click.option("--require-airflow", is_flag=True, help="Exit with 2 if the input has no Airflow workload.")
@report_options("table", "json", "sarif", "junit", "markdown")
def check(  # noqa: PLR0913 - an argument for each option
    *,
    paths: tuple[str, ...],
    policy: Path | None,
    required_env: Path | None,
    release: Path | None,
    namespace: str,
    fail_on: str,
    require_airflow: bool,
    output: str,
    output_file: Path | None,
    no_fixes: bool,
    summary: bool,
    show_exempted: bool,
) -> None:
    """Check the Airflow pods in manifests, as the webhook would.

    \b
      helm template airflow apache-airflow/airflow -f values.yaml -n airflow | airlock check -n airflow -
      airlock check --policy policy.yaml manifests/

    It reads YAML and JSON, Lists, AdmissionReviews, the output of helm template, and folders of these (*.yaml, *.yml,
    *.json). It builds the KubernetesExecutor's worker pods from the pod template and the settings that the chart puts
    in a ConfigMap or a Secret. Findings on a template show the mode that applies to its Pods.

    Exits with 0 if all is well, with 1 if a finding is as strict as --fail-on, with 2 if something could not be read
    (it still checks the rest). Every option has an environment variable: --fail-on is AIRLOCK_FAIL_ON.
    """  # noqa: D301 - click reads the backspace
    from webhook.commands.inputs import taken
    from webhook.commands.reading import document
    from webhook.documents.policy import DEFAULT, read_policy
    from webhook.documents.release import NONE, read_release
    from webhook.documents.required_env import EMPTY, read_manifest
    from webhook.manifests.check import Asked
    from webhook.manifests.outcome import code
    from webhook.report.wording import Options
    from webhook.rules.finding import Mode

    asked = Asked(
        DEFAULT if policy is None else document(policy, read_policy).value,
        EMPTY if required_env is None else document(required_env, read_manifest).value,
        datetime.now(UTC),
        namespace,
        release=NONE if release is None else document(release, read_release).value,
    )
    outcome = taken(asked, paths).outcome()
    options = Options(Mode(fail_on), fixes=not no_fixes, summary=summary, exempted=show_exempted)
    _write(outcome, output, output_file, options)
    if require_airflow and not outcome.workloads:
        like = f"; {plural(len(outcome.notes), 'note')} above may be about one" if outcome.notes else ""
        click.echo(f"no Airflow workload was found, and --require-airflow asks for one{like}", err=True)
    sys.exit(code(outcome, options.fail_on, require_airflow=require_airflow))


def _write(outcome: "Outcome", output: str, file: Path | None, options: "Options") -> None:
    from webhook.report.wording import summary

    told = summary(outcome)
    if output == "json":
        from webhook.report import check_json

        write(check_json.render(outcome), file, told)
    elif output == "sarif":
        from webhook.report import sarif

        write(sarif.render(outcome, options), file, told)
    elif output == "junit":
        from webhook.report import junit

        write(junit.render(outcome, options), file, told)
    elif output == "markdown":
        from webhook.report import markdown

        write(markdown.render(outcome, options), file, told)
    else:
        from webhook.report import check_table

        write_table(lambda console: check_table.show(console, outcome, options), file, told)
