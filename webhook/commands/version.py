"""`airlock version`: this version and its parts, for a bug report."""

import json
import os
import platform
import re
from importlib.metadata import Distribution, PackageNotFoundError, distribution

import click

DISTRIBUTION = "airlock-airflow"
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@click.command()
@click.option("--output", "-o", type=click.Choice(["text", "json"]), default="text", show_default=True)
def version(*, output: str) -> None:
    """Print the version, the commit, and the versions of Python and libraries.

    The commit is known in an image built with --build-arg REVISION=..., and after an installation from a repository.
    """
    found = distribution(DISTRIBUTION)
    facts = {
        "airlock": found.version,
        "commit": _commit(found),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    libraries = dict(_libraries(found))
    if output == "json":
        click.echo(json.dumps({**facts, "libraries": libraries}, indent=2))
        return
    width = max(map(len, (*facts, *libraries)))
    click.echo("\n".join(f"{name:{width}}  {value}" for name, value in (*facts.items(), *libraries.items())))


def _commit(found: Distribution) -> str:
    """Return the commit that the image says, or that pip noted when it installed from a repository (PEP 610)."""
    if revision := os.environ.get("AIRLOCK_REVISION"):
        return revision
    noted = json.loads(found.read_text("direct_url.json") or "{}")
    commit: str = noted.get("vcs_info", {}).get("commit_id", "unknown")
    return commit


def _libraries(found: Distribution) -> list[tuple[str, str]]:
    """Return the libraries that airlock asks for, and the versions that are there."""
    asked = sorted(match[0] for line in found.requires or () if "extra ==" not in line and (match := _NAME.match(line)))
    return [(name, _version(name)) for name in asked]


def _version(name: str) -> str:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return "missing"
