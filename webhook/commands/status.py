"""`airlock status`: whether airlock is judging, a line on each thing that this takes, and an exit code."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from webhook.commands.options import installation, setting

if TYPE_CHECKING:
    from webhook.status.verdict import Report

COLOURS = {"ok": "green", "note": "cyan", "wrong": "red", "unknown": "yellow"}


@click.command()
@click.option("--context", metavar="NAME", help="The context of the kubeconfig; without it the current one.")
@setting("--kubeconfig", metavar="FILE", help="The kubeconfig; else $KUBECONFIG, this pod's, ~/.kube/config.")
@setting("--namespace", default="airlock", show_default=True, help="airlock's own namespace.")
@installation()
@setting(
    "--break-glass-label",
    metavar="KEY",
    default="airlock/skip",
    show_default=True,
    help="The label of namespaces that the webhook configurations exclude.",
)
@setting(
    "--replica",
    metavar="HOST:PORT",
    multiple=True,
    help="Ask this replica, which is not a pod of the Service; webhook entries with its URL count as airlock's."
    " Repeatable.",
)
@click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="The output format.",
)
def status(  # noqa: PLR0913 - an argument for each option
    *,
    context: str | None,
    kubeconfig: str | None,
    namespace: str,
    service_name: str,
    tls_secret: str,
    webhook_configuration: tuple[str, ...],
    break_glass_label: str,
    replica: tuple[str, ...],
    output: str,
) -> None:
    """Say whether airlock is judging now, and show what this takes.

    It asks the API server for the registration, and each replica for its answer: through the API server's proxy, or,
    inside the cluster, directly. It only reads, with the rights you have, and says what it could not see.

    Exits with 0 if airlock is judging and all is well, with 1 if something is wrong, with 2 if it cannot know.
    """
    from webhook.cluster import ClusterError, connect, standing
    from webhook.controller.api import Api
    from webhook.controller.inspection import Asked, inspect, read_last
    from webhook.controller.replicas import split_address
    from webhook.controller.scene import Site
    from webhook.status.record import completed

    try:
        for place in replica:
            split_address(place)
    except ValueError as error:
        raise click.UsageError(f"--replica: {error}") from None
    site = Site(namespace, service_name, "", tls_secret, webhook_configuration, replica)
    try:
        inside = not standing(kubeconfig=kubeconfig, context=context).context
        with connect(kubeconfig=kubeconfig, context=context) as cluster:
            now = datetime.now(UTC)
            seen = inspect(cluster, Asked(site, break_glass_label, now, inside=inside))
            found = completed(seen.lines, seen.answering, read_last(Api(cluster), site), now)
    except (ClusterError, OSError) as error:
        click.echo(f"whether airlock is judging cannot be known: {error}", err=True)
        sys.exit(2)
    click.echo(as_json(found) if output == "json" else as_table(found))
    sys.exit(found.code)


def as_table(found: "Report") -> str:
    """Return the headline, and a line each: the state, the subject, the sentence."""
    width = max((len(line.subject) for line in found.lines), default=0)
    rows = (
        f"{click.style(f'{line.state:<8}', fg=COLOURS[line.state])} {line.subject:<{width}}  {line.shown}"
        for line in found.lines
    )
    return "\n".join([click.style(found.headline, bold=True), *rows])


def as_json(found: "Report") -> str:
    """Return *found* as JSON, `airlock/v1`."""
    import json

    from webhook.status.record import as_dict

    return json.dumps(as_dict(found), indent=2)
