"""`airlock policy export`: writes the core rules as admission policies that the API server runs itself."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.commands.options import NamespaceName, documents
from webhook.commands.output import write

if TYPE_CHECKING:
    from webhook.backstop.objects import Export

VALIDATING, MUTATING = "validating-admission-policy", "mutating-admission-policy"
_PARTS = {VALIDATING: "validating", MUTATING: "mutating"}  # below the chart's value `backstop`


@click.command()
@click.option(
    "--as", "kind", type=click.Choice([VALIDATING, MUTATING]), required=True, help="The kind of policy to export."
)
@documents(
    policy="the built-in policy",
    required_env="the mutating policy injects nothing",
)
@click.option(
    "--deny",
    is_flag=True,
    help="Deny what the policy enforces. Without it the exported policies only warn, because the API server runs them"
    " before airlock.",
)
@click.option(
    "--exclude-namespace",
    "excluded",
    type=NamespaceName(),
    metavar="NAME",
    multiple=True,
    help="A namespace that is never checked, in addition to kube-system; repeatable.",
)
@click.option(
    "--output",
    "-o",
    type=click.Choice(["objects", "values"]),
    default="objects",
    show_default=True,
    help="objects: for kubectl apply. values: for airlock's chart, which then makes the objects.",
)
@click.option(
    "--output-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write to this file instead of standard output.",
)
def export(  # noqa: PLR0913 - an argument for each option
    *,
    kind: str,
    policy: Path | None,
    required_env: Path | None,
    deny: bool,
    excluded: tuple[str, ...],
    output: str,
    output_file: Path | None,
) -> None:
    """Print the core rules as policies that the API server runs itself, so that they also apply while airlock is down.

    \b
      airlock policy export --as validating-admission-policy --policy policy.yaml | kubectl apply -f -
      airlock policy export --as mutating-admission-policy --required-env required-env.yaml | kubectl apply -f -
      airlock policy export --as validating-admission-policy --policy policy.yaml -o values > backstop.yaml
      helm upgrade airlock charts/airlock -n airlock --reuse-values -f backstop.yaml

    The first needs Kubernetes 1.30, the second 1.36. The first lines of the output list what CEL cannot express and was
    left out; docs/backstop.md explains it. Export again after each edit of the policy, and before an exemption expires.

    Exits with 0, or with 2 if a document is bad or there is nothing to export.
    """  # noqa: D301 - click reads the backspace
    from webhook.backstop.mutating import mutating
    from webhook.backstop.objects import Choice
    from webhook.backstop.validating import validating
    from webhook.commands.reading import document
    from webhook.documents.policy import DEFAULT, read_policy
    from webhook.documents.required_env import EMPTY, read_manifest

    judging = DEFAULT if policy is None else document(policy, read_policy).value
    choice = Choice(datetime.now(UTC).date(), deny, tuple(dict.fromkeys(("kube-system", *excluded))))
    if kind == VALIDATING:
        found = validating(judging, choice)
    else:
        required = EMPTY if required_env is None else document(required_env, read_manifest).value
        found = mutating(judging, required, choice)
    if not found.objects:
        text = (
            "nothing to export: no mode of the policy applies"
            if kind == VALIDATING
            else ("nothing to export: no literal variable is required; name a manifest by --required-env")
        )
        raise _NothingError(text)
    part = _PARTS[kind] if output == "values" else ""
    write(_yaml(found, part), output_file)


class _NothingError(click.ClickException):
    exit_code = 2


def _yaml(found: "Export", part: str) -> str:
    """Return *found* as YAML: a document each, or the values of the chart's `backstop.<part>`."""
    import yaml

    head = ["# Made by airlock policy export: edit the policy and export again.", "# Left out:"]
    lines = [*head, *(f"#  - {line}" for line in found.left_out)]
    if part:
        objects = yaml.safe_dump({"backstop": {part: list(found.objects)}}, sort_keys=False, width=1_000_000)
    else:
        objects = yaml.safe_dump_all(found.objects, sort_keys=False, width=1_000_000, explicit_start=True)
    return "\n".join(lines) + "\n" + objects
