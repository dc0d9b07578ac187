"""`airlock policy check`: says what is wrong with a document, line by line."""

import sys
from pathlib import Path

import click

from webhook.commands.options import NamespaceName


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--input", "inputs", metavar="FILE|DIR|-", multiple=True, help="Manifests to try the policy on; repeatable."
)
@click.option(
    "--namespace",
    "-n",
    type=NamespaceName(),
    metavar="NAME",
    default="default",
    help="The namespace of objects that do not name one.",
)
def check(files: tuple[Path, ...], inputs: tuple[str, ...], namespace: str) -> None:
    """Check the documents in FILES: a Policy, a RequiredEnv or a Release; - is standard input.

    A file can also be a ConfigMap, or a List of them, as kubectl get configmap -o yaml prints it; or the values.yaml of
    airlock's chart, or of a chart that airlock's is part of.

    It prints every problem as FILE:LINE: path: what is wrong. An expired exemption is only a warning. With --input it
    also says how many workloads each row of components matches, and which others look like Airflow. Exits with 0 if
    there is no problem, with 1 if there is one, with 2 if a file cannot be read.
    """
    from webhook.commands.policy_problems import report

    codes = [report(path, inputs, namespace) for path in files]
    sys.exit(max(codes))
