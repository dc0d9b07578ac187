"""`airlock serve`: the webhook itself."""

import os
import socket
from datetime import UTC, datetime
from pathlib import Path

import click

from certs.names import parse_names
from webhook.commands.options import ConfigMapSrc, Src, accepted, log_level, metrics_port, readable, setting
from webhook.serving.options import EventsTo, ServiceOptions
from webhook.sources.name import ConfigMapName
from webhook.sources.readable import Readable


@click.command()
@setting(
    "--policy",
    type=Src(),
    help="The policy: a file (reloaded when it changes) or configmap:NAMESPACE/NAME (watched, key policy.yaml)."
    " Without it, airlock uses the built-in policy, which only warns.",
)
@setting(
    "--required-env",
    type=Src(),
    help="The required-env manifest: a file or configmap:NAMESPACE/NAME (key required-env.yaml). Without it, no"
    " variables are required.",
)
@setting(
    "--release",
    type=Src(),
    help="The release manifest: a file or configmap:NAMESPACE/NAME (key release.yaml; it does not need to exist)."
    " Without it, airlock does not compare images with a release.",
)
@setting(
    "--pins",
    type=ConfigMapSrc(),
    help="The ConfigMap (airlock-pins) where the controller writes the schedulers' digests.",
)
@setting(
    "--sightings",
    type=ConfigMapSrc(),
    help="The ConfigMap (airlock-sightings) where the controller keeps the digests that images ran as.",
)
@readable()
@accepted()
@setting(
    "--cert-dir",
    type=click.Path(path_type=Path),
    required=True,
    help="The folder with tls.crt, tls.key and ca.crt; reloaded when they change.",
)
@setting(
    "--self-signed",
    is_flag=True,
    help="Create a certificate if there is none, for localhost, 127.0.0.1, ::1 and --service-name.",
)
@setting(
    "--service-name",
    metavar="NAME",
    multiple=True,
    help="Another name for the self-signed certificate, such as airlock.airlock.svc; repeatable.",
)
@setting(
    "--client-ca",
    type=click.Path(path_type=Path),
    help="The CA certificates (PEM) for client certificates. With it, only clients with a certificate from one of these"
    " CAs get an answer on /validate, /mutate and /guard; reloaded when the file changes.",
)
@setting(
    "--client-name",
    metavar="NAME",
    multiple=True,
    help="A name that client certificates can have, as common name, DNS name or URI; repeatable. Without it, airlock"
    " accepts every certificate from --client-ca.",
)
@setting(
    "--host",
    default="0.0.0.0",  # noqa: S104 - the API server calls from another machine
    show_default=True,
    help="The address to listen on; :: is IPv4 and IPv6.",
)
@setting(
    "--port",
    type=click.IntRange(0, 65535),
    default=8443,
    show_default=True,
    help="The TLS port of /validate and /mutate; 0 picks a free one.",
)
@metrics_port()
@setting(
    "--events",
    type=click.Choice(EventsTo, case_sensitive=False),
    default=EventsTo.AUTO.value,
    show_default=True,
    help="Where Events go. auto: to the cluster if airlock runs in one or a document is a ConfigMap, else to the log.",
)
@setting(
    "--excluded-namespace",
    metavar="NAME",
    multiple=True,
    help="A namespace that the webhook configurations exclude; repeatable. airlock writes no Events there: the API"
    " server never asks about it, so such a review is forged.",
)
@setting(
    "--tasks-left-out",
    is_flag=True,
    help="The webhook configuration does not ask /mutate about tasks' pods, because the documents add nothing to them."
    " If a document requires a variable there later, a missing one is only a warning.",
)
@setting(
    "--threads",
    type=click.IntRange(1, 256),
    default=16,
    show_default=True,
    help="How many requests to handle at the same time.",
)
@setting(
    "--drain-seconds",
    type=click.FloatRange(0, 120),
    default=5.0,
    show_default=True,
    help="How long to keep serving after SIGTERM, at least; /readyz fails during that time.",
)
@log_level()
def serve(  # noqa: PLR0913 - an argument for each option
    *,
    policy: ConfigMapName | Path | None,
    required_env: ConfigMapName | Path | None,
    release: ConfigMapName | Path | None,
    pins: ConfigMapName | None,
    sightings: ConfigMapName | None,
    read_configmaps: tuple[str, ...],
    read_secrets: tuple[str, ...],
    accepted: ConfigMapName | None,
    cert_dir: Path,
    self_signed: bool,
    service_name: tuple[str, ...],
    client_ca: Path | None,
    client_name: tuple[str, ...],
    host: str,
    port: int,
    metrics_port: int,
    events: EventsTo,
    excluded_namespace: tuple[str, ...],
    tasks_left_out: bool,
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

    Exits with 0 after SIGTERM or Ctrl-C, with 1 if a port is taken or the certificate cannot be used, with 2 for a
    wrong option, with 3 if a document's file cannot be read. If a document is bad at the start, the replica does not
    become ready, and /readyz says why. If it turns bad later, the last good one stays in force.
    """  # noqa: D301 - click reads the backspace
    from webhook.serving.http.listening import listen_or_exit

    metrics = listen_or_exit(host, metrics_port, "--metrics-port")  # a kubelet waits while the rest is imported
    from webhook.observe.log import configure
    from webhook.serving.http.server import ServingOptions, run
    from webhook.serving.service import Airlock

    configure(log_level)
    if client_name and client_ca is None:
        raise click.UsageError("--client-name needs --client-ca: without it airlock asks no client for a certificate")
    if self_signed:
        _ensure_certificate(cert_dir, service_name)
    inside, instance = "KUBERNETES_SERVICE_HOST" in os.environ, os.environ.get("HOSTNAME") or socket.gethostname()
    options = ServiceOptions(
        policy, required_env, events, inside, instance, accepted,
        release=release, pins=pins, sightings=sightings, excluded=frozenset(excluded_namespace),
        tasks_left_out=tasks_left_out,
        readable=Readable(frozenset(read_configmaps), frozenset(read_secrets)),
    )  # fmt: skip
    run(
        lambda: Airlock(options),
        ServingOptions(
            cert_dir, host, port, metrics_port, metrics, threads,
            drain_seconds=drain_seconds, drain_limit=drain_seconds + 15, on_listening=_log_ports,
            client_ca=client_ca, client_names=frozenset(client_name),
        ),
    )  # fmt: skip


def _ensure_certificate(folder: Path, names: tuple[str, ...]) -> None:
    import structlog

    from certs.store import Ensured, StoreError, ensure_self_signed

    try:
        outcome = ensure_self_signed(folder, parse_names(["localhost", "127.0.0.1", "::1", *names]), datetime.now(UTC))
    except (StoreError, ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    if outcome.what is not Ensured.KEPT or outcome.detail:
        structlog.get_logger("airlock.certs").warning("certificate", what=outcome.what, detail=outcome.detail)


def _log_ports(tls_port: int, metrics_port: int) -> None:
    import structlog

    structlog.get_logger("airlock.serving").info("listening", port=tls_port, metrics_port=metrics_port)
