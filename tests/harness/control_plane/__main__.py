"""`python -m tests.harness.control_plane`: a control plane to play with, until Ctrl-C."""

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import click

from tests.harness.control_plane import ControlPlane, binaries
from tests.harness.control_plane.credentials import MARK

ENDINGS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}

UP = """\
Kubernetes {version} is up at {url}; it has no nodes, so pods stay Pending.

    export KUBECONFIG={kubeconfig}
    kubectl get namespaces

Logs, audit.log and certificates are in {folder}
Ctrl-C stops it and leaves nothing behind."""


@click.command()
@click.option(
    "--kubeconfig",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Put the administrator's kubeconfig here as well, until the end. A file of somebody else's is left alone.",
)
def main(kubeconfig: Path | None) -> None:
    """Start etcd, kube-apiserver and kube-controller-manager on free ports of loopback and stay until Ctrl-C.

    Their programs are those of $KUBEBUILDER_ASSETS, /usr/local/kubebuilder/bin or the cache; if none has them, they are
    built into the cache first, which takes five to ten minutes, once.

    Then, in another terminal, with the path that is printed:

    \b
        export KUBECONFIG=...
        kubectl create deployment web --image=nginx:1.27
        kubectl get pods

    Pods stay Pending: there is no node. Ctrl-C, or SIGTERM, ends every process and removes every file.
    """
    if kubeconfig and kubeconfig.exists() and not kubeconfig.read_bytes().startswith(MARK.encode()):
        raise click.ClickException(f"{kubeconfig} is somebody else's: choose another place for the kubeconfig")
    try:
        programs = binaries.find()
        with ControlPlane(programs) as plane, _copied(plane.kubeconfig, kubeconfig) as shown:
            # Blocked after the start, since children inherit it, and before anybody is told that it runs:
            # where SIGINT is ignored, as in a shell's background, one that comes earlier is lost.
            signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
            version = ".".join(map(str, plane.version))
            click.echo(UP.format(version=version, url=plane.url, kubeconfig=shown, folder=plane.site.folder))
            while signal.sigtimedwait(ENDINGS, 1) is None:
                plane.check()
    except RuntimeError as error:
        raise click.ClickException(str(error)) from None


@contextlib.contextmanager
def _copied(source: Path, target: Path | None) -> Iterator[Path]:
    if target is None:
        yield source
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.touch(mode=0o600)
    target.write_bytes(source.read_bytes())
    try:
        yield target.absolute()
    finally:
        target.unlink(missing_ok=True)


if __name__ == "__main__":
    main(prog_name="python -m tests.harness.control_plane")
