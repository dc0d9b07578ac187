"""What `airlock lint` knows besides DAG files: manifests of the installation, and names of Airflow's Variables."""

import json
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import click

from webhook.commands.inputs import take
from webhook.commands.reading import contents
from webhook.documents.policy import DEFAULT
from webhook.documents.required_env import EMPTY, RequiredEnv
from webhook.lint.environment import Declared
from webhook.lint.finding import Also
from webhook.lint.values import Place
from webhook.lint.versions import Versions, of_tag
from webhook.manifests.check import Asked, Check
from webhook.manifests.declared import Process, declared
from webhook.pods.airflow import Component
from webhook.sources.file import FileError


@dataclass(frozen=True, slots=True)
class Told:
    """What manifests and the required-env manifest tell."""

    declared: dict[Component, Declared]
    required: dict[Component, frozenset[str]]
    image: Versions | None
    executor: str
    unusable: list[Also]


def declarations(paths: tuple[str, ...], required: RequiredEnv, today: date) -> Told:
    """Return what the manifests in *paths*, and *required*, declare."""
    check = Check(Asked(DEFAULT, EMPTY, today))
    take(check, paths)
    found = declared(check)
    by_component: dict[Component, list[Process]] = {}
    for process in found.processes:
        by_component.setdefault(process.component, []).append(process)
    unusable = [Also(Place(one.place.file, one.place.line), one.text) for one in check.outcome().unusable]
    return Told(
        {component: _common(processes) for component, processes in by_component.items()},
        _required(required),
        _version(by_component),
        found.executor,
        unusable,
    )


def names_of_variables(path: Path) -> frozenset[str]:
    """Return the names in the file *path*: the keys of a JSON object, the strings of a list, or one name a line."""
    try:
        text = contents(path).decode()
    except (FileError, UnicodeDecodeError) as error:
        click.echo(f"{path}: {error}" if isinstance(error, UnicodeDecodeError) else str(error), err=True)
        sys.exit(2)
    try:
        document = json.loads(text)
    except ValueError:
        if text.lstrip().startswith(("{", "[")):
            click.echo(f"{path}: is no JSON, which its first character promises", err=True)
            sys.exit(2)
        lines = (line.strip() for line in text.splitlines())
        return frozenset(line.partition("=")[0].strip() for line in lines if line and not line.startswith("#"))
    if isinstance(document, dict | list):
        return frozenset(str(name) for name in document)
    return frozenset({str(document)})


def _common(processes: list[Process]) -> Declared:
    """Return what all *processes* of one component have."""
    names = frozenset.intersection(*(one.names for one in processes))
    return Declared(names, any(one.open for one in processes))


def _required(required: RequiredEnv) -> dict[Component, frozenset[str]]:
    by_component: dict[Component, set[str]] = {}
    for variable in required.env:
        for component in variable.components:
            by_component.setdefault(component, set()).add(variable.name)
    return {component: frozenset(names) for component, names in by_component.items()}


def _version(by_component: dict[Component, list[Process]]) -> Versions | None:
    """Return the version of the scheduler's image, else of another component that runs DAG code."""
    for component in (Component.SCHEDULER, Component.DAG_PROCESSOR, Component.WORKER, Component.TASK):
        for process in by_component.get(component, ()):
            told = of_tag(process.repository, process.tag)
            if told is not None:
                return told
    return None
