"""`airlock policy test`: runs a policy's own tests before anyone applies it."""

import sys
from pathlib import Path

import click

from webhook.commands.options import documents
from webhook.commands.output import write


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@documents(
    policy="the one that FILES name",
)
@click.option(
    "--output", "-o", type=click.Choice(["text", "junit"]), default="text", show_default=True, help="The output format."
)
@click.option(
    "--output-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of standard output.",
)
def test(*, files: tuple[Path, ...], policy: Path | None, output: str, output_file: Path | None) -> None:
    """Run the tests in FILES (kind: PolicyTest): each one checks an object and compares the findings.

    \b
      tests:
        - name: a worker on a moving tag is denied in production
          file: pods/worker.yaml
          namespace: airflow-prod
          user: system:serviceaccount:airflow-prod:airflow-scheduler
          expect: [{rule: mutable-tag, mode: enforce, reason: "'latest' is mutable"}]

    Each test works like a request: it changes the pod as /mutate would, then checks it as /validate would. expect lists
    all findings; [] means that there are none. `airlock policy schema PolicyTest` has every field.

    Exits with 0 if every test passes, with 1 if one fails, with 2 if a file cannot be used.
    """  # noqa: D301 - click reads the backspace
    from webhook.commands.policy_fixtures import junit, suite, text

    suites = [suite(file, policy) for file in files]
    write(junit(suites) if output == "junit" else text(suites), output_file)
    sys.exit(any(not result.passed for each in suites for result in each.results))
