"""The command line: `airlock serve` and `airlock policy`."""

import json
import os
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import structlog

from certs.names import parse_names
from certs.store import Ensured, StoreError, ensure_self_signed
from webhook.documents.document import DocumentError
from webhook.documents.manifest import read_manifest
from webhook.documents.manifest import schema as manifest_schema
from webhook.documents.policy import DEFAULT, effective, read_policy
from webhook.documents.policy import schema as policy_schema
from webhook.documents.yamlnode import compose
from webhook.log import configure
from webhook.service import Airlock, EventsTo, ServiceOptions
from webhook.serving.server import ServingOptions, run
from webhook.sources.file import FileError, read
from webhook.sources.source import ConfigMapName, SourceError, parse_src

READERS: dict[str, Callable[[bytes], object]] = {"Policy": read_policy, "RequiredEnv": read_manifest}
SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {"Policy": policy_schema, "RequiredEnv": manifest_schema}


class _Src(click.ParamType[ConfigMapName | Path]):
    """SRC: a file, or configmap:NAMESPACE/NAME."""

    name = "SRC"

    def convert(
        self, value: str | ConfigMapName | Path, param: click.Parameter | None, ctx: click.Context | None
    ) -> ConfigMapName | Path:
        """Return the source that *value* names."""
        if not isinstance(value, str):
            return value
        try:
            return parse_src(value)
        except SourceError as error:
            self.fail(str(error), param, ctx)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="airlock", prog_name="airlock")
def main() -> None:
    """airlock keeps Airflow pods with moving tags or missing variables out of a Kubernetes cluster."""  # noqa: D403 - a name


@main.command()
@click.option(
    "--policy",
    type=_Src(),
    envvar="AIRLOCK_POLICY",
    show_envvar=True,
    help="The policy: a file (read again when its bytes change) or configmap:NAMESPACE/NAME (watched, key"
    " policy.yaml). Without it the built-in policy applies, which warns and blocks nothing.",
)
@click.option(
    "--required-env",
    type=_Src(),
    envvar="AIRLOCK_REQUIRED_ENV",
    show_envvar=True,
    help="The required-env manifest: a file or configmap:NAMESPACE/NAME (key required-env.yaml). Without it"
    " no variable is required.",
)
@click.option(
    "--cert-dir",
    type=click.Path(path_type=Path),
    required=True,
    envvar="AIRLOCK_CERT_DIR",
    show_envvar=True,
    help="The folder of tls.crt, tls.key and ca.crt; served anew when they change.",
)
@click.option(
    "--self-signed",
    is_flag=True,
    envvar="AIRLOCK_SELF_SIGNED",
    show_envvar=True,
    help="Make the certificate when there is none, for localhost, 127.0.0.1, ::1 and --service-name.",
)
@click.option(
    "--service-name",
    metavar="NAME",
    multiple=True,
    envvar="AIRLOCK_SERVICE_NAME",
    show_envvar=True,
    help="A name that the self-signed certificate is for, such as airlock.airlock.svc; may be repeated.",
)
@click.option(
    "--host",
    default="0.0.0.0",  # noqa: S104 - the API server calls from another machine
    show_default=True,
    envvar="AIRLOCK_HOST",
    show_envvar=True,
    help="The address to listen on; :: is IPv4 and IPv6.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8443,
    show_default=True,
    envvar="AIRLOCK_PORT",
    show_envvar=True,
    help="The TLS port of /validate and /mutate; 0 is any free one.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(0, 65535),
    default=9090,
    show_default=True,
    envvar="AIRLOCK_METRICS_PORT",
    show_envvar=True,
    help="The plain port of /metrics, /healthz and /readyz; 0 is any free one.",
)
@click.option(
    "--events",
    type=click.Choice(EventsTo, case_sensitive=False),
    default=EventsTo.AUTO,
    show_default=True,
    envvar="AIRLOCK_EVENTS",
    show_envvar=True,
    help="Where Events go; auto is the cluster inside one or when a document is a ConfigMap, else the log.",
)
@click.option(
    "--threads",
    type=click.IntRange(1, 256),
    default=16,
    show_default=True,
    envvar="AIRLOCK_THREADS",
    show_envvar=True,
    help="Requests decided at the same time.",
)
@click.option(
    "--drain-seconds",
    type=click.FloatRange(0, 120),
    default=5.0,
    show_default=True,
    envvar="AIRLOCK_DRAIN_SECONDS",
    show_envvar=True,
    help="For how long SIGTERM still serves, at least; readiness fails meanwhile.",
)
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    envvar="AIRLOCK_LOG_LEVEL",
    show_envvar=True,
    help="What the log tells.",
)
def serve(  # noqa: PLR0913 - an argument for each option
    *,
    policy: ConfigMapName | Path | None,
    required_env: ConfigMapName | Path | None,
    cert_dir: Path,
    self_signed: bool,
    service_name: tuple[str, ...],
    host: str,
    port: int,
    metrics_port: int,
    events: EventsTo,
    threads: int,
    drain_seconds: float,
    log_level: str,
) -> None:
    """Serve the webhook until SIGTERM.

    \b
    Try it without a cluster:
      airlock serve --self-signed --cert-dir certs --policy examples/policy.yaml
    On a cluster:
      airlock serve --cert-dir /certs --policy configmap:airlock/airlock-policy
                    --required-env configmap:airlock/airlock-required-env

    It exits with 0 after SIGTERM or Ctrl-C, with 1 when a port is taken or the certificate cannot be served, with 2
    for a wrong option, with 3 when a document's file cannot be read. A document that is bad from the start keeps it
    from being ready, and /readyz says why; one that becomes bad changes nothing.
    """  # noqa: D301 - click reads the backspace
    configure(log_level)
    if self_signed:
        _ensure_certificate(cert_dir, service_name)
    inside, instance = "KUBERNETES_SERVICE_HOST" in os.environ, os.environ.get("HOSTNAME") or socket.gethostname()
    options = ServiceOptions(policy, required_env, events, inside, instance)
    run(
        lambda: Airlock(options),
        ServingOptions(
            cert_dir, host, port, metrics_port, threads,
            drain_seconds=drain_seconds, drain_limit=drain_seconds + 15, on_listening=_log_ports,
        ),
    )  # fmt: skip


def _ensure_certificate(folder: Path, names: tuple[str, ...]) -> None:
    try:
        outcome = ensure_self_signed(folder, parse_names(["localhost", "127.0.0.1", "::1", *names]), datetime.now(UTC))
    except (StoreError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if outcome.what is not Ensured.KEPT or outcome.detail:
        structlog.get_logger("airlock.certs").warning("certificate", what=outcome.what, detail=outcome.detail)


def _log_ports(tls_port: int, metrics_port: int) -> None:
    structlog.get_logger("airlock.serving").info("listening", port=tls_port, metrics_port=metrics_port)


@main.group()
def policy() -> None:
    """Check and show the documents that people write: the policy and the required-env manifest."""


@policy.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
def check(files: tuple[Path, ...]) -> None:
    """Check each of FILES, a Policy or a RequiredEnv; - is standard input.

    Every problem of every file is printed as FILE:LINE: path: what is wrong. Exits with 0 when there is none, with 1
    when there is one, with 2 when a file cannot be read.
    """
    codes = [_check(path) for path in files]
    sys.exit(max(codes))


def _check(path: Path) -> int:
    name = "standard input" if str(path) == "-" else str(path)
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else read(path)
    except FileError as error:
        click.echo(str(error), err=True)
        return 2
    root, _ = compose(data)
    kind = root.value.get("kind") if root is not None else None
    try:
        READERS[kind if kind in READERS else "Policy"](data)
    except DocumentError as error:
        for problem in error.problems:
            click.echo(f"{name}:{problem.line}: {problem.path}{': ' if problem.path else ''}{problem.text}")
        return 1
    click.echo(f"{name}: ok", err=True)
    return 0


@policy.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
def show(file: Path | None) -> None:
    """Print the policy in FILE with all its defaults, or without FILE the built-in one."""
    try:
        click.echo(effective(DEFAULT if file is None else read_policy(read(file))), nl=False)
    except FileError as error:
        raise click.ClickException(str(error)) from None
    except DocumentError as error:
        raise click.ClickException(str(error)) from None


@policy.command()
@click.argument("kind", type=click.Choice(list(SCHEMAS)), default="Policy")
def schema(kind: str) -> None:
    """Print the JSON Schema of a KIND of document, for editors and CI."""
    click.echo(json.dumps(SCHEMAS[kind](), indent=2))


if __name__ == "__main__":
    main()
