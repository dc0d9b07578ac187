"""`airlock policy show`: a document with its defaults."""

import sys
from pathlib import Path

import click


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def show(file: Path | None) -> None:
    """Print the Policy or Release in FILE with all its defaults; without FILE, the built-in policy.

    Exits with 0, with 1 if there is a problem in the document, with 2 if FILE cannot be read.
    """
    from webhook.commands.reading import contents, name_of
    from webhook.documents.policy import DEFAULT, effective
    from webhook.grammar.model import DocumentError
    from webhook.sources.file import FileError

    if file is None:
        click.echo(effective(DEFAULT), nl=False)
        return
    try:
        click.echo(_effective(contents(file)), nl=False)
    except FileError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except DocumentError as error:
        for problem in error.problems:
            click.echo(f"{name_of(file)}: {problem}", err=True)
        sys.exit(1)


def _effective(data: bytes) -> str:
    from webhook.documents.policy import effective, read_policy
    from webhook.documents.release import effective as effective_release
    from webhook.documents.release import read_release
    from webhook.grammar.complaint import choice
    from webhook.grammar.model import DocumentError, Problem
    from webhook.grammar.yamlnode import compose

    root, _ = compose(data)
    kind = root.value.get("kind", "Policy") if root is not None else "Policy"
    if kind == "Release":
        return effective_release(read_release(data))
    if kind != "Policy":  # read as a policy, it would get a problem for each of its fields
        line = root.keys.get("kind", 0) if root is not None else 0
        raise DocumentError((Problem(line, "kind", choice(kind, ("Policy", "Release"))),))
    return effective(read_policy(data))
