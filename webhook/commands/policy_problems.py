"""Prints what is wrong with a file of documents, for `airlock policy check`."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from webhook.documents.cautions import cautions
from webhook.documents.doubts import doubts
from webhook.documents.fixture import read_policy_test
from webhook.documents.policy import Policy, read_policy
from webhook.documents.release import read_release
from webhook.documents.required_env import EMPTY, read_manifest
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


def report(path: Path, inputs: tuple[str, ...], namespace: str) -> int:
    """Print what is wrong with *path*; return 0 when nothing is, 1 when something is, 2 when it cannot be read."""
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
    from webhook.commands.inputs import taken
    from webhook.manifests.check import Asked

    check = taken(Asked(policy, EMPTY, datetime.now(UTC).date(), namespace), inputs)
    for nth, row in enumerate(policy.components):
        known, all_ = check.caught(row)
        yield f"components[{nth}]", f"knows {known} of {plural(all_, 'workload')} in the input as {row.component}"
    outcome = check.outcome()
    for remark in (*outcome.unusable, *outcome.notes):
        click.echo(str(remark), err=True)
