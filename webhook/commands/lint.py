"""`airlock lint`: reads the callbacks of DAG files, and never runs them."""

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.commands.options import documents
from webhook.commands.output import report_options, write, write_table
from webhook.lint.versions import VersionError, Versions, versions

if TYPE_CHECKING:
    from webhook.commands.dag_files import Found
    from webhook.lint.facts import Facts
    from webhook.lint.finding import Also
    from webhook.lint.linted import Linted
    from webhook.report.wording import Options


class _Version(click.ParamType[Versions]):
    """VERSION of Airflow: 2, 2.10, 3.1+."""

    name = "VERSION"

    def convert(self, value: str | Versions, param: click.Parameter | None, ctx: click.Context | None) -> Versions:
        """Return the versions that *value* means."""
        if not isinstance(value, str):
            return value
        try:
            return versions(value)
        except VersionError as error:
            self.fail(str(error), param, ctx)


@click.command(context_settings={"auto_envvar_prefix": "AIRLOCK"})
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path())
@click.option(
    "--airflow",
    type=_Version(),
    help="The Airflow version: 2, 2.10, 3, 3.1, ...; 2.10+ means 2.10 or later. Without it, airlock goes by the"
    " imports, or a pod's image.",
)
@click.option(
    "--executor",
    metavar="NAME",
    default="",
    help="The executor, as in [core] executor; without it, airlock looks in --manifests.",
)
@click.option(
    "--plugins",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The plugins folder; without it, a folder `plugins` next to the DAG folder.",
)
@documents(
    required_env="what airlock injects is not known",
)
@click.option(
    "--manifests",
    type=click.Path(),
    multiple=True,
    help="Manifests of the installation, a file or a folder, with the variables, images and executor of each"
    " component.",
)
@click.option(
    "--variables",
    type=click.Path(path_type=Path),
    help="A file with the names of Airflow's Variables: what `airflow variables export` writes, or one name a line.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["enforce", "warn", "audit"]),
    default="warn",
    show_default=True,
    help="Exit with 1 when a finding has this mode or a stricter one.",
)
@report_options("table", "json", "sarif", "junit")
def lint(  # noqa: PLR0913 - an argument for each option
    *,
    paths: tuple[str, ...],
    airflow: Versions | None,
    executor: str,
    plugins: Path | None,
    required_env: Path | None,
    manifests: tuple[str, ...],
    variables: Path | None,
    fail_on: str,
    output: str,
    output_file: Path | None,
    no_fixes: bool,
    summary: bool,
    show_exempted: bool,
) -> None:
    """Find callbacks in DAG and plugin files that Airflow cannot call, or calls with arguments they do not accept.

    \b
      airlock lint dags/
      airlock lint --airflow 2.10 --required-env required-env.yaml dags/ plugins/

    It reads files as text and never imports or runs them. It follows a callback through helpers and imports within the
    folder, and reports only what the files show. `# airlock: ignore[callback] REASON` skips a line.

    Exits with 0 if all is well, with 1 if a finding is as strict as --fail-on, with 2 if something could not be read
    (it still checks the rest). Every option has an environment variable: --fail-on is AIRLOCK_FAIL_ON.
    """  # noqa: D301 - click reads the backspace
    from webhook.commands.dag_files import found
    from webhook.lint.facts import Facts
    from webhook.lint.linted import code, joined
    from webhook.report.wording import Options
    from webhook.rules.finding import Mode

    facts, unusable = Facts(asked=airflow, executor=executor), list["Also"]()
    if manifests or required_env is not None or variables is not None:
        from webhook.commands.surroundings import completed

        facts, unusable = completed(facts, manifests, required_env, variables)
    files = found(paths)
    outcome = joined(_linted(files, plugins, facts), unusable=unusable)
    options = Options(Mode(fail_on), fixes=not no_fixes, summary=summary, exempted=show_exempted)
    _write(outcome, output, output_file, options)
    sys.exit(code(outcome, options.fail_on))


def _linted(files: "Found", plugins: Path | None, facts: "Facts") -> "Linted":
    from webhook.commands.dag_files import folders_of_plugins
    from webhook.lint.folder import Folder
    from webhook.lint.lint import lint as linted
    from webhook.lint.linted import joined

    beside = (str(plugins),) if plugins is not None else folders_of_plugins(files)
    folder = Folder(files.read, files.roots, beside)
    gc.disable()  # millions of nodes are made and all are kept: looking for garbage among them doubles the time
    try:
        return joined(linted(folder, files.names, facts), unusable=files.unusable, skipped=files.skipped)
    finally:
        gc.enable()


def _write(outcome: "Linted", output: str, file: Path | None, options: "Options") -> None:
    from webhook.report.lint_wording import summary

    told = summary(outcome)
    if output == "json":
        from webhook.report import lint_json

        write(lint_json.render(outcome), file, told)
    elif output == "sarif":
        from webhook.report import lint_sarif

        write(lint_sarif.render(outcome, options), file, told)
    elif output == "junit":
        from webhook.report import lint_junit

        write(lint_junit.render(outcome, options), file, told)
    else:
        from webhook.report import lint_table

        write_table(lambda console: lint_table.show(console, outcome, options), file, told)
