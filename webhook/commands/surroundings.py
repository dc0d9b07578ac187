"""What `airlock lint` knows besides DAG files: manifests of the installation, and names of Airflow's Variables."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
from msgspec.structs import replace

from webhook.commands.inputs import take
from webhook.commands.reading import contents, document
from webhook.documents.policy import DEFAULT
from webhook.documents.required_env import EMPTY, RequiredEnv, read_manifest
from webhook.lint.environment import Declared, Environment
from webhook.lint.facts import Facts
from webhook.lint.finding import Also
from webhook.lint.values import Place
from webhook.lint.versions import Versions, of_tag
from webhook.manifests.check import Asked, Check
from webhook.manifests.declared import Process, declared
from webhook.pods.airflow import Component
from webhook.sources.file import FileError


def completed(
    facts: Facts, manifests: tuple[str, ...], required_env: Path | None, variables: Path | None
) -> tuple[Facts, list[Also]]:
    """Return *facts* with what these files tell, and what in *manifests* could not be read."""
    required = EMPTY if required_env is None else document(required_env, read_manifest).value
    check = Check(Asked(DEFAULT, EMPTY, datetime.now(UTC).date()))
    take(check, manifests)
    found = declared(check)
    by_component: dict[Component, list[Process]] = {}
    for process in found.processes:
        by_component.setdefault(process.component, []).append(process)
    environment: Environment | None = None
    if manifests or required_env is not None:
        common = {component: _common(processes) for component, processes in by_component.items()}
        environment = Environment(common, _required(required))
    told = replace(
        facts,
        image=_version(by_component),
        executor=facts.executor or found.executor,
        environment=environment,
        variables=None if variables is None else _names(variables),
    )
    return told, [Also(Place(one.place.file, one.place.line), one.text) for one in check.outcome().unusable]


def _names(path: Path) -> frozenset[str]:
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
