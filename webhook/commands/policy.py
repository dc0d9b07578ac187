"""`airlock policy`: checks and shows the documents that people write."""

import json
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from webhook.commands.policy_export import export
from webhook.commands.policy_fixtures import test
from webhook.documents.cautions import cautions
from webhook.documents.doubts import doubts
from webhook.documents.fixture import read_policy_test
from webhook.documents.fixture import schema as test_schema
from webhook.documents.policy import DEFAULT, Policy, effective, read_policy
from webhook.documents.policy import schema as policy_schema
from webhook.documents.release import effective as effective_release
from webhook.documents.release import read_release
from webhook.documents.release import schema as release_schema
from webhook.documents.required_env import EMPTY, read_manifest
from webhook.documents.required_env import schema as manifest_schema
from webhook.grammar.model import DocumentError
from webhook.grammar.yamlnode import compose
from webhook.manifests.place import line_of
from webhook.pods.text import plural
from webhook.sources.file import FileError, read

READERS: dict[str, Callable[[bytes], object]] = {
    "Policy": read_policy,
    "RequiredEnv": read_manifest,
    "PolicyTest": read_policy_test,
    "Release": read_release,
}
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "Policy": policy_schema,
    "RequiredEnv": manifest_schema,
    "PolicyTest": test_schema,
    "Release": release_schema,
}


@click.group()
def policy() -> None:
    """Check, show, test and export your documents: the policy, the required-env manifest and the release."""


policy.add_command(test)
policy.add_command(export)


@policy.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option(
    "--input", "inputs", metavar="FILE|DIR|-", multiple=True, help="Manifests to try the policy on; repeatable."
)
@click.option(
    "--namespace", "-n", metavar="NAME", default="default", help="The namespace of objects that do not name one."
)
def check(files: tuple[Path, ...], inputs: tuple[str, ...], namespace: str) -> None:
    """Check FILES, each a Policy, a RequiredEnv or a Release; - is standard input.

    It prints every problem as FILE:LINE: path: what is wrong. An expired exemption is only a warning. With --input it
    also says how many workloads each row of components matches, and which others look like Airflow. Exits with 0 if
    there is no problem, with 1 if there is one, with 2 if a file cannot be read.
    """
    codes = [_check(path, inputs, namespace) for path in files]
    sys.exit(max(codes))


def _check(path: Path, inputs: tuple[str, ...], namespace: str) -> int:
    name = "standard input" if str(path) == "-" else str(path)
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else read(path)
    except FileError as error:
        click.echo(str(error), err=True)
        return 2
    root, _ = compose(data)
    kind = root.value.get("kind") if root is not None else None
    try:
        document = READERS[kind if isinstance(kind, str) and kind in READERS else "Policy"](data)
    except DocumentError as error:
        for problem in error.problems:
            click.echo(f"{name}:{problem.line}: {problem.path}{': ' if problem.path else ''}{problem.text}")
        return 1
    if root is not None and isinstance(document, Policy):
        for nth, exemption in document.ended(datetime.now(UTC).date()):
            field = f"exemptions[{nth}].expires"
            told = f"{exemption.name!r} of {exemption.owner} ended on {exemption.expires} and covers nothing any more"
            click.echo(f"{name}:{line_of(root, field)}: warning: {field}: {told}; remove it, or set a later day")
    for caution in cautions(data, document):
        click.echo(f"{name}:{caution.problem.line}: warning: {caution.problem.path}: {caution.problem.text}")
    if inputs and root is not None and isinstance(document, Policy):
        for line in _caught(document, inputs, namespace):
            click.echo(f"{name}:{line_of(root, line[0])}: {line[0]}: {line[1]}")
    for doubt in doubts(data):
        place = 0 if root is None else line_of(root, doubt.path)
        click.echo(f"{name}:{place}: warning: {doubt}")
    click.echo(f"{name}: ok", err=True)
    return 0


def _caught(policy: Policy, inputs: tuple[str, ...], namespace: str) -> Iterator[tuple[str, str]]:
    """Yield each row of *policy* by its path, with how many workloads of *inputs* it knows."""
    # What judges manifests takes a moment to load.
    from webhook.commands.inputs import taken  # noqa: PLC0415
    from webhook.manifests.check import Asked  # noqa: PLC0415

    check = taken(Asked(policy, EMPTY, datetime.now(UTC).date(), namespace), inputs)
    for nth, row in enumerate(policy.components):
        known, all_ = check.caught(row)
        yield f"components[{nth}]", f"knows {known} of {plural(all_, 'workload')} in the input as {row.component}"
    outcome = check.outcome()
    for remark in (*outcome.unusable, *outcome.notes):
        click.echo(str(remark), err=True)


@policy.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def show(file: Path | None) -> None:
    """Print the Policy or Release in FILE with all its defaults; without FILE, the built-in policy."""
    try:
        click.echo(effective(DEFAULT) if file is None else _effective(read(file)), nl=False)
    except FileError as error:
        raise click.ClickException(str(error)) from None
    except DocumentError as error:
        raise click.ClickException(str(error)) from None


def _effective(data: bytes) -> str:
    root, _ = compose(data)
    is_release = root is not None and root.value.get("kind") == "Release"
    return effective_release(read_release(data)) if is_release else effective(read_policy(data))


@policy.command()
@click.argument("kind", type=click.Choice(list(SCHEMAS)), default="Policy")
def schema(kind: str) -> None:
    """Print the JSON Schema of a KIND of document, for editors and CI."""
    click.echo(json.dumps(SCHEMAS[kind](), indent=2))
