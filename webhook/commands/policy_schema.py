"""`airlock policy schema`: the JSON Schema of each kind of document."""

import json
from importlib import import_module

import click

_MODULES = {"Policy": "policy", "RequiredEnv": "required_env", "PolicyTest": "fixture", "Release": "release"}


@click.command()
@click.argument("kind", type=click.Choice(tuple(_MODULES)), default="Policy")
def schema(kind: str) -> None:
    """Print the JSON Schema of a kind of document, for editors and CI; without an argument, of the Policy."""
    module = import_module(f"webhook.documents.{_MODULES[kind]}")  # the others would take as long again
    click.echo(json.dumps(module.schema(), indent=2))
