"""`airlock certs`: shows what is served and trusted, and makes certificates by hand."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from certs.names import Names, parse_names
from certs.pace import LEAF_LIFE, Pace
from webhook.commands.options import Span, installation, setting

if TYPE_CHECKING:
    from certs.plan import Leaf
    from webhook.controller.scene import Scene, Site


@click.group()
def certs() -> None:
    """Show which certificates are served and trusted, and create certificates by hand."""


@certs.command(short_help="Show the certificates that are served and trusted, and when they expire.")
@click.argument("addresses", metavar="[HOST:PORT]...", nargs=-1)
@setting("--namespace", default="airlock", show_default=True, help="airlock's own namespace.")
@setting("--ca-secret", default="airlock-ca", show_default=True, help="The Secret with the CA.")
@installation()
@setting(
    "--replica",
    metavar="HOST:PORT",
    multiple=True,
    help="A replica that is not in the Service's Endpoints; webhook entries with its URL count as airlock's too."
    " Repeatable.",
)
@setting("--kubeconfig", metavar="FILE", help="The kubeconfig; else $KUBECONFIG, this pod's, ~/.kube/config.")
def show(  # noqa: PLR0913 - an argument for each option
    *,
    addresses: tuple[str, ...],
    namespace: str,
    ca_secret: str,
    tls_secret: str,
    service_name: str,
    webhook_configuration: tuple[str, ...],
    replica: tuple[str, ...],
    kubeconfig: str | None,
) -> None:
    """Show the certificates in the Secrets, in the caBundles and on each replica, and when they expire.

    With HOST:PORT, show only the certificate served there, without a cluster.

    Exits with 1 if something cannot be read, if a webhook configuration is missing, or if no replica answers: airlock
    status says more about that.
    """
    if addresses:
        _show_addresses(addresses, f"{service_name}.{namespace}.svc")
        return
    from webhook.cluster import ClusterError, connect
    from webhook.controller.api import Api
    from webhook.controller.scene import Observer, Site

    site = Site(namespace, service_name, ca_secret, tls_secret, webhook_configuration, replica)
    try:
        with connect(kubeconfig=kubeconfig) as cluster:
            scene = Observer(Api(cluster), site, Names((site.server_name,)), time.monotonic).look()
    except (ClusterError, OSError) as error:
        raise click.ClickException(str(error)) from None
    for line in report(site, scene, datetime.now(UTC)):
        click.echo(line)
    missing = absent(site, scene)
    for line in missing:
        click.echo(line, err=True)
    if missing:
        raise SystemExit(1)


def absent(site: "Site", scene: "Scene") -> list[str]:
    """Return what must be there for anybody to be asked, and is not."""
    from webhook.controller.configurations import KINDS

    there = {str(each) for each in scene.configurations}
    wanted = [f"{kind} {name}" for name in site.configurations for kind in KINDS]
    told = [f"{each} does not exist: the API server does not ask airlock" for each in wanted if each not in there]
    if all(replica.leaf is None for replica in scene.observed.replicas):
        told.append(f"no replica of Service {site.namespace}/{site.service} answers")
    return told


def report(site: "Site", scene: "Scene", now: datetime) -> Iterator[str]:
    """Return the lines that tell of *scene*."""
    from certs.plan import plan

    seen = scene.observed
    yield f"Secret {site.namespace}/{site.ca_secret}"
    yield from (f"  {authority}, valid until {_day(authority.not_after)}" for authority in seen.authorities)
    if seen.torn or not seen.authorities:
        yield f"  {seen.torn or 'has no CA'}"
    yield f"Secret {site.namespace}/{site.tls_secret}"
    yield f"  {_leaf(seen.leaf, now) if seen.leaf else seen.torn_leaf or 'has no certificate'}"
    for configuration in scene.configurations:
        yield str(configuration)
        for entry in configuration.entries:
            trusted = [f"{each}, valid until {_day(each.not_after)}" for each in entry.trust.authorities]
            yield f"  {entry.name} trusts {' and '.join(trusted) or 'nobody'}"
    for replica in seen.replicas:
        yield f"replica {replica.place}"
        yield f"  {_leaf(replica.leaf, now) if replica.leaf else 'does not say what it serves'}"
    yield f"next: {plan(seen, now, Pace(propagation=0, settling=0)).why}"


@certs.command(short_help="Create tls.crt, tls.key and ca.crt in a folder.")
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--name", "names", metavar="NAME", multiple=True, required=True, help="A DNS name or IP address.")
@click.option("--life", type=Span(), default=LEAF_LIFE, help="How long the certificate is valid; 365d by default.")
def issue(directory: Path, names: tuple[str, ...], life: timedelta) -> None:
    """Create tls.crt, tls.key and ca.crt in DIRECTORY for the given names.

    For installations without `airlock controller` and without cert-manager: put ca.crt into the caBundle. It throws the
    CA's key away. It keeps existing files, unless airlock created them and they are no longer usable.
    """
    from certs.store import Ensured, StoreError, ensure_self_signed

    try:
        outcome = ensure_self_signed(directory, parse_names(names), datetime.now(UTC), life=life)
    except OSError as error:
        raise click.ClickException(f"{directory}: {_words(error)}") from None
    except (StoreError, ValueError) as error:
        raise click.ClickException(str(error)) from None
    detail = f": {outcome.detail}" if outcome.detail else ""
    click.echo(f"{directory}: {outcome.what}{detail}")
    if outcome.what is Ensured.KEPT:
        click.echo("remove the three files to have new ones made", err=True)


def _show_addresses(addresses: tuple[str, ...], name: str) -> None:
    from certs.certificate import CertificateError, read_facts
    from webhook.controller.replicas import shown, split_address

    silent = False
    for address in addresses:
        try:
            split_address(address)
            told = str(read_facts(shown(address, name)))
        except OSError as error:
            told, silent = f"does not say what it serves: {_words(error)}", True
        except (CertificateError, ValueError) as error:
            raise click.UsageError(str(error)) from None
        click.echo(f"{address}: {told}")
    if silent:
        raise SystemExit(1)


def _words(error: OSError) -> str:
    text = error.strerror or str(error)
    return text if text.startswith("[SSL") else text.lower()


def _leaf(leaf: "Leaf", now: datetime) -> str:
    fault = leaf.fault(now)
    signer = f"signed by CA {leaf.issuer[:12]}" if leaf.issuer else "signed by an unknown CA"
    return f"{signer}, valid until {_day(leaf.not_after)}{f'; of no use: {fault}' if fault else ''}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
