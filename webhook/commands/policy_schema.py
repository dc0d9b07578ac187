"""`airlock policy schema`: the JSON Schema of each kind of document."""

import json

import click

KINDS = ("Policy", "RequiredEnv", "PolicyTest", "Release")


@click.command()
@click.argument("kind", type=click.Choice(KINDS), default="Policy")
def schema(kind: str) -> None:
    """Print the JSON Schema of a KIND of document, for editors and CI."""
    from webhook.documents import fixture, policy, release, required_env

    schemas = {
        "Policy": policy.schema,
        "RequiredEnv": required_env.schema,
        "PolicyTest": fixture.schema,
        "Release": release.schema,
    }
    click.echo(json.dumps(schemas[kind](), indent=2))
