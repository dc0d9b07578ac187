"""The command line: every command of `airlock`, loaded only when it is called."""

from importlib import import_module

import click

# The module of each command, and its summary in the list of commands: loading them all would take half a second.
COMMANDS = {
    "serve": ("serve", "Serve the webhook until SIGTERM."),
    "controller": ("controller", "Keep certificates and caBundles, and audit what runs, until SIGTERM."),
    "check": ("check", "Judge manifests as the cluster would, before it does."),
    "lint": ("lint", "Say which callbacks of DAG files Airflow cannot call."),
    "audit": ("audit", "Judge what runs in a cluster as if it were made again."),
    "fix": ("fix", "Print the values or digests that make findings go."),
    "diagnose": ("diagnose", "Say which of the four layers keeps a task from running."),
    "policy": ("policy", "Check and show the documents that people write."),
    "certs": ("certs", "Show what is served and trusted; make certificates by hand."),
    "probe": ("probe", "Ask a webhook about a good pod and a bad one."),
    "version": ("version", "Say what this is: version, commit and libraries."),
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
