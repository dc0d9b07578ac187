"""The command line: every command of `airlock`, loaded only when it is called."""

from importlib import import_module

import click

# The module of each command, and its summary in the list of commands: loading them all would take half a second.
COMMANDS = {
    "serve": ("serve", "Serve the webhook until SIGTERM."),
    "controller": ("controller", "Manage certificates and caBundles, and audit running pods, until SIGTERM."),
    "check": ("check", "Check manifests before you deploy them, as the webhook would."),
    "lint": ("lint", "Find callbacks in DAG files that Airflow cannot call."),
    "audit": ("audit", "Check the pods that run in a cluster as if they were recreated."),
    "fix": ("fix", "Print the Helm values or digests that fix the findings."),
    "diagnose": ("diagnose", "Show which of the four layers keeps a task from running."),
    "policy": ("policy", "Check, show, test and export your documents."),
    "certs": ("certs", "Show which certificates are served and trusted; create some by hand."),
    "probe": ("probe", "Send a good and a bad pod to a webhook, and show its answers."),
    "version": ("version", "Print the version, the commit and the libraries."),
}


class _Commands(click.Group):
    """The commands of the table, each imported when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"webhook.commands.{COMMANDS[cmd_name][0]}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="airlock-airflow", prog_name="airlock")
def main() -> None:
    """airlock keeps Airflow pods with moving tags or missing variables out of a Kubernetes cluster."""  # noqa: D403 - a name


if __name__ == "__main__":
    main()
