"""`airlock policy`: checks, shows, tests and exports the documents that people write."""

import click

from webhook.commands.lazy import LazyGroup

COMMANDS = {
    "check": ("policy_check", "Check documents, and print every problem with its line."),
    "show": ("policy_show", "Print a Policy or a Release with all its defaults."),
    "schema": ("policy_schema", "Print the JSON Schema of a kind of document."),
    "test": ("policy_test", "Run a policy's own tests."),
    "export": ("policy_export", "Print the core rules as admission policies that the API server runs itself."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def policy() -> None:
    """Check, show, test and export your documents: the policy, the required-env manifest and the release."""
