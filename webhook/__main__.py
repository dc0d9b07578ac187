"""The command line: every command of `airlock`, put together."""

import click

from webhook.commands.audit import audit
from webhook.commands.certs import certs
from webhook.commands.check import check
from webhook.commands.controller import controller
from webhook.commands.policy import policy
from webhook.commands.probe import probe
from webhook.commands.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="airlock", prog_name="airlock")
def main() -> None:
    """airlock keeps Airflow pods with moving tags or missing variables out of a Kubernetes cluster."""  # noqa: D403 - a name


for command in (serve, controller, check, audit, policy, certs, probe):
    main.add_command(command)


if __name__ == "__main__":
    main()
