"""`airlock policy show`: a document with its defaults."""

from pathlib import Path

import click


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def show(file: Path | None) -> None:
    """Print the Policy or Release in FILE with all its defaults; without FILE, the built-in policy."""
    from webhook.commands.reading import contents
    from webhook.documents.policy import DEFAULT, effective
    from webhook.grammar.model import DocumentError
    from webhook.sources.file import FileError

    try:
        click.echo(effective(DEFAULT) if file is None else _effective(contents(file)), nl=False)
    except FileError as error:
        raise click.ClickException(str(error)) from None
    except DocumentError as error:
        raise click.ClickException(str(error)) from None


def _effective(data: bytes) -> str:
    from webhook.documents.policy import effective, read_policy
    from webhook.documents.release import effective as effective_release
    from webhook.documents.release import read_release
    from webhook.grammar.yamlnode import compose

    root, _ = compose(data)
    is_release = root is not None and root.value.get("kind") == "Release"
    return effective_release(read_release(data)) if is_release else effective(read_policy(data))
