"""`airlock controller`: maintains an installation's certificates, caBundles and accepted documents."""

from datetime import timedelta
from pathlib import Path

import click

from certs.names import Names, parse_names
from certs.pace import CA_LIFE, LEAF_LIFE, Pace
from webhook.commands.options import ConfigMapSrc, Span, accepted, log_level, metrics_port, readable, setting
from webhook.controller.audit.options import AuditOptions, RegistryOptions
from webhook.controller.replicas import split_address
from webhook.registry.hosts import HostError, allowed
from webhook.sources.name import ConfigMapName
from webhook.sources.readable import Readable

PACE = Pace()
AUDIT = AuditOptions()


@click.command()
@setting("--namespace", required=True, help="airlock's own namespace, where its Service, Secrets and ConfigMaps are.")
@setting("--ca-secret", default="airlock-ca", show_default=True, help="The Secret with the CA and its key.")
@setting("--tls-secret", default="airlock-tls", show_default=True, help="The Secret with the replicas' certificate.")
@setting("--service-name", default="airlock", show_default=True, help="The Service that the API server calls.")
@setting(
    "--webhook-configuration",
    metavar="NAME",
    multiple=True,
    help="Set the caBundle in the Mutating- and ValidatingWebhookConfiguration of this name; repeatable. The"
    " controller creates none: it reports one that is missing.",
)
@accepted()
@setting("--policy", type=ConfigMapSrc(), help="The policy's ConfigMap (key policy.yaml).")
@setting("--required-env", type=ConfigMapSrc(), help="The required-env manifest's ConfigMap (key required-env.yaml).")
@setting("--release", type=ConfigMapSrc(), help="The release manifest's ConfigMap, if there is one (key release.yaml).")
@setting("--host", default="0.0.0.0", show_default=True, help="The address of the metrics port.")  # noqa: S104 - scraped from elsewhere
@metrics_port()
@setting(
    "--certificates/--no-certificates",
    default=True,
    help="Whether to create certificates and set caBundles; turn it off with cert-manager.",
)
@setting(
    "--break-glass-label",
    metavar="KEY",
    default="airlock/skip",
    show_default=True,
    help="The label of namespaces that the webhook configurations exclude; an Event reports each one.",
)
@setting("--ca-life", type=Span(), default=CA_LIFE, help="How long a new CA is valid; 3650d by default.")
@setting(
    "--leaf-life", type=Span(), default=LEAF_LIFE, help="How long a new server certificate is valid; 365d by default."
)
@setting(
    "--propagation",
    type=click.FloatRange(0),
    default=PACE.propagation,
    show_default=True,
    help="How many seconds a new CA must be trusted everywhere before it signs.",
)
@setting(
    "--settling",
    type=click.FloatRange(0),
    default=PACE.settling,
    show_default=True,
    help="How many seconds, at least, an old CA stays trusted after its last certificate was replaced.",
)
@setting(
    "--interval",
    type=click.FloatRange(0.05, 60),
    default=2.0,
    show_default=True,
    help="Seconds between two reconciles.",
)
@setting(
    "--replica",
    metavar="HOST:PORT",
    multiple=True,
    help="A replica that is not in the Service's Endpoints; webhook entries with its URL count as airlock's too."
    " Repeatable.",
)
@setting(
    "--audit/--no-audit",
    default=True,
    show_default=True,
    help="Whether to audit running pods, and report findings as Events, metrics and reports. The audit denies and"
    " changes nothing.",
)
@setting(
    "--audit-interval",
    type=click.FloatRange(0.05, 3600),
    default=AUDIT.interval,
    show_default=True,
    help="Seconds between two audits; an edit of a document triggers one at once.",
)
@setting(
    "--audit-window",
    type=Span(),
    default=AUDIT.window,
    help="How long to remember which digests an image ran as, also across restarts; 24h by default. Workers live for"
    " seconds, so drift shows only when pods that ran at different times are compared.",
)
@setting(
    "--audit-reports/--no-audit-reports",
    default=True,
    show_default=True,
    help="Whether to write one report per namespace: an openreports.io Report if the cluster has that API, else in"
    " one of the ConfigMaps airlock-report-0 to -15 in airlock's namespace, which must exist.",
)
@setting(
    "--old-report",
    metavar="NAME",
    multiple=True,
    help="A ConfigMap in airlock's namespace where an earlier version kept a report; the controller deletes it."
    " Repeatable.",
)
@readable()
@setting(
    "--registry",
    metavar="HOST[:PORT][;OPTION]...",
    multiple=True,
    help="A registry to ask which revision an image was built from; repeatable. Options: realm=HOST and blobs=HOST,"
    " the other hosts it can redirect airlock to for a token and for blobs; plain-http. Without this option airlock"
    " asks none.",
)
@setting(
    "--registry-config",
    type=click.Path(path_type=Path),
    help="A Docker config (.dockerconfigjson) with the credentials for these registries; read on every use.",
)
@setting(
    "--registry-ca",
    type=click.Path(path_type=Path),
    help="CA certificates (PEM) to trust for these registries, in addition to the system's.",
)
@setting(
    "--kubeconfig", help="The kubeconfig of the cluster; without it $KUBECONFIG, else the cluster this pod runs in."
)
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
    read_configmaps: tuple[str, ...],
    read_secrets: tuple[str, ...],
    registry: tuple[str, ...],
    registry_config: Path | None,
    registry_ca: Path | None,
    kubeconfig: str | None,
    log_level: str,
) -> None:
    """Manage certificates and caBundles, and audit running pods, until SIGTERM.

    It creates the CA and the certificate, renews both long before they expire, and sets the caBundle in existing
    webhook configurations; it never creates one. It makes airlock's namespace their owner, so that Kubernetes deletes
    them with it. The chart creates the ConfigMaps that it fills; they must exist. It writes an object only if that has
    not changed since it was read, so you can kill it at any time, and two at once do no harm.

    It also watches the pods of the whole cluster and checks running Airflow pods against the policy and the manifest:
    pods that the policy would deny today, one tag that runs as two images, components that run different images,
    missing variables, and references that cannot be resolved, in the namespaces where it can read names and keys. It
    keeps digests in the ConfigMap airlock-sightings.

    Exits with 0 after SIGTERM or Ctrl-C, with 1 if the port is taken or it finds no cluster, with 2 for a wrong option.
    """
    from webhook.serving.http.listening import listen_or_exit

    metrics = listen_or_exit(host, metrics_port, "--metrics-port")  # a kubelet waits while the rest is imported
    from webhook.cluster import ClusterError, connect
    from webhook.controller.certificates import Lives
    from webhook.controller.options import Options
    from webhook.controller.process import run
    from webhook.controller.scene import Site
    from webhook.observe.log import configure

    configure(log_level)
    site = Site(namespace, service_name, ca_secret, tls_secret, webhook_configuration, replica)
    asked = _registries(registry, registry_config, registry_ca)
    known = Readable(frozenset(read_configmaps), frozenset(read_secrets))
    auditing = AuditOptions(audit_interval, audit_window, audit_reports, old_report, asked, known)
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
    run(options, cluster, metrics)


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
