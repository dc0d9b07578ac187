"""`airlock check`: manifests judged as the cluster would judge them, before it does."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

from webhook.commands.output import report_options, write, write_table
from webhook.commands.reading import document
from webhook.documents.policy import DEFAULT, read_policy
from webhook.documents.release import NONE, read_release
from webhook.documents.required_env import EMPTY, read_manifest
from webhook.manifests.check import Asked, Check
from webhook.manifests.outcome import Outcome, code
from webhook.manifests.stream import SIZE
from webhook.report import check_json as as_json
from webhook.report import check_table, junit, sarif
from webhook.report.wording import Options
from webhook.rules.finding import Mode

STDIN = "stdin"  # how findings in it are called
_SUFFIXES = (".yaml", ".yml", ".json")


@click.command(context_settings={"auto_envvar_prefix": "AIRLOCK"})
@click.argument("paths", metavar="FILE|DIR|-...", nargs=-1, required=True)
@click.option(
    "--policy", type=click.Path(path_type=Path), help="The policy, a file; without it the built-in one, which warns."
)
@click.option(
    "--required-env", type=click.Path(path_type=Path), help="The required-env manifest, a file; without it none is."
)
@click.option(
    "--release", type=click.Path(path_type=Path), help="The release manifest, a file; without it no image is expected."
)
@click.option(
    "--namespace", "-n", metavar="NAME", default="default", show_default=True, help="Of objects that name no namespace."
)
@click.option(
    "--fail-on",
    type=click.Choice(["enforce", "warn", "audit"]),
    default="warn",
    show_default=True,
    help="Exit with 1 when a finding has this mode or a stricter one.",
)
@report_options("table", "json", "sarif", "junit")
def check(  # noqa: PLR0913 - an argument for each option
    *,
    paths: tuple[str, ...],
    policy: Path | None,
    required_env: Path | None,
    release: Path | None,
    namespace: str,
    fail_on: str,
    output: str,
    output_file: Path | None,
    fix_hints: bool,
    show_exempted: bool,
) -> None:
    """Judge the Airflow pods that manifests will make, as the webhook would.

    \b
      helm template airflow apache-airflow/airflow -f values.yaml -n airflow | airlock check -n airflow -
      airlock check --policy policy.yaml --fix-hints manifests/

    Read are YAML and JSON, Lists, AdmissionReviews, what helm template prints, and folders of those (*.yaml, *.yml,
    *.json). The worker pods of the KubernetesExecutor are composed from the pod template and the settings that the
    chart puts in a ConfigMap or a Secret. Findings on a template show the mode that its Pod will meet.

    It exits with 0 when all is well, with 1 when a finding is as strict as --fail-on, with 2 when something could not
    be read (the rest is still judged). Every option has an environment variable: --fail-on is AIRLOCK_FAIL_ON.
    """  # noqa: D301 - click reads the backspace
    asked = Asked(
        DEFAULT if policy is None else document(policy, read_policy).value,
        EMPTY if required_env is None else document(required_env, read_manifest).value,
        datetime.now(UTC),
        namespace,
        release=NONE if release is None else document(release, read_release).value,
    )
    outcome = _outcome(asked, paths)
    options = Options(Mode(fail_on), fix_hints=fix_hints, exempted=show_exempted)
    _write(outcome, output, output_file, options)
    sys.exit(code(outcome, options.fail_on))


def _outcome(asked: Asked, paths: tuple[str, ...]) -> Outcome:
    one = Check(asked)
    take(one, paths)
    return one.outcome()


def take(one: Check, paths: tuple[str, ...]) -> None:
    """Let *one* read what *paths* mean: files, folders, or `-` for standard input."""
    files = list(dict.fromkeys(file for path in paths for file in _files(path, one)))
    quiet = not sys.stderr.isatty() or len(files) < 2  # noqa: PLR2004 - nothing to wait for
    for file in track(files, "reading", console=Console(stderr=True), transient=True, disable=quiet):
        _take(one, file)


def _take(one: Check, file: str) -> None:
    try:
        if file == "-":
            one.take(STDIN, sys.stdin.buffer.read(SIZE + 1))
            return
        path = Path(file)
        if not path.is_file():  # to open a pipe would wait for its writer
            one.remark(file, "is not a regular file" if path.exists() else "no such file or directory")
            return
        with path.open("rb") as opened:
            one.take(file, opened.read(SIZE + 1))
    except OSError as error:
        one.remark(file, (error.strerror or str(error)).lower())


def _files(path: str, one: Check) -> Iterator[str]:
    """Yield the files that *path* means: itself, or what lies in the folder; `-` is standard input."""
    if path == "-" or not Path(path).is_dir():
        yield path
        return
    found = False
    for folder, folders, names in os.walk(path, onerror=lambda error: _refuse(error, one)):
        if "Chart.yaml" in names and "templates" in folders:
            folders.remove("templates")
            one.remark(
                str(Path(folder, "templates")), "holds Helm templates; check what helm makes of them", usable=True
            )
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                found = True
                yield str(Path(folder, name))
    if not found:
        one.remark(path, f"holds no {', '.join(f'*{suffix}' for suffix in _SUFFIXES)}")


def _refuse(error: OSError, one: Check) -> None:
    one.remark(str(error.filename), (error.strerror or str(error)).lower())


def _write(outcome: Outcome, output: str, file: Path | None, options: Options) -> None:
    if output == "json":
        write(as_json.render(outcome), file)
    elif output == "sarif":
        write(sarif.render(outcome, options), file)
    elif output == "junit":
        write(junit.render(outcome, options), file)
    else:
        write_table(lambda console: check_table.show(console, outcome, options), file)
