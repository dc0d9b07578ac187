"""The command line: every command of `airlock`, loaded only when it is called."""

import click

from webhook.commands.lazy import LazyGroup

# The module of each command, and its summary in the list of commands: loading them all would take half a second.
COMMANDS = {
    "serve": ("serve", "Serve the webhook until SIGTERM."),
    "controller": ("controller", "Manage certificates and caBundles, and audit running pods, until SIGTERM."),
    "check": ("check", "Check manifests before you deploy them, as the webhook would."),
    "lint": ("lint", "Find callbacks in DAG files that Airflow cannot call."),
    "audit": ("audit", "Check the pods that run in a cluster as if they were recreated."),
    "fix": ("fix", "Print the Helm values or digests that fix the findings."),
    "diagnose": ("diagnose", "Show which of the four layers keeps a task from running."),
    "status": ("status", "Say whether airlock is judging now, and what is in its way."),
    "policy": ("policy", "Check, show, test and export your documents."),
    "certs": ("certs", "Show which certificates are served and trusted; create some by hand."),
    "probe": ("probe", "Send a good and a bad pod to a webhook, and show its answers."),
    "version": ("version", "Print the version, the commit and the libraries."),
}


@click.group(
    cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(package_name="airlock-airflow", prog_name="airlock")
def main() -> None:
    """airlock keeps Airflow pods with moving tags or missing variables out of a Kubernetes cluster."""  # noqa: D403 - a name


if __name__ == "__main__":
    main()
