"""Prints what is wrong with a file of documents, for `airlock policy check`."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import click

from webhook.commands.reading import contents, name_of
from webhook.documents.cautions import cautions
from webhook.documents.doubts import doubts
from webhook.documents.fixture import read_policy_test
from webhook.documents.policy import Policy, read_policy
from webhook.documents.release import read_release
from webhook.documents.required_env import EMPTY, read_manifest
from webhook.documents.wrapped import KEYS, Wrapped, unwrapped
from webhook.grammar.model import DocumentError, Problem
from webhook.grammar.yamlnode import compose
from webhook.manifests.place import line_of
from webhook.pods.text import plural
from webhook.sources.file import FileError

READERS: dict[str, Callable[[bytes], object]] = {
    "Policy": read_policy,
    "RequiredEnv": read_manifest,
    "PolicyTest": read_policy_test,
    "Release": read_release,
}


def report(path: Path, inputs: tuple[str, ...], namespace: str) -> int:
    """Print what is wrong with *path*; return 0 when nothing is, 1 when something is, 2 when it cannot be read."""
    name = name_of(path)
    try:
        found = unwrapped(contents(path))
    except FileError as error:
        click.echo(str(error), err=True)
        return 2
    if not found:
        click.echo(f"{name}: no ConfigMap in it has a key {', '.join(KEYS)}")
        return 1
    good = [_report(name, one, inputs, namespace) for one in found]
    return 0 if all(good) else 1


def _report(file: str, wrapped: Wrapped, inputs: tuple[str, ...], namespace: str) -> bool:
    """Print what is wrong with one document of *file*; return whether it is a good one."""
    for problem in wrapped.misread:
        _tell(file, wrapped, problem)
    text = wrapped.text if isinstance(wrapped.text, bytes) else wrapped.text.encode()
    root, _ = compose(text)
    kind = wrapped.kind or (root.value.get("kind") if root is not None else None)
    try:
        document = READERS[kind if isinstance(kind, str) and kind in READERS else "Policy"](text)
    except DocumentError as error:
        for problem in error.problems:
            _tell(file, wrapped, problem)
        return False
    if root is None:
        return not wrapped.misread
    for path, told in _ended(document):
        _tell(file, wrapped, Problem(line_of(root, path), path, told), "warning: ")
    for caution in cautions(text, document):
        _tell(file, wrapped, caution.problem, "warning: ")
    for path, told in _caught(document, inputs, namespace):
        _tell(file, wrapped, Problem(line_of(root, path), path, told))
    for doubt in doubts(text):
        _tell(file, wrapped, Problem(line_of(root, doubt.path), doubt.path, doubt.text), "warning: ")
    if not wrapped.misread:
        click.echo(f"{file}: {wrapped.path}{': ' if wrapped.path else ''}ok", err=True)
    return not wrapped.misread


def _tell(file: str, wrapped: Wrapped, problem: Problem, how: str = "") -> None:
    path = ".".join(part for part in (wrapped.path, problem.path) if part)
    click.echo(f"{file}:{wrapped.line or problem.line}: {how}{path}{': ' if path else ''}{problem.text}")


def _ended(document: object) -> Iterator[tuple[str, str]]:
    """Yield the path of each exemption that is over, and what it was."""
    for nth, one in document.ended(datetime.now(UTC).date()) if isinstance(document, Policy) else ():
        told = f"{one.name!r} of {one.owner} expired on {one.expires} and no longer covers anything"
        yield f"exemptions[{nth}].expires", f"{told}; remove it, or set a later day"


def _caught(policy: object, inputs: tuple[str, ...], namespace: str) -> Iterator[tuple[str, str]]:
    """Yield each row of a *policy* by its path, with how many workloads of *inputs* it knows."""
    if not inputs or not isinstance(policy, Policy):
        return
    from webhook.commands.inputs import taken
    from webhook.manifests.check import Asked
    from webhook.report.wording import shown

    check = taken(Asked(policy, EMPTY, datetime.now(UTC).date(), namespace), inputs)
    for nth, row in enumerate(policy.components):
        known, all_ = check.caught(row)
        yield f"components[{nth}]", f"knows {known} of {plural(all_, 'workload')} in the input as {row.component}"
    outcome = check.outcome()
    for remark in (*outcome.unusable, *outcome.notes):
        click.echo(shown(remark), err=True)
