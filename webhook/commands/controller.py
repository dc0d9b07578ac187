"""`airlock controller`: certificates, caBundles and the accepted documents of an installation."""

from datetime import timedelta
from pathlib import Path

import click

from certs.issue import CA_LIFE, LEAF_LIFE
from certs.names import Names, parse_names
from certs.plan import Pace
from webhook.commands.options import ConfigMapSrc, Span, accepted, log_level, metrics_port, setting
from webhook.controller.audit.options import AuditOptions, RegistryOptions
from webhook.controller.replicas import split_address
from webhook.observe.log import configure
from webhook.registry.hosts import HostError, allowed
from webhook.sources.source import ConfigMapName

PACE = Pace()
AUDIT = AuditOptions()


@click.command()
@setting("--namespace", required=True, help="airlock's own namespace, where its Service, Secrets and ConfigMaps are.")
@setting("--ca-secret", default="airlock-ca", show_default=True, help="The Secret of the authority and its key.")
@setting("--tls-secret", default="airlock-tls", show_default=True, help="The Secret that replicas serve from.")
@setting("--service-name", default="airlock", show_default=True, help="The Service that the API server calls.")
@setting(
    "--webhook-configuration",
    metavar="NAME",
    multiple=True,
    help="The Mutating- and ValidatingWebhookConfiguration of this name get the caBundle; may be repeated. Either may"
    " be absent: none is ever created.",
)
@accepted()
@setting("--policy", type=ConfigMapSrc(), help="Where the policy is (key policy.yaml).")
@setting("--required-env", type=ConfigMapSrc(), help="Where the manifest is (key required-env.yaml).")
@setting("--release", type=ConfigMapSrc(), help="Where the release manifest is, if there is one (key release.yaml).")
@setting("--host", default="0.0.0.0", show_default=True, help="The address of the metrics port.")  # noqa: S104 - scraped from elsewhere
@metrics_port()
@setting(
    "--certificates/--no-certificates",
    default=True,
    help="Whether to make certificates and set caBundles; not when cert-manager does.",
)
@setting(
    "--break-glass-label",
    metavar="KEY",
    default="airlock/skip",
    show_default=True,
    help="The label of namespaces that the webhook configurations leave out; each is told of in an Event.",
)
@setting("--ca-life", type=Span(), default=CA_LIFE, help="For how long an authority is made; 3650d by default.")
@setting("--leaf-life", type=Span(), default=LEAF_LIFE, help="For how long a leaf is made; 365d by default.")
@setting(
    "--propagation",
    type=click.FloatRange(0),
    default=PACE.propagation,
    show_default=True,
    help="Seconds for which an authority is trusted everywhere before it signs.",
)
@setting(
    "--settling",
    type=click.FloatRange(0),
    default=PACE.settling,
    show_default=True,
    help="Seconds for which an old authority stays after the last leaf of it was replaced, at least.",
)
@setting(
    "--interval", type=click.FloatRange(0.05, 60), default=2.0, show_default=True, help="Seconds between two looks."
)
@setting(
    "--replica",
    metavar="HOST:PORT",
    multiple=True,
    help="A replica that the Service's Endpoints do not name; entries that call it by URL are airlock's too. May be"
    " repeated.",
)
@setting(
    "--audit/--no-audit",
    default=True,
    show_default=True,
    help="Whether to look at the pods that run, and tell as Events, metrics and reports what is wrong with them. It"
    " denies and changes nothing.",
)
@setting(
    "--audit-interval",
    type=click.FloatRange(0.05, 3600),
    default=AUDIT.interval,
    show_default=True,
    help="Seconds between two audits; an edit of a document is followed by one at once.",
)
@setting(
    "--audit-window",
    type=Span(),
    default=AUDIT.window,
    help="For how long it is remembered as which digest an image has run, also over a restart; 24h by default. Workers"
    " live for seconds, and drift shows only when two of them are compared.",
)
@setting(
    "--audit-reports/--no-audit-reports",
    default=True,
    show_default=True,
    help="Whether to write one report for each namespace: a Report of openreports.io where the cluster has those, else"
    " one of the ConfigMaps airlock-report-0 to -15 beside airlock, which have to be there.",
)
@setting(
    "--old-report",
    metavar="NAME",
    multiple=True,
    help="A ConfigMap beside airlock in which an earlier version kept a report; it is deleted. May be repeated.",
)
@setting(
    "--registry",
    metavar="HOST[:PORT][;OPTION]...",
    multiple=True,
    help="A registry that may be asked which revision an image was built from; may be repeated. Options: realm=HOST and"
    " blobs=HOST, where else it may send airlock for a token and for blobs; plain-http. Without it none is asked.",
)
@setting(
    "--registry-config",
    type=click.Path(path_type=Path),
    help="A docker config (.dockerconfigjson) with the credentials for these registries; read again each time.",
)
@setting(
    "--registry-ca",
    type=click.Path(path_type=Path),
    help="Authorities (PEM) that their certificates may be of, besides the system's.",
)
@setting("--kubeconfig", help="Whose cluster to work in; without it $KUBECONFIG, else the one this pod runs in.")
@log_level()
def controller(  # noqa: PLR0913 - an argument for each option
    *,
    namespace: str,
    ca_secret: str,
    tls_secret: str,
    service_name: str,
    webhook_configuration: tuple[str, ...],
    accepted: ConfigMapName | None,
    policy: ConfigMapName | None,
    required_env: ConfigMapName | None,
    release: ConfigMapName | None,
    host: str,
    metrics_port: int,
    certificates: bool,
    break_glass_label: str,
    ca_life: timedelta,
    leaf_life: timedelta,
    propagation: float,
    settling: float,
    interval: float,
    replica: tuple[str, ...],
    audit: bool,
    audit_interval: float,
    audit_window: timedelta,
    audit_reports: bool,
    old_report: tuple[str, ...],
    registry: tuple[str, ...],
    registry_config: Path | None,
    registry_ca: Path | None,
    kubeconfig: str | None,
    log_level: str,
) -> None:
    """Keep certificates, caBundles and the accepted documents until SIGTERM.

    It makes the authority and the certificate, renews both long before they end, and sets the caBundle in webhook
    configurations that exist; it never creates one. airlock's namespace becomes their owner, so that they go with it.
    The ConfigMaps that it fills have to be there: the chart makes them. Everything is decided from what is there and
    written only if that has not changed meanwhile: it may be killed at any time, and two at once do no harm.

    Beside that it watches the pods of the whole cluster and tells what the policy and the manifest say of those that
    run: what would be denied today, one tag that runs as two images, components that run different ones, variables
    that are missing. Digests are kept in the ConfigMap airlock-sightings.

    It exits with 0 after SIGTERM or Ctrl-C, with 1 when the port is taken or no cluster can be found, with 2 for a
    wrong option.
    """
    from webhook.cluster import ClusterError, connect  # noqa: PLC0415 - importing `kubernetes` takes half a second
    from webhook.controller.certificates import Lives  # noqa: PLC0415 - same
    from webhook.controller.loop import Options  # noqa: PLC0415 - same
    from webhook.controller.process import run  # noqa: PLC0415 - same
    from webhook.controller.scene import Site  # noqa: PLC0415 - same

    configure(log_level)
    site = Site(namespace, service_name, ca_secret, tls_secret, webhook_configuration, replica)
    asked = _registries(registry, registry_config, registry_ca)
    auditing = AuditOptions(audit_interval, audit_window, audit_reports, old_report, asked)
    documents = {"policy": policy, "required-env": required_env, "release": release}
    options = Options(
        site,
        _names(service_name, namespace, replica),
        accepted,
        {name: place for name, place in documents.items() if place is not None},
        certificates=certificates,
        lives=Lives(ca_life, leaf_life),
        pace=Pace(propagation=propagation, settling=settling),
        interval=interval,
        break_glass_label=break_glass_label,
        audit=auditing if audit else None,
    )
    try:
        cluster = connect(kubeconfig=kubeconfig)
    except ClusterError as error:
        raise click.ClickException(str(error)) from None
    run(options, cluster, host, metrics_port)


def _registries(texts: tuple[str, ...], config: Path | None, ca_file: Path | None) -> RegistryOptions | None:
    """Return which registries may be asked; None for none."""
    try:
        return RegistryOptions(allowed(texts), config, ca_file) if texts else None
    except HostError as error:
        raise click.UsageError(f"--registry: {error}") from None


def _names(service: str, namespace: str, replicas: tuple[str, ...]) -> Names:
    """Return what the leaf is for: the Service as clients in the cluster call it, and replicas outside."""
    try:
        hosts = [split_address(replica)[0] for replica in replicas]
        inside = [service, f"{service}.{namespace}", f"{service}.{namespace}.svc"]
        return parse_names([*inside, f"{service}.{namespace}.svc.cluster.local", *hosts])
    except ValueError as error:
        raise click.UsageError(str(error)) from None
